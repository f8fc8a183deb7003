using Elt.Pipelines.Warehouse;
using NpgsqlTypes;

namespace Elt.Pipelines.Destinations;

/// <summary>
/// All statements on the tables of a dataset in Postgres. Parameters: <c>$1</c> organization, <c>$2</c> integration, <c>$3</c> number of the run.
/// </summary>
internal sealed class PostgresDatasetSql(Dataset dataset)
{
    private const string OfIntegration = "organization_id = $1 and connected_integration_id = $2";

    private readonly string _table = $"elt.{Dataset.Quote(dataset.Name)}";
    private readonly string _incoming = $"pg_temp.{Dataset.Quote(dataset.Name + "_incoming")}";
    private readonly string _columns = dataset.Each("{0}");

    /// <summary>Name of the stream in <c>elt.sync_stream</c>.</summary>
    public string DatasetName => dataset.Name;

    /// <summary>Types of the dataset's columns in their order.</summary>
    public IReadOnlyList<NpgsqlDbType> Types { get; } = [.. dataset.Columns.Select(
        column => column.Kind == ColumnKind.RemainingMembers ? NpgsqlDbType.Jsonb : NpgsqlDbType.Text)];

    /// <summary>Counts the rows of an integration.</summary>
    public string Count => $"select count(*) from {_table} where {OfIntegration}";

    /// <summary>Counts the rows of all integrations.</summary>
    public string CountByIntegration =>
        $"select organization_id, connected_integration_id, count(*) from {_table} group by organization_id, connected_integration_id";

    /// <summary>
    /// Merges changes that come as arrays: <c>$4</c> external ids, <c>$5</c> ids, <c>$6</c> deleted flags, from <c>$7</c> on the columns.
    /// </summary>
    public string MergeArrays => Merge(
        $"(select * from unnest($4::text[], $5::uuid[], $6::boolean[], {string.Join(", ", Types.Select((type, i) => $"${i + 7}::{Name(type)}[]"))}) "
        + $"as t (external_id, id, deleted, {_columns}))");

    /// <summary>Creates the temporary table that COPY fills; it goes with the transaction.</summary>
    public string CreateIncoming =>
        $"""
        create temporary table {Dataset.Quote(dataset.Name + "_incoming")} (
          external_id text not null, id uuid not null, deleted boolean not null,
          {string.Join(", ", dataset.Columns.Zip(Types, (column, type) => $"{Dataset.Quote(column.Name)} {Name(type)}"))}) on commit drop
        """;

    /// <summary>Fills the temporary table.</summary>
    public string CopyIncoming => $"copy {_incoming} (external_id, id, deleted, {_columns}) from stdin (format binary)";

    /// <summary>Gives the planner the temporary table's size.</summary>
    public string AnalyzeIncoming => $"analyze {_incoming}";

    /// <summary>Merges the temporary table.</summary>
    public string MergeIncoming => Merge(_incoming);

    /// <summary>Counts the rows that a full load did not bring.</summary>
    public string CountSurplus => $"select count(*) from {_table} u where {OfIntegration} and {NotIncoming}";

    /// <summary>Deletes the rows that a full load did not bring.</summary>
    public string DeleteSurplus => $"delete from {_table} u where {OfIntegration} and {NotIncoming}";

    private string NotIncoming => $"not exists (select 1 from {_incoming} c where c.external_id = u.external_id)";

    // Rows that do not differ match no branch and are not written: they keep their version, and a replay costs next to nothing.
    private string Merge(string source) =>
        $"""
        merge into {_table} u
        using {source} c
        on u.organization_id = $1 and u.connected_integration_id = $2 and u.external_id = c.external_id
        when matched and c.deleted then delete
        when matched and (u.id, {dataset.Each("u.{0}")}) is distinct from (c.id, {dataset.Each("c.{0}")}) then
          update set id = c.id, {dataset.Each("{0} = c.{0}")}, last_seq = $3, updated_at = now()
        when not matched and not c.deleted then
          insert (organization_id, connected_integration_id, external_id, id, {_columns}, last_seq)
          values ($1, $2, c.external_id, c.id, {dataset.Each("c.{0}")}, $3)
        """;

    private static string Name(NpgsqlDbType type) => type == NpgsqlDbType.Jsonb ? "jsonb" : "text";
}
