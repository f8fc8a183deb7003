using Elt.Durable;
using Elt.Pipelines.Datasets;
using Elt.Pipelines.Destinations;
using Elt.Pipelines.Integrations;

namespace Elt.Pipelines.Orchestration;

/// <summary>Brings the destination up to an applied run.</summary>
/// <param name="OrganizationId">The tenant.</param>
/// <param name="ConnectedIntegrationId">The integration.</param>
/// <param name="RunId">The applied run; default the integration's newest.</param>
[Workflow("sync-onward")]
public sealed record SyncOnward(string OrganizationId, string ConnectedIntegrationId, string? RunId = null) : IWorkflow<SyncSummary>
{
    internal IntegrationKey Integration { get; } = new(OrganizationId, ConnectedIntegrationId);
}

internal sealed class SyncOnwardWorkflow(PipelineStages stages, IDestination destination) : Workflow<SyncOnward, SyncSummary>
{
    public override async Task<SyncSummary> RunAsync(SyncOnward input, WorkflowContext context)
    {
        var runId = input.RunId ?? await stages.FindNewestAsync(context, input.Integration);
        var synced = await destination.SyncAsync(context, "sync", input.Integration, runId);
        if (synced.FullLoad)
            Log.FullLoad(context.Logger, input.Integration, synced.Rows);
        return synced;
    }
}
