using Elt.Durable.Ledger;
using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Schema;

/// <summary>Brings the tables of datasets in a SQLite file in step with their declarations.</summary>
internal static class SqliteTables
{
    /// <summary>Creates the tables, and adds the columns, that are missing; all of it or nothing.</summary>
    /// <exception cref="SchemaException">A table cannot become what is declared.</exception>
    public static Task<bool> EnsureAsync(SqliteDatabase database, IEnumerable<DatasetTable> tables, CancellationToken ct) => database.WriteAsync(
        transaction =>
        {
            foreach (var table in tables)
                Ensure(transaction, table);
            return true;
        },
        ct);

    private static void Ensure(SqliteTransaction transaction, DatasetTable table)
    {
        var found = transaction
            .Query("select name, type from pragma_table_info($table)", row => (Name: row.GetString(0), Type: row.GetString(1)), ("$table", table.Name))
            .ToDictionary(column => column.Name, column => column.Type);
        if (found.Count == 0)
            transaction.Execute($"create table {Dataset.Quote(table.Name)} (\n  {table.Body}) without rowid");
        else
        {
            foreach (var column in table.Missing(found))
                transaction.Execute($"alter table {Dataset.Quote(table.Name)} add column {column.Text}");
        }
        if (table.CurrentWhere is { } current)
        {
            transaction.Execute(
                $"create unique index if not exists {Dataset.Quote(table.Name + "_current")} on {Dataset.Quote(table.Name)} "
                + $"(organization_id, connected_integration_id, external_id) where {current}");
        }
    }
}
