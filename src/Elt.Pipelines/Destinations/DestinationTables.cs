using Elt.Pipelines.Schema;
using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Destinations;

/// <summary>The tables of a dataset in a destination. For <c>users</c> they are what the migrations have made; a test compares the two.</summary>
internal static class DestinationTables
{
    /// <summary>The tables in a SQLite file.</summary>
    public static IEnumerable<DatasetTable> Sqlite(Dataset dataset) => Of(
        dataset, column => column.SqliteType,
        id: "text", number: "integer", time: "text", json: "text", set: "text not null",
        isCurrent: "integer not null default 1 check (is_current = (valid_to is null))", currentWhere: "is_current = 1");

    /// <summary>The tables in the schema <c>elt</c> of a Postgres database.</summary>
    public static IEnumerable<DatasetTable> Postgres(Dataset dataset) => Of(
        dataset, column => column.PostgresType,
        id: "uuid", number: "bigint", time: "timestamptz", json: "jsonb", set: "timestamptz not null default now()",
        isCurrent: "boolean not null generated always as (valid_to is null) stored", currentWhere: "is_current");

    private static DatasetTable[] Of(
        Dataset dataset, Func<DatasetColumn, string> type, string id, string number, string time, string json, string set, string isCurrent, string currentWhere)
    {
        var declared = dataset.Columns.Select(column => new TableColumn(column.Name, type(column), IsDeclared: true)).ToList();
        return
        [
            Table(dataset.Name, ["external_id"],
            [
                .. TableColumn.Lines(
                    $"""
                    external_id text not null
                    id {id} not null
                    """),
                .. declared,
                .. TableColumn.Lines(
                    $"""
                    last_seq {number} not null
                    updated_at {set}
                    deleted_at {time}
                    """),
            ]),
            Table(dataset.Name + "_history", ["external_id", "version"],
            [
                .. TableColumn.Lines(
                    $"""
                    external_id text not null
                    version integer not null check (version >= 1)
                    id {id} not null
                    """),
                .. declared,
                .. TableColumn.Lines(
                    $"""
                    valid_from {time} not null
                    valid_to {time} check (valid_to >= valid_from)
                    is_current {isCurrent}
                    run_id text not null
                    """),
            ]) with { CurrentWhere = currentWhere },
            Table(dataset.Name + "_changes", ["change_id"], TableColumn.Lines(
                $"""
                change_id {number} not null
                run_id text not null
                external_id text not null
                change_type text not null check (change_type in ('INSERT', 'UPDATE', 'DELETE', 'RESTORE'))
                before {json}
                after {json}
                occurred_at {set}
                """)),
        ];
    }

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
}
