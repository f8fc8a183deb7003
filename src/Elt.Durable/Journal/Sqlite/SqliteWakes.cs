namespace Elt.Durable.Journal.Sqlite;

/// <summary>Wakes runs in the transaction that brings what they wait for.</summary>
internal static class SqliteWakes
{
    /// <summary>Wakes a run unless it has ended, and says what there is to be done for it in this process.</summary>
    public static JournalHint Wake(SqliteStatements journal, string runId, long now) => journal.Query(
        """
        update runs set wake_count = wake_count + 1, due_at = case when status = 'WAITING' then $2 else due_at end
        where id = $1 and status in ('RUNNING', 'WAITING', 'ENQUEUED') returning status, owner
        """,
        r => r.GetString(0) == "WAITING" ? JournalHint.WorkIsDue : r.IsDBNull(1) ? JournalHint.None : JournalHint.RunsAreWoken,
        runId, now).FirstOrDefault();

    /// <summary>Wakes those who wait for an event of a run that has set one or ended.</summary>
    public static JournalHint WakeWaiters(SqliteStatements journal, string runId, long now) => journal
        .Query("delete from event_waiters where run_id = $1 returning waiting_run", r => r.GetString(0), runId)
        .Aggregate(JournalHint.None, (hint, waiter) => hint | Wake(journal, waiter, now));
}
