using System.Globalization;
using Elt.Pipelines.Warehouse;
using NpgsqlTypes;

namespace Elt.Pipelines.Destinations;

/// <summary>
/// All statements on the tables of a dataset in Postgres. Parameters: <c>$1</c> organization, <c>$2</c> integration; of those that write
/// further <c>$3</c> number of the run, <c>$4</c> last number in the outbox, <c>$5</c> run.
/// </summary>
internal sealed class PostgresDatasetSql(Dataset dataset, DestinationOptions options)
{
    private const string OfIntegration = "organization_id = $1 and connected_integration_id = $2";

    private const string OfKey = "u.organization_id = $1 and u.connected_integration_id = $2 and u.external_id = c.external_id";

    private readonly string _table = $"elt.{Dataset.Quote(dataset.Name)}";
    private readonly string _incoming = $"pg_temp.{Dataset.Quote(dataset.Name + "_incoming")}";
    private readonly string _columns = dataset.Each("{0}");

    /// <summary>Name of the stream in <c>elt.sync_stream</c>.</summary>
    public string DatasetName => dataset.Name;

    /// <summary>
    /// How the values of the dataset's columns are sent, in their order. Numbers and times are sent as text and become what they are in the server,
    /// which knows each of their digits.
    /// </summary>
    public IReadOnlyList<NpgsqlDbType> Types { get; } = [.. dataset.Columns.Select(
        column => column.PostgresType == "jsonb" ? NpgsqlDbType.Jsonb : NpgsqlDbType.Text)];

    /// <summary>The outbox.</summary>
    public string Changes { get; } = $"elt.{Dataset.Quote(dataset.Name + "_changes")}";

    /// <summary>Statements on the history.</summary>
    public PostgresHistorySql History { get; } = new(dataset);

    /// <summary>Counts the rows of an integration whose records are there.</summary>
    public string Count => $"select count(*) from {_table} where {OfIntegration} and deleted_at is null";

    /// <summary>Counts the rows of all integrations whose records are there.</summary>
    public string CountByIntegration =>
        $"""
        select organization_id, connected_integration_id, count(*) from {_table} where deleted_at is null
        group by organization_id, connected_integration_id
        """;

    /// <summary>
    /// Merges changes that come as arrays: <c>$6</c> external ids, <c>$7</c> ids, <c>$8</c> deleted flags, from <c>$9</c> on the columns.
    /// Each row is looked up by its whole key, whatever the planner believes about the integration.
    /// </summary>
    public string MergeArrays => Merge(
        $"(select {Incoming} from unnest($6::text[], $7::uuid[], $8::boolean[], {string.Join(", ", Types.Select((type, i) => $"${i + 9}::{Name(type)}[]"))}) "
        + $"as t (external_id, id, deleted, {_columns}))",
        $"lateral (select u.*, u.ctid from {_table} u where {OfKey} offset 0) u on true",
        "u.ctid = c.ctid");

    /// <summary>Creates the temporary table that COPY fills; it goes with the transaction.</summary>
    public string CreateIncoming =>
        $"""
        create temporary table {Dataset.Quote(dataset.Name + "_incoming")} (
          external_id text not null, id uuid not null, deleted boolean not null,
          {string.Join(", ", dataset.Columns.Zip(Types, (column, type) => $"{Dataset.Quote(column.Name)} {Name(type)}"))}) on commit drop
        """;

    /// <summary>Whether COPY can fill the table itself: the server takes what is sent as it is.</summary>
    public bool CanCopyInto => dataset.Columns.All(column => column.PostgresType is "text" or "jsonb");

    /// <summary>Whether the integration has any row, also one of a record that is gone.</summary>
    public string Any => $"select exists (select 1 from {_table} where {OfIntegration})";

    /// <summary>Fills the table of an integration that has no row.</summary>
    public string CopyInto => $"copy {_table} (organization_id, connected_integration_id, last_seq, external_id, id, {_columns}) from stdin (format binary)";

    /// <summary>Tells of each row of an integration as of one that came.</summary>
    public string TellEverything =>
        $"""
        with added as (select external_id, 'INSERT', null::jsonb, {Json("{0}")} from {_table} where {OfIntegration})
        {Tell("added")}
        """;

    /// <summary>Fills the temporary table.</summary>
    public string CopyIncoming => $"copy {_incoming} (deleted, external_id, id, {_columns}) from stdin (format binary)";

