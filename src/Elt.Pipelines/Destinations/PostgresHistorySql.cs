using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Destinations;

/// <summary>
/// All statements on the history of a dataset in Postgres. They bring the current versions in step with the rows of a scope, so that
/// whatever is in step is not written. Parameters: <c>$1</c> organization, <c>$2</c> integration, <c>$3</c> run, <c>$4</c> keys of the scope.
/// </summary>
internal sealed class PostgresHistorySql(Dataset dataset)
{
    // Keeps a subquery as it is, so that its row is looked up by the whole key, whatever the planner believes about the integration.
    private const string AsItIs = "offset 0";

    private readonly string _table = $"elt.{Dataset.Quote(dataset.Name)}";
    private readonly string _history = $"elt.{Dataset.Quote(dataset.Name + "_history")}";

    /// <summary>Follows the rows of the keys.</summary>
    public (string Close, string Open) FollowKeys => (
        Close($"from {Find(_history, "v.ctid", "and v.is_current")} x", "h.ctid = x.ctid", "", AsItIs),
        Open($"{Find(_table, "v.*", "")} u", $"left join lateral ({Last("and v.external_id = u.external_id")} {AsItIs}) l on true", "true", "", AsItIs));

    /// <summary>Follows the rows that the temporary table brought.</summary>
    public (string Close, string Open) FollowIncoming =>
        FollowMany($"and {{0}}.external_id in (select external_id from pg_temp.{Dataset.Quote(dataset.Name + "_incoming")})");

    /// <summary>Follows all rows of the integration.</summary>
    public (string Close, string Open) FollowEverything => FollowMany("");

    // The scope stands on both sides of a comparison, since the planner does not carry it over.
    private (string Close, string Open) FollowMany(string scope) => (
        Close("", $"{OfIntegration("h")} {In(scope, "h")} and h.is_current", In(scope, "u"), ""),
        Open(
            $"{_table} u", $"left join ({Last(In(scope, "v"))}) l on l.external_id = u.external_id", $"{OfIntegration("u")} {In(scope, "u")}",
            In(scope, "h"), ""));

    private string Close(string from, string rows, string scope, string asItIs) =>
        $"""
        update {_history} h set valid_to = greatest(now(), h.valid_from)
        {from}
        where {rows} and not exists (
          select 1 from {_table} u
          where {OfIntegration("u")} {scope} and u.external_id = h.external_id and u.deleted_at is null
            and (u.id, {dataset.Each("u.{0}")}) is not distinct from (h.id, {dataset.Each("h.{0}")}) {asItIs})
        """;

    private string Open(string from, string last, string rows, string scope, string asItIs) =>
        $"""
        insert into {_history} (organization_id, connected_integration_id, external_id, version, id, {dataset.Each("{0}")}, valid_from, run_id)
        select $1, $2, u.external_id, coalesce(l.version, 0) + 1, u.id, {dataset.Each("u.{0}")}, greatest(now(), l.valid_to), $3
        from {from}
        {last}
        where {rows} and u.deleted_at is null and not exists (
          select 1 from {_history} h where {OfIntegration("h")} {scope} and h.external_id = u.external_id and h.is_current {asItIs})
        """;

    // Joined, never looked up row by row: a history that was analyzed while it was empty would be read whole for each row that goes into it.
    private string Last(string rows) =>
        $"""
        select v.external_id, max(v.version) as version, max(v.valid_to) as valid_to from {_history} v
        where {OfIntegration("v")} {rows} group by v.external_id
        """;

    private static string Find(string table, string columns, string condition) =>
        $"unnest($4::text[]) k cross join lateral (select {columns} from {table} v where {OfIntegration("v")} and v.external_id = k {condition} {AsItIs})";

    private static string OfIntegration(string alias) => $"{alias}.organization_id = $1 and {alias}.connected_integration_id = $2";

    private static string In(string scope, string alias) => scope.Replace("{0}", alias, StringComparison.Ordinal);
}
