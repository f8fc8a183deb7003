using Elt.Durable;
using Elt.Pipelines.Changes;
using Elt.Pipelines.Datasets;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Quality;
using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Orchestration;

/// <summary>Detects what a run's extract changes: inserts, updates and deletes.</summary>
/// <param name="OrganizationId">The tenant.</param>
/// <param name="ConnectedIntegrationId">The integration.</param>
/// <param name="RunId">The run that has staged the extract; default the integration's newest.</param>
[Workflow("detect-changes")]
public sealed record DetectChanges(string OrganizationId, string ConnectedIntegrationId, string? RunId = null) : IWorkflow<DetectSummary>
{
    internal IntegrationKey Integration { get; } = new(OrganizationId, ConnectedIntegrationId);
}

internal sealed class DetectChangesWorkflow(WarehouseFile warehouse, PipelineStages stages)
    : Workflow<DetectChanges, DetectSummary>
{
    public override async Task<DetectSummary> RunAsync(DetectChanges input, WorkflowContext context)
    {
        var runId = input.RunId ?? await stages.FindNewestAsync(context, input.Integration);
        var quality = await context.TransactionAsync(
            "check-quality", warehouse.Database,
            (transaction, _) => Task.FromResult(stages.OfRun(transaction, input.Integration, runId).Quality.Check(transaction, input.Integration, runId)));
        if (quality.Issues > 0)
            Log.QualityIssues(context.Logger, quality.Issues, input.Integration, quality.Invalid, quality.Records);
        quality.EnsurePassed(input.Integration);
        var detected = await context.TransactionAsync(
            "detect", warehouse.Database,
            (transaction, _) => Task.FromResult(stages.OfRun(transaction, input.Integration, runId).Changes.Detect(transaction, input.Integration, runId)));
        if (detected.HoldReason is { } reason)
            Log.DeletesHeld(context.Logger, detected.DeletesHeld, input.Integration, reason);
        if (detected.Quarantined > 0)
            Log.Quarantined(context.Logger, detected.Quarantined, input.Integration);
        if (detected.Duplicates > 0)
            Log.Duplicates(context.Logger, detected.Duplicates, input.Integration);
        if (detected.UnconfirmedReason is { } doubt)
            Log.DeletesUnconfirmed(context.Logger, detected.DeletesUnconfirmed, input.Integration, doubt);
        return detected with { Quality = quality };
    }
}
