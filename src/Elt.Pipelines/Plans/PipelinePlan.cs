using System.Text.Json;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Reviews;
using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Plans;

/// <summary>A change that a run would make.</summary>
/// <param name="Type"><c>INSERT</c>, <c>UPDATE</c>, <c>DELETE</c>, or <c>HELD</c> for a delete that would be held.</param>
/// <param name="ExternalId">The record's key at the source.</param>
/// <param name="ChangedFields">Columns that would change, for an update.</param>
public sealed record PlannedChange(string Type, string ExternalId, IReadOnlyList<string> ChangedFields);

/// <summary>The newest plan of an integration.</summary>
/// <param name="RunId">The run that made it.</param>
/// <param name="CompletedAt">When it was made.</param>
/// <param name="Summary">How much would change.</param>
/// <param name="Changes">The first changes of each type, by key; at most <see cref="Sample"/> of each.</param>
public sealed record PipelinePlan(string RunId, DateTimeOffset CompletedAt, PlanSummary Summary, IReadOnlyList<PlannedChange> Changes)
{
    /// <summary>Changes of each type that are kept.</summary>
    public const int Sample = 10;

    /// <summary>Reads the newest plan of an integration.</summary>
    /// <param name="warehouse">Where it was made.</param>
    /// <param name="integration">The integration.</param>
    /// <exception cref="ReviewNotFoundException">There is none, or it is not complete.</exception>
    public static PipelinePlan Get(WarehouseFile warehouse, IntegrationKey integration)
    {
        ArgumentNullException.ThrowIfNull(warehouse);
        ArgumentNullException.ThrowIfNull(integration);
        (string, object?)[] parameters = [("$org", integration.OrganizationId), ("$integration", integration.ConnectedIntegrationId)];
        using var connection = warehouse.Database.OpenRead();
        using var snapshot = connection.BeginTransaction(deferred: true);
        var changes = snapshot.Query(
            """
            select change_type, external_id, changed_fields from plan_changes
            where organization_id = $org and connected_integration_id = $integration order by change_type, external_id
            """,
            row => new PlannedChange(row.GetString(0), row.GetString(1), row.Text(2)?.Split(',') ?? []), parameters);
        return snapshot.Query(
            """
            select workflow_id, completed_at, summary from plan_runs
            where organization_id = $org and connected_integration_id = $integration and completed_at is not null
            """,
            row => new PipelinePlan(row.GetString(0), row.Time(1)!.Value, JsonSerializer.Deserialize<PlanSummary>(row.GetString(2))!, changes),
            parameters).FirstOrDefault() ?? throw new ReviewNotFoundException($"There is no complete plan of {integration}. Make one with: elt plan {integration}");
    }
}
