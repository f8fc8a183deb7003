using Elt.Durable.Journal;
using Elt.Durable.Journal.Sqlite;
using Microsoft.Data.Sqlite;

namespace Elt.Durable.Control;

/// <summary>Changes to runs from outside, in SQLite.</summary>
internal sealed class SqliteRunControl(SqliteStore store) : IRunControl
{
    private const int ConstraintViolation = 19;

    /// <summary>All that belongs to a run beside its row: tables with its id in <c>run_id</c>.</summary>
    private static readonly string[] Belongings = ["steps", "step_attempts", "messages", "stream_entries", "event_waiters"];

    /// <summary>What a fork copies beside the run itself, the steps first: $1 the source, $2 the fork, $3 the time of the first step left out.</summary>
    private static readonly string[] Copies =
    [
        """
        insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error)
        select $2, key, kind, status, 0, attempts, started_at, completed_at, result, error from steps where run_id = $1 and completed_at < $3
        """,
        """
        insert into messages (run_id, idempotency_key, topic, payload, sender, sent_at, received_by)
        select $2, m.idempotency_key, m.topic, m.payload, m.sender, m.sent_at, s.key
        from messages m left join steps s on s.run_id = $2 and s.key = m.received_by
        where m.run_id = $1 and (m.sent_at < $3 or s.key is not null) order by m.number
        """,
        """
        insert into stream_entries (run_id, kind, name, position, step_key, value, written_at)
        select $2, e.kind, e.name, row_number() over (partition by e.kind, e.name order by e.position) - 1, e.step_key, e.value, e.written_at
        from stream_entries e join steps s on s.run_id = $2 and s.key = e.step_key where e.run_id = $1 and $3 is not null
        """,
    ];

    public Task<Cancelled> CancelAsync(IReadOnlyList<string> runIds, ErrorInfo reason, bool cascade, CancellationToken ct) =>
        store.WriteAsync(journal => Cancel(journal, new Cancellation(runIds, reason, cascade)));

    public Task<(Cancelled Cancelled, DateTimeOffset? NextDeadline)> CancelOverdueAsync(int limit, CancellationToken ct) => store.WriteAsync(journal =>
    {
        var overdue = journal.Query(
            "select id from runs where deadline_at <= $1 and completed_at is null order by deadline_at, id limit $2", r => r.GetString(0), store.Now, limit);
        var cancelled = Cancel(journal, new Cancellation(overdue, Cancellation.DeadlinePassed, Cascade: true));
        return (cancelled, journal.Query("select min(deadline_at) from runs where deadline_at is not null and completed_at is null", r => r.TimeOrNull(0))[0]);
    });

    public Task<int> ResumeAsync(IReadOnlyList<string> runIds, bool cascade, CancellationToken ct) => store.WriteAsync(journal =>
    {
        try
        {
            return journal.Run(
                """
                with recursive tree as (
                  select id from runs where id in (select value from json_each($2)) and status in ('CANCELLED', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED')
                  union
                  select c.id from tree t join runs c on c.parent_id = t.id
                  where $3 and c.status in ('CANCELLED', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED')
                    and not exists (select 1 from steps s where s.run_id = t.id and s.key = substr(c.id, length(t.id) + 2)))
                update runs set status = 'ENQUEUED', due_at = max($1, coalesce(delayed_until, $1)), delayed_until = null,
                  recoveries = 0, error = null, completed_at = null, deadline_at = null
                where id in (select id from tree)
                """,
                store.Now, SqliteStore.JsonArray(runIds), cascade);
        }
        catch (SqliteException e) when (e.SqliteErrorCode == ConstraintViolation)
        {
            throw Cancellation.DeduplicationIdTaken(runIds);
        }
    });

