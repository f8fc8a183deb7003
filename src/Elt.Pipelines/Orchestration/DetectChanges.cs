using Elt.Durable;
using Elt.Pipelines.Changes;
using Elt.Pipelines.Datasets;
using Elt.Pipelines.Extract;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Sources.Manifests;
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

internal sealed class DetectChangesWorkflow(
    WarehouseFile warehouse, PipelineStages stages, PinnedConnectors connectors, RecordConfirmation confirmation, SourceOptions options)
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
        var detected = await DetectAsync("detect", input.Integration, runId, context);
        if (detected.ToConfirm > 0)
        {
            await ConfirmAsync(input.Integration, runId, context);
            detected = await DetectAsync("detect-confirmed", input.Integration, runId, context);
        }
        if (detected.HoldReason is { } reason)
            Log.DeletesHeld(context.Logger, detected.DeletesHeld, input.Integration, reason);
        if (detected.Quarantined > 0)
            Log.Quarantined(context.Logger, detected.Quarantined, input.Integration);
        if (detected.Duplicates > 0)
            Log.Duplicates(context.Logger, detected.Duplicates, input.Integration);
        if (detected.UnconfirmedReason is { } doubt)
            Log.DeletesUnconfirmed(context.Logger, detected.DeletesUnconfirmed, input.Integration, doubt);
        return detected with { Quality = quality, ToConfirm = 0 };
    }

    private Task<DetectSummary> DetectAsync(string name, IntegrationKey integration, string runId, WorkflowContext context) => context.TransactionAsync(
        name, warehouse.Database,
        (transaction, _) => Task.FromResult(stages.OfRun(transaction, integration, runId).Changes.Detect(
            transaction, integration, runId,
            connectors.FindOf(transaction, new PipelineRun(integration, runId, Seq: 0))?.Manifest.Deletes.Confirm as ByIdConfirm)));

    /// <summary>Asks the source for the records that are missing, a page at a time. What it does not say is left as it is: the run goes on.</summary>
    private async Task ConfirmAsync(IntegrationKey integration, string runId, WorkflowContext context)
    {
        var waits = 0;
        try
        {
            for (var (page, left) = (1, 1); left > 0; page++)
            {
                var retry = new PageRetry(options) { Waits = waits };
                var confirmed = await context.StepAsync($"confirm-{page:000}", ct => confirmation.AskAsync(integration, runId, retry, ct), retry.Policy);
                left = confirmed.Left;
                if (confirmed.Wait is not { } wait)
                    continue;
                waits++;
                await context.SleepAsync(wait, $"turn-{page:000}");
            }
        }
        catch (StepFailedException e)
        {
            Log.NotConfirmed(context.Logger, integration, e.Message);
        }
    }
}
