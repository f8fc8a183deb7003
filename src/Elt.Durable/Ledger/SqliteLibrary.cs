using System.Runtime.CompilerServices;
using Microsoft.Data.Sqlite;

namespace Elt.Durable.Ledger;

/// <summary>
/// The native library, loaded once and kept. Each load puts another provider in place, and the callbacks of a connection (functions, hooks) live as long
/// as the provider that was there at its first registration: one that is registered after another load is collected while SQLite still calls it, and
/// the process dies. Frozen, the first provider stays.
/// </summary>
internal static class SqliteLibrary
{
    private static readonly Lazy<bool> Loaded = new(Load);

    /// <summary>To be called before anything of SQLite is.</summary>
    public static void EnsureLoaded() => _ = Loaded.Value;

    private static bool Load()
    {
        // The driver chooses the provider when it is used first.
        RuntimeHelpers.RunClassConstructor(typeof(SqliteConnection).TypeHandle);
        SQLitePCL.raw.FreezeProvider();
        return true;
    }
}
