using Elt.Pipelines.Integrations;
using Elt.Pipelines.Quality;
using Elt.Pipelines.Reviews;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Staging;
using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Changes;

/// <summary>
/// Compares what a run has staged with the latest state and writes the difference to the change table, in one transaction, set-based.
/// </summary>
internal sealed class ChangeDetection(Dataset dataset, DeleteThresholds thresholds, QualityGate gate, TimeProvider time)
{
    private readonly DatasetSql _sqlOfAll = new(dataset);
    private readonly DatasetSql _sqlOfChanges = new(dataset) { OnlySeenAsGone = true };
    private readonly Quarantine _quarantine = new(dataset);
    private readonly DeleteHolds _holds = new(thresholds);

    /// <summary>Detects the changes of a run. Asked again for the same run it detects anew, until the run is applied.</summary>
    /// <exception cref="IncompleteExtractException">The run has not read all records: nothing is detected.</exception>
    /// <exception cref="QualityGateException">Too many of its records cannot be taken: nothing is detected.</exception>
    /// <exception cref="StaleRunException">A newer run has acquired the integration.</exception>
    /// <param name="transaction">The transaction.</param>
    /// <param name="integration">The integration.</param>
    /// <param name="runId">The run.</param>
    /// <param name="confirm">How its source is asked for records that are missing without proof, which are chosen here then. Default it is not asked.</param>
    public DetectSummary Detect(SqliteTransaction transaction, IntegrationKey integration, string runId, ByIdConfirm? confirm = null)
    {
        var run = PipelineRuns.EnsureNewest(transaction, integration, runId);
        if (PipelineRuns.StateOf(transaction.Connection!, run) == "applied")
            return Recorded(transaction, run);
        var completeness = Completeness.Of(transaction, run);
        var sql = completeness.AbsenceSaysNothing ? _sqlOfChanges : _sqlOfAll;
        var seen = SeenKeys.Collect(transaction, sql, run);
        completeness.EnsureComplete(run, seen.All);
        // A single change that cannot be taken is no sign of a broken source: changes are measured by all that there is.
        var known = sql.OnlySeenAsGone ? transaction.Count(sql.CountLatest, run.Parameters) : 0;
        gate.Check(integration, seen.Quarantined + completeness.UnreadableKeys, Math.Max(seen.All + completeness.UnreadableKeys, known));
        var leftAlone = run.IsBackfill ? transaction.Execute(sql.LeaveAlone, run.Parameters) : 0;
        _quarantine.Resolve(transaction, run, sql.OnlySeenAsGone);
        transaction.Execute(DatasetSql.SeeConfirmed, run.Parameters);
        var now = time.GetUtcNow().ToStored();
        transaction.Execute(sql.DeleteChanges, run.Parameters);
        var isAsStaged = seen.Repeated == 0 && !run.IsBackfill && transaction.Count(sql.CountFallingKeys, run.Parameters) == 0;
        transaction.Execute(isAsStaged ? sql.InsertChangesAsStaged : sql.InsertChanges, [.. run.Parameters, ("$now", now)]);
        var doubt = completeness.AbsenceDoubt;
        transaction.Execute(sql.ForgetMissing, run.Parameters);
        var missing = transaction.Count(sql.CountMissing, run.Parameters);
        var gone = sql.OnlySeenAsGone
            ? new GoneRecords(missing, known - missing, known, Unproven: null)
            : new GoneRecords(missing, seen.Present, missing == 0 ? 0 : transaction.Count(sql.CountLatest, run.Parameters), Unproven(completeness));
        // Deletes that wait for a person wait for a run that has looked at them.
        var hold = run.IsBackfill ? null : _holds.Judge(transaction, run, sql, gone, now);
        if ((doubt ?? hold) is not null && completeness.UnreadableKeys == 0 && !sql.OnlySeenAsGone)
            transaction.Execute(sql.RememberMissing, [.. run.Parameters, ("$seq", run.Seq)]);
        // What passes although nothing is proven was approved by a person, who has seen that it was missing before.
        var proven = doubt is null || gone.Unproven is not null;
        var deleted = missing > 0 && hold is null ? transaction.Execute(sql.InsertDeletes, [.. run.Parameters, ("$now", now), ("$proven", proven)]) : 0;
        if (hold is null && deleted < missing)
            DeleteHolds.KeepApproval(transaction, run, sql);
        // What is held waits for a person, and what a person has approved is asked for no more.
        if (confirm is not null && hold is null && !proven)
            Confirmations.Choose(transaction, sql, run, confirm);
        transaction.Execute(DatasetSql.DropSeen);
        Record(transaction, run, new DetectSummary(seen.Present, 0, 0, 0, hold is null ? 0 : missing, hold)
        {
            Quarantined = seen.Quarantined + completeness.UnreadableKeys,
            Duplicates = seen.Duplicates,
            LeftAlone = leftAlone,
            DeletesUnconfirmed = hold is null ? missing - deleted : 0,
            UnconfirmedReason = hold is null && missing > deleted ? doubt : null,
        });
        return Recorded(transaction, run) with { ToConfirm = Confirmations.CountOpen(transaction, run) };
    }

