using Elt.Pipelines.Warehouse;
using Npgsql;

namespace Elt.Pipelines.Schema;

/// <summary>Brings the tables of datasets in the schema <c>elt</c> of a Postgres database in step with their declarations.</summary>
internal static class PostgresTables
{
    /// <summary>Creates the tables, and adds the columns, that are missing, all of it or nothing; safe when many processes do it at once.</summary>
    /// <exception cref="SchemaException">A table cannot become what is declared.</exception>
    public static async Task EnsureAsync(NpgsqlDataSource dataSource, IEnumerable<DatasetTable> tables, CancellationToken ct)
    {
        await using var connection = await dataSource.OpenConnectionAsync(ct).ConfigureAwait(false);
        await using var transaction = await connection.BeginTransactionAsync(ct).ConfigureAwait(false);
        await PostgresMigrations.LockAsync(connection, ct).ConfigureAwait(false);
        foreach (var table in tables)
            await EnsureAsync(connection, table, ct).ConfigureAwait(false);
        await transaction.CommitAsync(ct).ConfigureAwait(false);
    }

    // Asks before it alters: what is as it should be is not locked, and no sync has to wait.
    private static async Task EnsureAsync(NpgsqlConnection connection, DatasetTable table, CancellationToken ct)
    {
        var name = $"{PostgresMigrations.SchemaName}.{Dataset.Quote(table.Name)}";
        var found = await ColumnsAsync(connection, name, ct).ConfigureAwait(false);
        if (found.Count > 0)
        {
            var missing = table.Missing(found).Select(column => $"add column {column.Text}").ToList();
            if (missing.Count > 0)
                await PostgresMigrations.ExecuteAsync(connection, $"alter table {name} {string.Join(", ", missing)}", ct).ConfigureAwait(false);
            return;
        }
        await PostgresMigrations.ExecuteAsync(connection, $"create table {name} (\n  {table.Body})", ct).ConfigureAwait(false);
        if (table.CurrentWhere is { } current)
        {
            await PostgresMigrations.ExecuteAsync(
                connection,
                $"create unique index {Dataset.Quote(table.Name + "_current")} on {name} (organization_id, connected_integration_id, external_id) where {current}",
                ct).ConfigureAwait(false);
        }
    }

    private static async Task<Dictionary<string, string>> ColumnsAsync(NpgsqlConnection connection, string table, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            select attname::text, format_type(atttypid, atttypmod) from pg_attribute
            where attrelid = to_regclass($1) and attnum > 0 and not attisdropped
            """,
            connection)
        {
            Parameters = { new() { Value = table } },
        };
        await using var row = await command.ExecuteReaderAsync(ct).ConfigureAwait(false);
        var columns = new Dictionary<string, string>();
        while (await row.ReadAsync(ct).ConfigureAwait(false))
            columns[row.GetString(0)] = row.GetString(1);
        return columns;
    }
}
