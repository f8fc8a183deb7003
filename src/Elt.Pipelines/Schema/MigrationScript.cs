using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;

namespace Elt.Pipelines.Schema;

/// <summary>
/// One numbered, frozen DDL file of a store, such as <c>Warehouse/Migrations/0001_tables.sql</c>. A file that was released is never edited:
/// its hash is kept in the database and checked at every start.
/// </summary>
/// <param name="Store">Folder of the file, which names the store in <c>elt_migrations</c>.</param>
/// <param name="Version">Number the file name begins with.</param>
/// <param name="Name">File name.</param>
/// <param name="Sql">Its text.</param>
internal sealed record MigrationScript(string Store, int Version, string Name, string Sql)
{
    /// <summary>SHA-256 of the text in hex.</summary>
    public string Hash { get; } = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Sql)));

    /// <summary>The scripts of a store in the order of their versions.</summary>
    public static IReadOnlyList<MigrationScript> Of(string store)
    {
        var assembly = Assembly.GetExecutingAssembly();
        return [.. assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(store + "/", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .Select(name => Read(assembly, store, name))];
    }

    /// <summary>The scripts that a database still lacks.</summary>
    /// <param name="scripts">All scripts of the store.</param>
    /// <param name="applied">Version and hash of those that the database has.</param>
    /// <exception cref="SchemaException">The database was migrated by other or newer code.</exception>
    public static IEnumerable<MigrationScript> Pending(IReadOnlyList<MigrationScript> scripts, IReadOnlyDictionary<int, string> applied)
    {
        var store = scripts[0].Store;
        if (applied.Keys.Except(scripts.Select(s => s.Version)).Order().FirstOrDefault() is var unknown && unknown != 0)
            throw new SchemaException($"The database has migration {unknown} of {store}, which this version does not know: start the newer version.");
        foreach (var script in scripts)
        {
            if (!applied.TryGetValue(script.Version, out var hash))
                yield return script;
            else if (hash != script.Hash)
                throw new SchemaException($"Migration {script.Name} of {store} was applied with other content: released files must not be edited.");
        }
    }

    private static MigrationScript Read(Assembly assembly, string store, string resource)
    {
        using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!);
        var name = resource[(store.Length + 1)..];
        return new MigrationScript(store, int.Parse(name.AsSpan(0, 4), CultureInfo.InvariantCulture), name, reader.ReadToEnd());
    }
}

/// <summary>The tables of a database do not fit this version of the program.</summary>
/// <param name="message">What was found and what to do.</param>
public sealed class SchemaException(string message) : Exception(message);
