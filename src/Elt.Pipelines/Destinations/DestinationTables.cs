using Elt.Pipelines.Schema;
using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Destinations;

/// <summary>The tables of a dataset in a destination. For <c>users</c> they are what the migrations have made; a test compares the two.</summary>
internal static class DestinationTables
{
    private static readonly Spelling OfSqlite = new(
        column => column.SqliteType, Id: "text", Number: "integer", Time: "text", Now: "text not null", Json: "text",
        IsCurrent: "integer not null default 1 check (is_current = (valid_to is null))", CurrentWhere: "is_current = 1");

    private static readonly Spelling OfPostgres = new(
        column => column.PostgresType, Id: "uuid", Number: "bigint", Time: "timestamptz", Now: "timestamptz not null default now()", Json: "jsonb",
        IsCurrent: "boolean not null generated always as (valid_to is null) stored", CurrentWhere: "is_current");

    /// <summary>The tables in a SQLite file.</summary>
    public static IEnumerable<DatasetTable> Sqlite(Dataset dataset) => Of(dataset, OfSqlite);

    /// <summary>The tables in the schema <c>elt</c> of a Postgres database.</summary>
    public static IEnumerable<DatasetTable> Postgres(Dataset dataset) => Of(dataset, OfPostgres);

    private static DatasetTable[] Of(Dataset dataset, Spelling store)
    {
        var declared = dataset.Columns.Select(column => new TableColumn(column.Name, store.Declared(column), IsDeclared: true)).ToList();
        return [Rows(dataset, store, declared), History(dataset, store, declared), Changes(dataset, store)];
    }

    private static DatasetTable Rows(Dataset dataset, Spelling store, IEnumerable<TableColumn> declared) => Table(
        dataset.Name, ["external_id"],
        [
            .. TableColumn.Lines(
                $"""
                external_id text not null
                id {store.Id} not null
                """),
            .. declared,
            .. TableColumn.Lines(
                $"""
                last_seq {store.Number} not null
                updated_at {store.Now}
                deleted_at {store.Time}
                """),
        ]);

    private static DatasetTable History(Dataset dataset, Spelling store, IEnumerable<TableColumn> declared) => Table(
        dataset.Name + "_history", ["external_id", "version"],
        [
            .. TableColumn.Lines(
                $"""
                external_id text not null
                version integer not null check (version >= 1)
                id {store.Id} not null
                """),
            .. declared,
            .. TableColumn.Lines(
                $"""
                valid_from {store.Time} not null
                valid_to {store.Time} check (valid_to >= valid_from)
                is_current {store.IsCurrent}
                run_id text not null
                """),
        ]) with { CurrentWhere = store.CurrentWhere };

    private static DatasetTable Changes(Dataset dataset, Spelling store) => Table(
        dataset.Name + "_changes", ["change_id"],
        TableColumn.Lines(
            $"""
            change_id {store.Number} not null
            run_id text not null
            external_id text not null
            change_type text not null check (change_type in ('INSERT', 'UPDATE', 'DELETE', 'RESTORE'))
            before {store.Json}
            after {store.Json}
            occurred_at {store.Now}
            """));

    private static DatasetTable Table(string name, string[] key, IEnumerable<TableColumn> columns) => new(
        name,
        [
            .. TableColumn.Lines(
                """
                organization_id text not null
                connected_integration_id text not null
                """),
            .. columns,
        ],
        ["organization_id", "connected_integration_id", .. key]);

    /// <summary>How a store spells the types.</summary>
    /// <param name="Declared">Type of a dataset's column.</param>
    /// <param name="Id">Of a record's own id.</param>
    /// <param name="Number">Of numbers that grow.</param>
    /// <param name="Time">Of a time.</param>
    /// <param name="Now">Of the time of a write.</param>
    /// <param name="Json">Of JSON.</param>
    /// <param name="IsCurrent">Of the mark of current versions.</param>
    /// <param name="CurrentWhere">Which rows bear the mark.</param>
    private sealed record Spelling(
        Func<DatasetColumn, string> Declared, string Id, string Number, string Time, string Now, string Json, string IsCurrent, string CurrentWhere);
}
