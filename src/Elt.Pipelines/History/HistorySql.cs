using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.History;

/// <summary>All statements on the history of a dataset in the warehouse. Parameters are named as in <see cref="DatasetSql"/>.</summary>
internal sealed class HistorySql(Dataset dataset)
{
    private const string OfIntegration = "organization_id = $org and connected_integration_id = $integration";

    private readonly string _history = Dataset.Quote(dataset.Name + "_history");
    private readonly string _cdc = Dataset.Quote(dataset.Name + "_cdc");

    /// <summary>Whether the integration has any version: 1 or 0.</summary>
    public string Any => $"select exists (select 1 from {_history} where {OfIntegration})";

    /// <summary>Closes the current version of every record that a run has changed.</summary>
    public string Close =>
        $"""
        update {_history} set valid_to = max($now, valid_from), is_current = 0
        where {OfIntegration} and is_current = 1 and external_id in (select external_id from {_cdc} where {OfIntegration} and workflow_id = $run)
        """;

    /// <summary>Opens version 1 of every record that a run has brought, for an integration without any version: nothing is looked up.</summary>
    public string OpenFirst => $"{Insert} select {Values("1", "$now")} {FromChanges("")}";

    /// <summary>Opens the next version of every record that a run has inserted or updated; it begins no earlier than the last one ended.</summary>
    public string OpenNext =>
        $"""
        {Insert}
        select {Values("coalesce(h.version, 0) + 1", "max($now, coalesce(h.valid_to, $now))")}
        {FromChanges(
            $"""
            left join {_history} h
              on h.organization_id = $org and h.connected_integration_id = $integration and h.external_id = c.external_id
              and h.version = (
                select max(v.version) from {_history} v
                where v.organization_id = $org and v.connected_integration_id = $integration and v.external_id = c.external_id)
            """)}
        """;

    private string Insert =>
        $"insert into {_history} (organization_id, connected_integration_id, external_id, version, id, {dataset.Each("{0}")}, valid_from, workflow_id)";

    private string Values(string version, string validFrom) =>
        $"c.organization_id, c.connected_integration_id, c.external_id, {version}, c.id, {dataset.Each("c.{0}")}, {validFrom}, $run";

    private string FromChanges(string join) =>
        $"""
        from {_cdc} c
        {join}
        where c.organization_id = $org and c.connected_integration_id = $integration and c.workflow_id = $run and c.change_type <> 'DELETE'
        """;
}