    // Absence proves nothing where a record could not be identified.
    private static string? Unproven(Completeness completeness) => completeness.UnreadableKeys > 0
        ? $"{completeness.UnreadableKeys} records without a usable key may be among those that look gone"
        : null;

    /// <summary>Records what was found; the changes are counted.</summary>
    private void Record(SqliteTransaction transaction, PipelineRun run, DetectSummary found)
    {
        var changes = transaction
            .Query(_sqlOfAll.CountChanges, row => (Type: row.GetString(0), Rows: row.GetInt64(1), Resurrected: row.GetInt64(2)), run.Parameters)
            .ToDictionary(row => row.Type);
        transaction.Execute(
            """
            update pipeline_runs
            set state = 'detected', detected_at = $now, staged = $staged, inserts = $inserts, updates = $updates, deletes = $deletes,
              deletes_held = $held, hold_reason = $hold, quarantined = $quarantined, resurrected = $resurrected, duplicates = $duplicates,
              deletes_unconfirmed = $unconfirmed, unconfirmed_reason = $doubt, left_alone = $left_alone
            where organization_id = $org and connected_integration_id = $integration and workflow_id = $run
            """,
            [.. run.Parameters, ("$now", time.GetUtcNow().ToStored()), ("$staged", found.Staged),
                ("$inserts", changes.GetValueOrDefault("INSERT").Rows), ("$updates", changes.GetValueOrDefault("UPDATE").Rows),
                ("$deletes", changes.GetValueOrDefault("DELETE").Rows), ("$held", found.DeletesHeld), ("$hold", found.HoldReason),
                ("$quarantined", found.Quarantined), ("$resurrected", changes.GetValueOrDefault("INSERT").Resurrected),
                ("$duplicates", found.Duplicates), ("$unconfirmed", found.DeletesUnconfirmed), ("$doubt", found.UnconfirmedReason),
                ("$left_alone", found.LeftAlone)]);
    }

    private static DetectSummary Recorded(SqliteTransaction transaction, PipelineRun run) => transaction.Query(
        """
        select staged, inserts, updates, deletes, deletes_held, hold_reason, quarantined, resurrected, duplicates, deletes_unconfirmed, unconfirmed_reason, left_alone
        from pipeline_runs
        where organization_id = $org and connected_integration_id = $integration and workflow_id = $run
        """,
        row => new DetectSummary(row.GetInt64(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetInt64(4), row.Text(5))
        {
            Quarantined = row.GetInt64(6),
            Resurrected = row.GetInt64(7),
            Duplicates = row.GetInt64(8),
            DeletesUnconfirmed = row.GetInt64(9),
            UnconfirmedReason = row.Text(10),
            LeftAlone = row.GetInt64(11),
        },
        run.Parameters)[0];
}
