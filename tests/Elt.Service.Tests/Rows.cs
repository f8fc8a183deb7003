using System.Data.Common;
using System.Globalization;
using Elt.Testing;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Elt.Service.Tests;

/// <summary>Looks into the databases past the service, as a user with sqlite3 or psql does.</summary>
internal static class Rows
{
    /// <summary>All rows of all tables of a SQLite file, with every column.</summary>
    public static async Task<IReadOnlyList<string>> OfFileAsync(string file)
    {
        var tables = await OfFileAsync(file, "select name from sqlite_schema where type = 'table' order by name");
        var rows = new List<string>();
        foreach (var table in tables)
            rows.AddRange((await OfFileAsync(file, $"select * from \"{table}\"")).Select(row => $"{table}: {row}").Order(StringComparer.Ordinal));
        return rows;
    }

    public static async Task<IReadOnlyList<string>> OfFileAsync(string file, string sql)
    {
        await using var connection = new SqliteConnection($"Data Source={file};Mode=ReadOnly;Pooling=False");
        await connection.OpenAsync();
        return await ReadAsync(connection, sql);
    }

    public static async Task<IReadOnlyList<string>> OfPostgresAsync(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        return await ReadAsync(connection, sql);
    }

    /// <summary>What the warehouse and the embedded destination hold about a data directory's users, without times.</summary>
    public static async Task<IReadOnlyList<string>> OfUsersAsync(TempFolder data)
    {
        const string Who = "organization_id, connected_integration_id, external_id, id, name, email, attributes";
        return
        [
            .. await OfFileAsync(data.File("warehouse.db"), $"select 'staged', workflow_id, page, ordinal, {Who} from users_staging order by 1, 2, 3, 4, 5, 6"),
            .. await OfFileAsync(data.File("warehouse.db"), $"select 'changed', workflow_id, change_type, changed_fields, {Who} from users_cdc order by 1, 2, 5, 6, 7"),
            .. await OfFileAsync(data.File("warehouse.db"), $"select 'latest', {Who} from users_latest order by 2, 3, 4"),
            .. await OfFileAsync(data.File("destination.db"), $"select 'synced', {Who} from users order by 2, 3, 4"),
        ];
    }

    private static async Task<IReadOnlyList<string>> ReadAsync(DbConnection connection, string sql)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<string>();
        while (await reader.ReadAsync())
            rows.Add(string.Join('|', Enumerable.Range(0, reader.FieldCount).Select(i => Convert.ToString(reader.GetValue(i), CultureInfo.InvariantCulture))));
        return rows;
    }
}
