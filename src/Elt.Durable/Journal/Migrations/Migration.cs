using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;

namespace Elt.Durable.Journal.Migrations;

/// <summary>A numbered, frozen script that brings a store's tables one version further.</summary>
internal sealed record Migration(int Number, string Name, string Sql, string Hash)
{
    /// <summary>The embedded scripts of a store, in order.</summary>
    /// <param name="store">Name of the folder: <c>Postgres</c> or <c>Sqlite</c>.</param>
    public static IReadOnlyList<Migration> For(string store)
    {
        var assembly = typeof(Migration).Assembly;
        var folder = $"{typeof(Migration).Namespace}.{store}.";
        return [.. assembly.GetManifestResourceNames().Where(n => n.StartsWith(folder, StringComparison.Ordinal)).Order(StringComparer.Ordinal)
            .Select(n => Read(assembly, n, n[folder.Length..]))];
    }

    /// <summary>Those that a store lacks.</summary>
    /// <param name="migrations">All scripts of this code.</param>
    /// <param name="applied">Number and hash of those that the store has.</param>
    /// <exception cref="JournalException">The store is newer than this code, or was migrated by a script that has changed since.</exception>
    public static IEnumerable<Migration> Missing(IReadOnlyList<Migration> migrations, IReadOnlyDictionary<int, string> applied)
    {
        if (applied.Keys.Where(number => number > migrations[^1].Number).Order().FirstOrDefault() is > 0 and var newer)
            throw new JournalException($"The journal has migration {newer}, this program knows them up to {migrations[^1].Number}: it was used by a newer version. Run that version or a later one.");
        foreach (var migration in migrations)
        {
            if (!applied.TryGetValue(migration.Number, out var hash))
                yield return migration;
            else if (hash != migration.Hash)
                throw new JournalException($"Migration {migration.Name} was applied with other content than this program has: released scripts must not be edited. Restore the script, and add a new one.");
        }
    }

    private static Migration Read(Assembly assembly, string resource, string file)
    {
        using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!, Encoding.UTF8);
        var sql = reader.ReadToEnd().ReplaceLineEndings("\n");
        var number = int.Parse(file[..4], CultureInfo.InvariantCulture);
        return new Migration(number, Path.GetFileNameWithoutExtension(file), sql, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(sql))));
    }
}
