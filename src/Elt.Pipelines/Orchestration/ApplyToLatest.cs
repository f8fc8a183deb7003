using Elt.Durable;
using Elt.Pipelines.Datasets;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Latest;
using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Orchestration;

/// <summary>Applies a run's changes to the latest state.</summary>
/// <param name="OrganizationId">The tenant.</param>
/// <param name="ConnectedIntegrationId">The integration.</param>
/// <param name="RunId">The run whose changes are detected; default the integration's newest.</param>
[Workflow("apply-to-latest")]
public sealed record ApplyToLatest(string OrganizationId, string ConnectedIntegrationId, string? RunId = null) : IWorkflow<ApplySummary>
{
    internal IntegrationKey Integration { get; } = new(OrganizationId, ConnectedIntegrationId);
}

internal sealed class ApplyToLatestWorkflow(WarehouseFile warehouse, PipelineStages stages) : Workflow<ApplyToLatest, ApplySummary>
{
    public override async Task<ApplySummary> RunAsync(ApplyToLatest input, WorkflowContext context)
    {
        var runId = input.RunId ?? await stages.FindNewestAsync(context, input.Integration);
        var applied = await context.TransactionAsync(
            "apply", warehouse.Database,
            (transaction, _) => Task.FromResult(stages.OfRun(transaction, input.Integration, runId).Latest.Apply(transaction, input.Integration, runId)));
        if (applied.NewFields is { } fields)
            Log.NewFields(context.Logger, input.Integration, string.Join(", ", fields));
        return applied;
    }
}
