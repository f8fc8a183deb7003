using System.Text.Json.Serialization;
using Elt.Pipelines.Contracts;
using Elt.Pipelines.History;
using Elt.Pipelines.Incremental;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Latest;

/// <summary>What applying a run did.</summary>
/// <param name="Upserted">Records inserted or updated.</param>
/// <param name="Deleted">Records deleted.</param>
/// <param name="Latest">Records of the integration afterwards.</param>
public sealed record ApplySummary(long Upserted, long Deleted, long Latest)
{
    /// <summary>Fields, or types of fields, that the run's records were the first to have, as <c>/field type</c>, at most 20; <see langword="null"/> for none, and for a first run.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? NewFields { get; init; }
}

/// <summary>Brings the latest state of an integration up to what a run has detected.</summary>
internal sealed class LatestState(Dataset dataset, TimeProvider time)
{
    private const int MaxTold = 20;
    private const string Dated =
        "select coalesce(sum(dated), 0) from extract_pages where organization_id = $org and connected_integration_id = $integration and workflow_id = $run";

    private const string Detected =
        "select deletes, resurrected from pipeline_runs where organization_id = $org and connected_integration_id = $integration and workflow_id = $run";

    private readonly DatasetSql _sql = new(dataset);
    private readonly RecordHistory _history = new(dataset);

    /// <summary>
    /// Applies the changes of a run to latest and history and marks it as applied, which puts them into the change log of the destination and lets the next run
    /// ask for what changes after them.
    /// A run that is applied already writes nothing.
    /// </summary>
    /// <exception cref="RunStateException">The run's changes have not been detected.</exception>
    /// <exception cref="StaleRunException">A newer run has acquired the integration.</exception>
    public ApplySummary Apply(SqliteTransaction transaction, IntegrationKey integration, string runId)
    {
        var run = PipelineRuns.EnsureNewest(transaction, integration, runId);
        var state = PipelineRuns.StateOf(transaction.Connection!, run);
        if (state == "acquired")
            throw new RunStateException($"The changes of run '{runId}' of {integration} are not detected yet: start detect-changes first.");
        if (state == "applied")
            return new ApplySummary(0, 0, Count(transaction, run));
        var (upserted, deleted, fields) = ApplyDetected(transaction, run);
        return new ApplySummary(upserted, deleted, Count(transaction, run)) { NewFields = fields.Count == 0 ? null : [.. fields.Take(MaxTold)] };
    }

    private long Count(SqliteTransaction transaction, PipelineRun run) => transaction.Count(_sql.CountLatest, run.Parameters);

    private (int Upserted, int Deleted, IReadOnlyList<string> NewFields) ApplyDetected(SqliteTransaction transaction, PipelineRun run)
    {
        var now = time.GetUtcNow().ToStored();
        var upserted = transaction.Execute(_sql.ApplyUpserts, [.. run.Parameters, ("$now", now)]);
        if (!run.IsBackfill && transaction.Count(Dated, run.Parameters) > 0)
            transaction.Execute(_sql.FollowUpdatedAt, run.Parameters);
        // Each looks at all changes of the run, of which a first load has as many as rows.
        var (deletes, resurrected) = transaction.Query(Detected, row => (row.GetInt64(0), row.GetInt64(1)), run.Parameters)[0];
        var deleted = deletes > 0 ? transaction.Execute(_sql.ApplyDeletes, run.Parameters) : 0;
        if (resurrected > 0)
            transaction.Execute(_sql.ForgetTombstones, run.Parameters);
        if (deletes > 0)
            transaction.Execute(_sql.RememberTombstones, [.. run.Parameters, ("$now", now)]);
        _history.Follow(transaction, run, now);
        ReadingCursor.Move(transaction, run, _sql, now);
        var fields = KnownFields.Learn(transaction, run, now);
        transaction.Execute(
            """
            update pipeline_runs set state = 'applied', applied_at = $now
            where organization_id = $org and connected_integration_id = $integration and workflow_id = $run
            """,
            [.. run.Parameters, ("$now", now)]);
        return (upserted, deleted, fields);
    }
}
