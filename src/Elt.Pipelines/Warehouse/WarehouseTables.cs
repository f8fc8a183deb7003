using Elt.Pipelines.Schema;

namespace Elt.Pipelines.Warehouse;

/// <summary>The tables of a dataset in the warehouse. For <c>users</c> they are what the migrations have made; a test compares the two.</summary>
internal static class WarehouseTables
{
    private const string OfIntegration =
        """
        organization_id text not null
        connected_integration_id text not null
        """;

    // SQLite makes a table of a list of more than two values anew for each row that is inserted: more than half the work of staging one.
    private const string IsState = "state = 'present' or state = 'removed' or state = 'deleted' or state = 'outofscope' or state = 'quarantined'";
    private const string IsChangeType = "change_type = 'INSERT' or change_type = 'UPDATE' or change_type = 'DELETE'";

    /// <summary>All tables of a dataset.</summary>
    public static IEnumerable<DatasetTable> Of(Dataset dataset)
    {
        var declared = dataset.Columns.Select(column => new TableColumn(column.Name, column.SqliteType, IsDeclared: true)).ToList();
        return [Staging(dataset, declared), Changes(dataset, declared), Latest(dataset, declared), History(dataset, declared), .. Marks(dataset)];
    }

    private static DatasetTable Staging(Dataset dataset, IEnumerable<TableColumn> declared) => Table(
        dataset, "_staging", ["workflow_id", "page", "ordinal"],
        [
            .. TableColumn.Lines(
                """
                workflow_id text not null
                page integer not null
                ordinal integer not null
                id text not null
                external_id text not null
                """),
            .. declared,
            .. TableColumn.Lines(
                $"""
                created_at text not null
                state text not null default 'present' check ({IsState})
                updated_at text
                """),
        ]);

    private static DatasetTable Changes(Dataset dataset, IEnumerable<TableColumn> declared) => Table(
        dataset, "_cdc", ["workflow_id", "external_id"],
        [
            .. TableColumn.Lines(
                """
                workflow_id text not null
                external_id text not null
                id text not null
                """),
            .. declared,
            .. TableColumn.Lines(
                $"""
                change_type text not null check ({IsChangeType})
                changed_fields text
                detected_at text not null
                resurrected integer not null default 0
                updated_at text
                """),
        ]);

    private static DatasetTable Latest(Dataset dataset, IEnumerable<TableColumn> declared) => Table(
        dataset, "_latest", ["external_id"],
        [
            .. TableColumn.Lines(
                """
                external_id text not null
                id text not null
                """),
            .. declared,
            .. TableColumn.Lines(
                """
                last_updated text not null
                updated_at text
                """),
        ]);

    private static DatasetTable History(Dataset dataset, IEnumerable<TableColumn> declared) => Table(
        dataset, "_history", ["external_id", "version"],
        [
            .. TableColumn.Lines(
                """
                external_id text not null
                version integer not null check (version >= 1)
                id text not null
                """),
            .. declared,
            .. TableColumn.Lines(
                """
                valid_from text not null
                valid_to text check (valid_to >= valid_from)
                is_current integer not null default 1 check (is_current = (valid_to is null))
                workflow_id text
                """),
        ]) with { CurrentWhere = "is_current = 1" };

    private static DatasetTable[] Marks(Dataset dataset) =>
    [
        Table(dataset, "_quarantine", ["record_key"], TableColumn.Lines(
            """
            record_key text not null
            external_id text
            workflow_id text not null
            page integer not null
            ordinal integer not null
            raw text
            reasons text not null
            state text not null check (state in ('open', 'resolved'))
            runs integer not null
            first_seen_at text not null
            last_seen_at text not null
            discarded_by text
            discarded_at text
            replayed_by text
            replayed_at text
            """)),
        Table(dataset, "_missing", ["external_id"], TableColumn.Lines(
            """
            external_id text not null
            runs integer not null
            last_seq integer not null
            """)),
        Table(dataset, "_tombstones", ["id"], TableColumn.Lines(
            """
            id text not null
            deleted_at text not null
            """)),
    ];

    private static DatasetTable Table(Dataset dataset, string suffix, string[] key, IEnumerable<TableColumn> columns) =>
        new(dataset.Name + suffix, [.. TableColumn.Lines(OfIntegration), .. columns], ["organization_id", "connected_integration_id", .. key]);
}