    public Task<bool> ForkAsync(RunFork fork, CancellationToken ct) => store.WriteAsync(journal =>
    {
        // Epoch 1 although nobody claimed it yet: its first claim finds a history.
        // A run that began again had its priority replaced by the lowest; that is not handed on.
        var created = journal.Run(
            """
            insert into runs (id, workflow, version, status, epoch, due_at, priority, queue, queue_key, created_at, input, forked_from)
            select $2, workflow, coalesce($4, version), 'ENQUEUED', 1, $1, coalesce(nullif(priority, -2147483648), 0), coalesce($5, queue), queue_key, $1, input, id from runs where id = $3
            on conflict do nothing
            """,
            store.Now, fork.RunId, fork.SourceId, fork.Version, fork.Queue) == 1;
        foreach (var copy in created && fork.Before is not null ? Copies : [])
            journal.Run(copy, fork.SourceId, fork.RunId, SqliteStore.Microseconds(fork.Before!.Value));
        return created;
    });

    public Task<int> DeleteAsync(IReadOnlyList<string> runIds, bool cascade, CancellationToken ct) => store.WriteAsync(journal => Delete(journal, journal.Query(
        """
        with recursive tree as (
          select id as root, id, completed_at is null as is_live from runs where id in (select value from json_each($1))
          union
          select t.root, c.id, c.completed_at is null from tree t join runs c on c.parent_id = t.id where $2 or t.id = t.root)
        select distinct id from tree where ($2 or id = root) and root not in (select root from tree where is_live)
        """,
        r => r.GetString(0), SqliteStore.JsonArray(runIds), cascade)));

    public Task<int> PurgeAsync(TimeSpan age, int limit, CancellationToken ct) => store.WriteAsync(journal => Delete(journal, journal.Query(
        """
        select r.id from runs r
        where r.created_at < $1 and r.completed_at < $1
          and not exists (select 1 from runs p where p.id = r.parent_id and (p.completed_at is null or p.completed_at >= $1))
          and not exists (select 1 from runs c where c.parent_id = r.id and c.completed_at is null)
        order by r.created_at, r.id limit $2
        """,
        r => r.GetString(0), store.Now - SqliteStore.Microseconds(age), limit)));

    private Cancelled Cancel(SqliteStatements journal, Cancellation request)
    {
        var now = store.Now;
        var cancelled = journal.Query(
            """
            with recursive tree as (
              select id from runs where id in (select value from json_each($1)) and completed_at is null
              union
              select c.id from tree t join runs c on c.parent_id = t.id where $2)
            update runs set status = 'CANCELLED', owner = null, delayed_until = case when status = 'ENQUEUED' and started_at is null then due_at end, due_at = null,
              error = $3, completed_at = $4
            where id in (select id from tree) and completed_at is null
            returning id
            """,
            r => r.GetString(0), SqliteStore.JsonArray(request.RunIds), request.Cascade, ErrorJson.Write(request.Reason), now);
        if (cancelled.Count > 0)
            TellOthers(journal, cancelled, now);
        return request.Of(cancelled, SqliteStore.Time(now));
    }

    /// <summary>Parents that were cancelled themselves are not told: resumed, they find their children as they are then.</summary>
    private static void TellOthers(SqliteStatements journal, List<string> cancelled, long now)
    {
        var parents = journal.Query(
            """
            insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error)
            select r.parent_id, substr(r.id, length(r.parent_id) + 2), 'CHILD', r.status, 0, 1, r.created_at, r.completed_at, null, r.error
            from runs r join runs p on p.id = r.parent_id and p.completed_at is null where r.id in (select value from json_each($1))
            on conflict do nothing
            returning run_id
            """,
            r => r.GetString(0), SqliteStore.JsonArray(cancelled));
        // What they are woken for is found by looking again at all that is executed here.
        foreach (var parent in parents)
            SqliteWakes.Wake(journal, parent, now);
        foreach (var runId in cancelled)
            SqliteWakes.WakeWaiters(journal, runId, now);
    }

    private static int Delete(SqliteStatements journal, List<string> runIds)
    {
        var ids = SqliteStore.JsonArray(runIds);
        foreach (var table in Belongings)
            journal.Run($"delete from {table} where run_id in (select value from json_each($1))", ids);
        return journal.Run("delete from runs where id in (select value from json_each($1))", ids);
    }
}
