using Elt.Pipelines.Changes;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Quality;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Warehouse;

/// <summary>Makes workflows the newest runs of their integrations.</summary>
internal sealed class RunAcquisition(Dataset dataset, TimeProvider time)
{
    private readonly DatasetSql _sql = new(dataset);

    /// <summary>Makes a workflow the newest run, which fences all earlier ones.</summary>
    /// <exception cref="RunStateException">The runs of the integration feed another dataset.</exception>
    public PipelineRun Acquire(SqliteTransaction transaction, IntegrationKey integration, string runId, bool isBackfill = false)
    {
        var run = PipelineRuns.Acquire(transaction, integration, runId, dataset.Name, time.GetUtcNow(), isBackfill);
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
            transaction.Execute(Confirmations.Delete, parameters);
            transaction.Execute(
                "delete from extract_pages where organization_id = $org and connected_integration_id = $integration and workflow_id = $run", parameters);
        }
    }
}