    /// <summary>Gives the planner the temporary table's size.</summary>
    public string AnalyzeIncoming => $"analyze {_incoming}";

    /// <summary>Merges the temporary table.</summary>
    public string MergeIncoming => Merge($"(select {Incoming} from {_incoming})", $"{_table} u on {OfKey}", OfKey);

    /// <summary>Counts the rows that a full load did not bring.</summary>
    public string CountSurplus => $"select count(*) from {_table} u where {Surplus}";

    /// <summary>Deletes the rows that a full load did not bring.</summary>
    public string DeleteSurplus =>
        $"""
        with removed as ({Remove("", Surplus)})
        {Tell("removed")}
        """;

    private string Incoming => "external_id, id, deleted, " + dataset.Each(column =>
        column.PostgresType is "text" or "jsonb" ? Dataset.Quote(column.Name) : $"{Dataset.Quote(column.Name)}::{column.PostgresType} as {Dataset.Quote(column.Name)}");

    private string Surplus => $"{OfIntegration} and deleted_at is null and not exists (select 1 from {_incoming} c where c.external_id = u.external_id)";

    // The rows that differ are found once, and each of them is written and told once: the outbox is filled from what the writes return.
    private string Merge(string source, string lookup, string isSame) =>
        $"""
        with changed as materialized (
          select c.*, u.ctid, u.external_id is not null as "is known", u.deleted_at is not null as "was gone", {Each("u.{0} as {1}")}
          from {source} c
          left join {lookup}
          where case when u.external_id is null or u.deleted_at is not null then not c.deleted
            else c.deleted or (u.id, {dataset.Each("u.{0}")}) is distinct from (c.id, {dataset.Each("c.{0}")}) end),
        removed as ({Remove("changed c", $"{isSame} and c.deleted")}),
        altered as (
          update {_table} u set id = c.id, {dataset.Each("{0} = c.{0}")}, deleted_at = null, last_seq = $3, updated_at = now()
          from changed c
          where {isSame} and c."is known" and not c.deleted
          {Return("c.external_id", """case when c."was gone" then 'RESTORE' else 'UPDATE' end""", $"{Json("c.{1}")} - {Same}", $"{Json("c.{0}")} - {Same}")}),
        added as (
          insert into {_table} (organization_id, connected_integration_id, external_id, id, {_columns}, last_seq)
          select $1, $2, external_id, id, {_columns}, $3 from changed where not "is known"
          {Return("external_id", "'INSERT'", "null::jsonb", Json("{0}"))})
        {Tell("removed", "altered", "added")}
        """;

    private string Remove(string from, string rows)
    {
        var write = options.DeleteMode == DeleteMode.Hard
            ? $"delete from {_table} u {(from.Length > 0 ? "using " : "")}"
            : $"update {_table} u set deleted_at = now(), last_seq = $3, updated_at = now() {(from.Length > 0 ? "from " : "")}";
        return $"{write}{from} where {rows} {Return("u.external_id", "'DELETE'", Json("u.{0}"), "null::jsonb")}";
    }

    private string Return(string key, string type, string before, string after) => options.History ? $"returning {key}, {type}, {before}, {after}" : "";

    private string Tell(params string[] writes) => options.History
        ? $"""
          insert into {Changes} (organization_id, connected_integration_id, change_id, run_id, external_id, change_type, before, after)
          select $1, $2, $4 + row_number() over (), $5, w.* from ({string.Join(" union all ", writes.Select(write => $"select * from {write}"))}) w
          """
        : "select 1";

    private string Json(string column) =>
        $"jsonb_build_object({dataset.Each(each => $"{Literal(each.Name)}, {(each.Kind == ColumnKind.Timestamp ? InUtc(Format(column, each)) : Format(column, each))}")})";

    // As the warehouse spells it, whatever the session's time zone.
    private static string InUtc(string instant) => $"""to_char({instant} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""";

    private string Same => $"array_remove(array[{Each("case when c.{0} is not distinct from c.{1} then {2} end")}], null)";

    // {0} the column, {1} what it was before, {2} its name as text.
    private string Each(string format) => dataset.Each(column => Format(format, column));

    private static string Format(string format, DatasetColumn column) => string.Format(
        CultureInfo.InvariantCulture, format, Dataset.Quote(column.Name), Dataset.Quote("before " + column.Name), Literal(column.Name));

    private static string Literal(string text) => $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";

    private static string Name(NpgsqlDbType type) => type == NpgsqlDbType.Jsonb ? "jsonb" : "text";
}
