using System.Text.Json.Serialization;
using Elt.Durable;
using Elt.Pipelines.Datasets;
using Elt.Pipelines.Extract;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Plans;

/// <summary>Reads an integration's source and tells what a run would change, without changing anything and without getting in the way of a run.</summary>
/// <param name="OrganizationId">The tenant.</param>
/// <param name="ConnectedIntegrationId">The integration.</param>
/// <param name="Batches">Batches of a round, 1 to 10 000. Default 10.</param>
/// <param name="PagesPerBatch">Pages of a batch, 1 to 10 000. Default 10.</param>
[Workflow("plan-pipeline")]
public sealed record PlanPipeline(string OrganizationId, string ConnectedIntegrationId, int Batches = 10, int PagesPerBatch = 10)
    : IWorkflow<PlanSummary>
{
    internal IntegrationKey Integration { get; } = new(OrganizationId, ConnectedIntegrationId);

    internal BatchPlan Plan { get; } = new(Batches, PagesPerBatch);
}

/// <summary>What a run would change. The records themselves are in <see cref="PipelinePlan"/>: they do not stand in the journal.</summary>
/// <param name="Staged">Different records that the source has, those that cannot be taken included.</param>
/// <param name="Inserts">Records that would be new, or back again.</param>
/// <param name="Updates">Records that would change.</param>
/// <param name="Deletes">Records that would be deleted.</param>
/// <param name="DeletesHeld">Records that would be held for a person.</param>
/// <param name="Quarantined">Records that cannot be taken.</param>
/// <param name="HoldReason">Why deletes would be held; <see langword="null"/> when none would.</param>
/// <param name="AppliedMeanwhile">A run that was applied while the plan read the source: the plan may be behind it. <see langword="null"/> without one.</param>
public sealed record PlanSummary(
    long Staged, long Inserts, long Updates, long Deletes, long DeletesHeld, long Quarantined,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? HoldReason = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? AppliedMeanwhile = null)
{
    /// <summary>Records that look gone, and would be deleted when a second run misses them as well. A plan counts as none of the two.</summary>
    public long DeletesUnconfirmed { get; init; }
}

internal sealed class PlanPipelineWorkflow(IIntegrationStore integrations, WarehouseFile warehouse, PipelineStages stages) : Workflow<PlanPipeline, PlanSummary>
{
    public override async Task<PlanSummary> RunAsync(PlanPipeline input, WorkflowContext context)
    {
        var plan = context.WorkflowId;
        await context.StepAsync("find-integration", async ct => { await integrations.GetAsync(input.Integration, ct); }, RetryPolicy.Database);
        var plans = (await stages.OfIntegrationAsync(context, input.Integration)).Plans;
        await context.TransactionAsync("begin", warehouse.Database, (transaction, _) => Task.FromResult(plans.Begin(transaction, input.Integration, plan)));
        try
        {
            await context.ChildAsync(new ExtractAndLoad(input.OrganizationId, input.ConnectedIntegrationId, input.Batches, input.PagesPerBatch, plan));
            return await context.TransactionAsync(
                "compare", warehouse.Database, (transaction, _) => Task.FromResult(plans.Compare(transaction, input.Integration, plan)));
        }
        catch (Exception e) when (e is StepFailedException or WorkflowFailedException)
        {
            await context.TransactionAsync("forget", warehouse.Database, (transaction, _) => Task.FromResult(plans.Forget(transaction, input.Integration, plan)));
            throw;
        }
    }
}
