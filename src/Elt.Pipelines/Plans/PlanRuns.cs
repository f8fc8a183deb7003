using System.Text.Json;
using Elt.Pipelines.Changes;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Quality;
using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Plans;

/// <summary>
/// Plans in the warehouse. A plan compares as a run does, with the same statements, as if it were the newest run; what that writes is rolled back
/// before anybody else can see it.
/// </summary>
internal sealed class PlanRuns(Dataset dataset, QualityCheck check, ChangeDetection changes, TimeProvider time)
{
    private const string OfIntegration = "organization_id = $org and connected_integration_id = $integration";
    private const string Newest = $"{OfIntegration} and workflow_id = $run";

    private readonly DatasetSql _sql = new(dataset);

    /// <summary>The newest plan of an integration, if that is its id: what may stage under it.</summary>
    public static PipelineRun? Find(SqliteTransaction transaction, IntegrationKey integration, string planId)
    {
        var plan = new PipelineRun(integration, planId, PipelineRun.PlanSeq);
        return transaction.Count($"select count(*) from plan_runs where {Newest} and completed_at is null", plan.Parameters) == 1 ? plan : null;
    }

    /// <summary>Makes the workflow the newest plan of an integration, in the place of the one before it.</summary>
    /// <exception cref="RunStateException">The runs of the integration feed another dataset.</exception>
    public bool Begin(SqliteTransaction transaction, IntegrationKey integration, string planId)
    {
        PipelineRuns.EnsureFeeds(transaction, integration, dataset.Name);
        var plan = new PipelineRun(integration, planId, PipelineRun.PlanSeq);
        foreach (var earlier in transaction.Query($"select workflow_id from plan_runs where {OfIntegration}", row => row.GetString(0), plan.Parameters))
            DeleteStaged(transaction, plan with { RunId = earlier });
        transaction.Execute($"delete from plan_changes where {OfIntegration}", plan.Parameters);
        transaction.Execute(
            $"""
            insert into plan_runs (organization_id, connected_integration_id, workflow_id, base_seq, started_at, dataset)
            select $org, $integration, $run, coalesce(max(run_seq), 0), $now, $dataset from pipeline_runs where {OfIntegration} and state = 'applied'
            on conflict (organization_id, connected_integration_id) do update
              set workflow_id = excluded.workflow_id, base_seq = excluded.base_seq, started_at = excluded.started_at, dataset = excluded.dataset,
                completed_at = null, summary = null
            """,
            [.. plan.Parameters, ("$now", time.GetUtcNow().ToStored()), ("$dataset", dataset.Name)]);
        return true;
    }

    /// <summary>Compares what the plan has staged with latest, keeps the first changes of each type, and deletes what was staged.</summary>
    /// <exception cref="RunStateException">A newer plan has taken this one's place.</exception>
    public PlanSummary Compare(SqliteTransaction transaction, IntegrationKey integration, string planId)
    {
        var plan = Find(transaction, integration, planId)
            ?? throw new RunStateException($"A newer plan of {integration} has taken the place of '{planId}'.");
        transaction.Save("compare");
        PipelineRuns.Acquire(transaction, integration, planId, dataset.Name, time.GetUtcNow());
        check.Check(transaction, integration, planId).EnsurePassed(integration);
        var detected = changes.Detect(transaction, integration, planId);
        var found = transaction.Query(
            _sql.SampleChanges, row => (Type: row.GetString(0), Key: row.GetString(1), Fields: row.Text(2)), [.. plan.Parameters, ("$limit", PipelinePlan.Sample)]);
        transaction.Rollback("compare");

        var summary = new PlanSummary(
            detected.Staged, detected.Inserts, detected.Updates, detected.Deletes, detected.DeletesHeld, detected.Quarantined, detected.HoldReason,
            AppliedMeanwhile(transaction, plan)) { DeletesUnconfirmed = detected.DeletesUnconfirmed };
        foreach (var (type, key, fields) in found)
        {
            transaction.Execute(
                "insert into plan_changes (organization_id, connected_integration_id, change_type, external_id, changed_fields) values ($org, $integration, $type, $key, $fields)",
                [.. plan.Parameters, ("$type", type), ("$key", key), ("$fields", fields)]);
        }
        transaction.Execute(
            $"update plan_runs set completed_at = $now, summary = $summary where {Newest}",
            [.. plan.Parameters, ("$now", time.GetUtcNow().ToStored()), ("$summary", JsonSerializer.Serialize(summary))]);
        DeleteStaged(transaction, plan);
        return summary;
    }

    /// <summary>Deletes what a plan that failed has left.</summary>
    public bool Forget(SqliteTransaction transaction, IntegrationKey integration, string planId)
    {
        var plan = new PipelineRun(integration, planId, PipelineRun.PlanSeq);
        DeleteStaged(transaction, plan);
        return transaction.Execute($"delete from plan_runs where {Newest}", plan.Parameters) > 0;
    }

    private static string? AppliedMeanwhile(SqliteTransaction transaction, PipelineRun plan) => transaction.Query(
        $"""
        select workflow_id from pipeline_runs
        where {OfIntegration} and state = 'applied' and run_seq > (select base_seq from plan_runs where {Newest})
        order by run_seq desc limit 1
        """,
        row => row.GetString(0), plan.Parameters).FirstOrDefault();

    private void DeleteStaged(SqliteTransaction transaction, PipelineRun plan)
    {
        transaction.Execute(_sql.DeleteStaged, plan.Parameters);
        transaction.Execute(QualitySql.DeleteStaged, plan.Parameters);
        transaction.Execute($"delete from extract_pages where {Newest}", plan.Parameters);
        transaction.Execute($"delete from run_readings where {Newest}", plan.Parameters);
    }
}
