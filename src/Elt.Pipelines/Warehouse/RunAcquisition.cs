using Elt.Durable;
using Elt.Pipelines.Integrations;

namespace Elt.Pipelines.Warehouse;

/// <summary>The steps by which a workflow becomes, or finds, the run that it works on.</summary>
internal sealed class RunAcquisition(WarehouseFile warehouse, TimeProvider time)
{
    /// <summary>Makes the workflow the newest run of an integration, which fences all earlier ones, and returns its id.</summary>
    public async Task<string> AcquireAsync(WorkflowContext context, IntegrationKey integration)
    {
        await context.TransactionAsync(
            "acquire-integration",
            warehouse.Database,
            (transaction, _) => Task.FromResult(PipelineRuns.Acquire(transaction, integration, context.WorkflowId, time.GetUtcNow()).Seq));
        return context.WorkflowId;
    }

    /// <summary>The newest run of an integration, for a stage that was started by hand.</summary>
    public Task<string> FindNewestAsync(WorkflowContext context, IntegrationKey integration) => context.StepAsync(
        "find-newest-run",
        _ =>
        {
            using var connection = warehouse.Database.OpenRead();
            var newest = PipelineRuns.FindNewest(connection, integration)
                ?? throw new RunStateException($"There is no run of {integration} yet: start extract-and-load or elt-pipeline first.");
            return Task.FromResult(newest.RunId);
        },
        RetryPolicy.Database);
}
