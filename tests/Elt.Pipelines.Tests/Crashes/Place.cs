using System.Data.Common;
using Elt.Testing;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Elt.Pipelines.Tests.Crashes;

/// <summary>Where a pipeline keeps all it has: journal, warehouse and destination, in files or, but for the warehouse, in Postgres.</summary>
internal sealed class Place : IDisposable
{
    // What a crash cannot lose is not at stake here, and memory is quick to commit to.
    private static readonly string Base = Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath();

    private readonly string _folder = Directory.CreateDirectory(Path.Combine(Base, $"elt-place-{Guid.CreateVersion7():N}")).FullName;

    private Place(string? postgres) => Postgres = postgres;

    public string? Postgres { get; }

    public static async Task<Place> CreateAsync(bool inPostgres) => new(inPostgres ? await PostgresServer.CreateDatabaseAsync() : null);

    public string File(string name) => Path.Combine(_folder, name);

    /// <summary>A copy, while no process is at work here.</summary>
    public async Task<Place> CopyAsync()
    {
        var template = Postgres is null ? null : new NpgsqlConnectionStringBuilder(Postgres).Database;
        var copy = new Place(template is null ? null : await PostgresServer.CreateDatabaseAsync(template));
        foreach (var file in Directory.GetFiles(_folder))
            System.IO.File.Copy(file, copy.File(Path.GetFileName(file)));
        return copy;
    }

    /// <summary>Makes the leases of dead workers end, as time does. In a file they end with their process.</summary>
    public async Task ExpireLeasesAsync()
    {
        if (Postgres is null)
            return;
        await using var connection = new NpgsqlConnection(Postgres + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand("update durable.workers set lease_until = '-infinity'", connection);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>All rows of warehouse and destination, ledgers included; of times only whether they are there.</summary>
    public async Task<List<string>> ReadAsync()
    {
        const string FileColumns = "select m.name, c.name from sqlite_master m join pragma_table_info(m.name) c where m.type = 'table' order by m.name, c.cid";
        const string SchemaColumns =
            "select 'elt.' || table_name, column_name from information_schema.columns where table_schema = 'elt' order by table_name, ordinal_position";
        var rows = await ReadAsync(new SqliteConnection($"Data Source={File("warehouse.db")};Pooling=false"), "warehouse", FileColumns);
        rows.AddRange(Postgres is null
            ? await ReadAsync(new SqliteConnection($"Data Source={File("destination.db")};Pooling=false"), "destination", FileColumns)
            : await ReadAsync(new NpgsqlConnection(Postgres + ";Pooling=false"), "destination", SchemaColumns));
        return rows;
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static async Task<List<string>> ReadAsync(DbConnection connection, string name, string columns)
    {
        await using var _ = connection;
        await connection.OpenAsync();
        var rows = new List<string>();
        foreach (var table in (await QueryAsync(connection, columns)).GroupBy(row => row[0], row => row[1]!).Where(table => !table.Key!.EndsWith("step_fence", StringComparison.Ordinal)))
        {
            var shown = table.Select(column => DiffersByTime(column) ? $"case when {column} is null then '-' else 'set' end" : column);
            rows.AddRange((await QueryAsync(connection, $"select {string.Join(", ", shown)} from {table.Key}"))
                .Select(row => $"{name}.{table.Key}: {string.Join('|', row.Select(value => value ?? "-"))}"));
        }
        rows.Sort(StringComparer.Ordinal);
        return rows;
    }

    private static bool DiffersByTime(string column) =>
        column.EndsWith("_at", StringComparison.Ordinal) || column is "last_updated" or "valid_from" or "valid_to" or "since" or "epoch" or "incarnation";

    private static async Task<List<string?[]>> QueryAsync(DbConnection connection, string sql)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await using var row = await command.ExecuteReaderAsync();
        var rows = new List<string?[]>();
        while (await row.ReadAsync())
            rows.Add([.. Enumerable.Range(0, row.FieldCount).Select(i => row.IsDBNull(i) ? null : Convert.ToString(row.GetValue(i)))]);
        return rows;
    }
}
