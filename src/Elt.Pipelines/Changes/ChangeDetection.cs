using Elt.Pipelines.Integrations;
using Elt.Pipelines.Quality;
using Elt.Pipelines.Staging;
using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Changes;

/// <summary>
/// Compares what a run has staged with the latest state and writes the difference to the change table, in one transaction, set-based.
/// </summary>
internal sealed class ChangeDetection(Dataset dataset, DeleteThresholds thresholds, QualityGate gate, TimeProvider time)
{
    private readonly DatasetSql _sql = new(dataset);
    private readonly Quarantine _quarantine = new(dataset);

    /// <summary>Detects the changes of a run. Asked again for the same run it detects anew, until the run is applied.</summary>
    /// <exception cref="IncompleteExtractException">The run has not read all records: nothing is detected.</exception>
    /// <exception cref="QualityGateException">Too many of its records cannot be taken: nothing is detected.</exception>
    /// <exception cref="StaleRunException">A newer run has acquired the integration.</exception>
    public DetectSummary Detect(SqliteTransaction transaction, IntegrationKey integration, string runId)
    {
        var run = PipelineRuns.EnsureNewest(transaction, integration, runId);
        if (PipelineRuns.StateOf(transaction.Connection!, run) == "applied")
            return Recorded(transaction, run);
        transaction.Execute(DatasetSql.CreateSeen);
        transaction.Execute(_sql.FillSeen, run.Parameters);
        var states = transaction.Query(DatasetSql.CountSeen, row => (State: row.GetString(0), Keys: row.GetInt64(1))).ToDictionary(row => row.State, row => row.Keys);
        var seen = states.Values.Sum();
        var quarantined = states.GetValueOrDefault("quarantined");
        var present = states.GetValueOrDefault("present") + quarantined;
        var completeness = Completeness.Of(transaction, run);
        if (completeness.Gap(seen) is { } gap)
        {
            throw new IncompleteExtractException(
                $"The extract of {integration} by run '{runId}' is not complete: {gap}. Nothing was applied; the next run reads anew.");
        }
        gate.Check(integration, quarantined + completeness.UnreadableKeys, seen + completeness.UnreadableKeys);
        _quarantine.Resolve(transaction, run);
        var now = ("$now", (object?)time.GetUtcNow().ToStored());
        SqliteText.Register(transaction.Connection!);
        transaction.Execute(_sql.DeleteChanges, run.Parameters);
        transaction.Execute(_sql.InsertChanges, [.. run.Parameters, now]);
        var missing = transaction.Count(_sql.CountMissing, run.Parameters);
        var hold = missing == 0 ? null : HoldReason(completeness, missing, present, transaction.Count(_sql.CountLatest, run.Parameters));
        if (hold is null)
            transaction.Execute(_sql.InsertDeletes, [.. run.Parameters, now]);
        transaction.Execute(DatasetSql.DropSeen);
        Record(transaction, run, present, quarantined + completeness.UnreadableKeys, hold is null ? 0 : missing, hold);
        return Recorded(transaction, run);
    }

    // Absence proves nothing where a record could not be identified, or where records may have moved to a page that was read before.
    private string? HoldReason(Completeness completeness, long missing, long present, long existing)
    {
        if (completeness.UnreadableKeys > 0)
            return $"{completeness.UnreadableKeys} records without a usable key may be among those that look gone";
        return completeness.Drifted
            ? $"the source's total changed from {completeness.LowestTotal} to {completeness.HighestTotal} (or back) while it was read"
            : thresholds.HoldReason(missing, present, existing);
    }

    private void Record(SqliteTransaction transaction, PipelineRun run, long staged, long quarantined, long held, string? hold)
    {
        var changes = transaction
            .Query(_sql.CountChanges, row => (Type: row.GetString(0), Rows: row.GetInt64(1)), run.Parameters)
            .ToDictionary(row => row.Type, row => row.Rows);
        transaction.Execute(
            """
            update pipeline_runs
            set state = 'detected', detected_at = $now, staged = $staged, inserts = $inserts, updates = $updates, deletes = $deletes,
              deletes_held = $held, hold_reason = $hold, quarantined = $quarantined
            where organization_id = $org and connected_integration_id = $integration and workflow_id = $run
            """,
            [.. run.Parameters, ("$now", time.GetUtcNow().ToStored()), ("$staged", staged),
                ("$inserts", changes.GetValueOrDefault("INSERT")), ("$updates", changes.GetValueOrDefault("UPDATE")),
                ("$deletes", changes.GetValueOrDefault("DELETE")), ("$held", held), ("$hold", hold), ("$quarantined", quarantined)]);
    }

    private static DetectSummary Recorded(SqliteTransaction transaction, PipelineRun run) => transaction.Query(
        """
        select staged, inserts, updates, deletes, deletes_held, hold_reason, quarantined from pipeline_runs
        where organization_id = $org and connected_integration_id = $integration and workflow_id = $run
        """,
        row => new DetectSummary(row.GetInt64(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetInt64(4), row.Text(5)) { Quarantined = row.GetInt64(6) },
        run.Parameters)[0];
}
