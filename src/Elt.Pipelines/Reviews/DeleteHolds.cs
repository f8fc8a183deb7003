using Elt.Pipelines.Changes;
using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Reviews;

/// <summary>What a run has found gone.</summary>
/// <param name="Records">Records of latest that are gone.</param>
/// <param name="Present">Records that the source still has.</param>
/// <param name="Existing">Records of latest.</param>
/// <param name="Unproven">Why their absence proves nothing; <see langword="null"/> when it does.</param>
internal sealed record GoneRecords(long Records, long Present, long Existing, string? Unproven);

/// <summary>
/// Holds the deletes of a run, or lets them pass, in the transaction that detects them. An approval is of records, not of deletes: it lets a later
/// run delete those of them that this run finds gone as well, and it is used up by the run that deletes them.
/// </summary>
internal sealed class DeleteHolds(DeleteThresholds thresholds)
{
    private const string OfIntegration = "organization_id = $org and connected_integration_id = $integration";

    /// <summary>Judges the deletes of a run while its table of seen keys is there.</summary>
    /// <returns>Why they are held; <see langword="null"/> when they pass.</returns>
    public string? Judge(SqliteTransaction transaction, PipelineRun run, DatasetSql sql, GoneRecords gone, string now)
    {
        var reason = gone.Records == 0 ? null : gone.Unproven ?? thresholds.HoldReason(gone.Records, gone.Present, gone.Existing);
        var current = FindCurrent(transaction, run);
        if (current is null)
        {
            transaction.Execute($"delete from delete_hold_records where {OfIntegration}", run.Parameters);
            return reason is null ? null : Open(transaction, run, sql, gone, reason, since: now, now);
        }
        if (reason is null)
            return Close(transaction, run, current, "resolved", now);
        // Detected again, by the run that holds them: what was decided since is for later runs.
        if (current.RunSeq == run.Seq)
            return reason;
        if (current.State == "open")
        {
            Close(transaction, run, current, "replaced", now);
            return Open(transaction, run, sql, gone, reason, current.Since, now);
        }
        // The approval waits for a run whose absences prove something, unless it was given for some that do not.
        return gone.Unproven is not null && !current.IsUnproven ? reason : UseApproval(transaction, run, sql, current, gone, reason, now);
    }

    /// <summary>Lets an approval wait for a further run when the one that has used it misses records of it, but does not delete them all yet.</summary>
    public static void KeepApproval(SqliteTransaction transaction, PipelineRun run, DatasetSql sql) => transaction.Execute(
        $"""
        update delete_holds as h set state = 'approved', closed_by_run = null, closed_at = null
        where {OfIntegration} and state = 'applied' and closed_by_run = $run and exists ({sql.SelectUndeletedOfHold})
        """,
        run.Parameters);

    private string? UseApproval(SqliteTransaction transaction, PipelineRun run, DatasetSql sql, CurrentHold approved, GoneRecords gone, string reason, string now)
    {
        var others = transaction.Count(sql.CountMissingOutsideHold, [.. run.Parameters, ("$hold", approved.Hold)]);
        // The others are judged as a run would judge them that came after the approved deletes.
        var left = gone.Existing - (gone.Records - others);
        if (others == 0 || (gone.Unproven is null && thresholds.HoldReason(others, gone.Present, left) is null))
            return Close(transaction, run, approved, "applied", now);
        Close(transaction, run, approved, "lapsed", now);
        return Open(transaction, run, sql, gone, $"{reason}, and {others} of them are not among those that {approved.DecidedBy} approved", since: now, now);
    }

    // An approval that was used by a run which was superseded before it was applied has had no effect yet.
    private static CurrentHold? FindCurrent(SqliteTransaction transaction, PipelineRun run) => transaction.Query(
        $"""
        select hold, run_seq, state, is_unproven, since, decided_by from delete_holds h
        where {OfIntegration} and hold = (select max(hold) from delete_holds where {OfIntegration})
          and (state in ('open', 'approved') or (state = 'applied' and not exists (
            select 1 from pipeline_runs r
            where r.organization_id = $org and r.connected_integration_id = $integration and r.workflow_id = h.closed_by_run and r.state = 'applied')))
        """,
        row => new CurrentHold(row.GetInt64(0), row.GetInt64(1), row.GetString(2), row.GetBoolean(3), row.GetString(4), row.Text(5)),
        run.Parameters).FirstOrDefault();

    private static string Open(SqliteTransaction transaction, PipelineRun run, DatasetSql sql, GoneRecords gone, string reason, string since, string now)
    {
        var hold = transaction.Count($"select coalesce(max(hold), 0) + 1 from delete_holds where {OfIntegration}", run.Parameters);
        transaction.Execute($"delete from delete_hold_records where {OfIntegration}", run.Parameters);
        transaction.Execute(
            """
            insert into delete_holds (organization_id, connected_integration_id, hold, workflow_id, run_seq, records, existing, reason, is_unproven, since, held_at, state)
            values ($org, $integration, $hold, $run, $seq, $records, $existing, $reason, $unproven, $since, $now, 'open')
            """,
            [.. run.Parameters, ("$hold", hold), ("$seq", run.Seq), ("$records", gone.Records), ("$existing", gone.Existing), ("$reason", reason),
                ("$unproven", gone.Unproven is not null), ("$since", since), ("$now", now)]);
        transaction.Execute(sql.InsertHeldRecords, [.. run.Parameters, ("$hold", hold)]);
        return reason;
    }

    private static string? Close(SqliteTransaction transaction, PipelineRun run, CurrentHold hold, string state, string now)
    {
        transaction.Execute(
            $"update delete_holds set state = $state, closed_by_run = $run, closed_at = $now where {OfIntegration} and hold = $hold",
            [.. run.Parameters, ("$hold", hold.Hold), ("$state", state), ("$now", now)]);
        return null;
    }

    private sealed record CurrentHold(long Hold, long RunSeq, string State, bool IsUnproven, string Since, string? DecidedBy);
}
