using System.Runtime.CompilerServices;
using Microsoft.Data.Sqlite;

namespace Elt.Durable.Ledger;

/// <summary>
/// The native library, loaded once. Two threads that load it at once each put a provider in place, and with the one that lost the garbage collector takes
/// the callbacks (functions, hooks) that connections opened meanwhile still call: the process dies. Frozen, the first provider stays.
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
