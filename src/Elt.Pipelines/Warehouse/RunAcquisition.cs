using Elt.Durable;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Quality;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Warehouse;

/// <summary>The steps by which a workflow becomes, or finds, the run that it works on.</summary>
internal sealed class RunAcquisition(WarehouseFile warehouse, Dataset dataset, TimeProvider time)
{
    private readonly DatasetSql _sql = new(dataset);

    /// <summary>Makes the workflow the newest run of an integration, which fences all earlier ones, and returns its id.</summary>
    public async Task<string> AcquireAsync(WorkflowContext context, IntegrationKey integration)
    {
        await context.TransactionAsync(
            "acquire-integration", warehouse.Database, (transaction, _) => Task.FromResult(Acquire(transaction, integration, context.WorkflowId).Seq));
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

    /// <summary>The acquisition itself, in a transaction that the caller commits.</summary>
    internal PipelineRun Acquire(SqliteTransaction transaction, IntegrationKey integration, string runId)
    {
        var run = PipelineRuns.Acquire(transaction, integration, runId, time.GetUtcNow());
        PruneEarlier(transaction, run);
        return run;
    }

    // What the earlier runs have staged is of no use any more: they are fenced. A few runs at a time bound the transaction; since every
    // run does it, also one that fails later, the file does not grow by an extract a day.
    private void PruneEarlier(SqliteTransaction transaction, PipelineRun run)
    {
        var earlier = transaction.Query(
            """
            select workflow_id from pipeline_runs r
            where organization_id = $org and connected_integration_id = $integration and run_seq < $seq
              and exists (
                select 1 from extract_pages p
                where p.organization_id = $org and p.connected_integration_id = $integration and p.workflow_id = r.workflow_id)
            order by run_seq limit 3
            """,
            row => row.GetString(0), [.. run.Parameters, ("$seq", run.Seq)]);
        foreach (var runId in earlier)
        {
            var parameters = (run with { RunId = runId }).Parameters;
            transaction.Execute(_sql.DeleteStaged, parameters);
            transaction.Execute(QualitySql.DeleteStaged, parameters);
            transaction.Execute(
                "delete from extract_pages where organization_id = $org and connected_integration_id = $integration and workflow_id = $run", parameters);
        }
    }
}
