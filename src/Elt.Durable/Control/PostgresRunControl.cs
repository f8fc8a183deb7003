using Elt.Durable.Journal;
using Elt.Durable.Journal.Postgres;
using Npgsql;

namespace Elt.Durable.Control;

/// <summary>Changes to runs from outside, in Postgres.</summary>
internal sealed class PostgresRunControl(PostgresStore store) : IRunControl
{
    private readonly PostgresCancel _cancel = new(store);

    /// <summary>All that belongs to a run beside its row: tables with its id in <c>run_id</c>.</summary>
    private static readonly string[] Belongings = ["steps", "step_attempts", "messages", "stream_entries", "event_waiters"];

    /// <summary>What a fork copies beside the run itself, the steps first: $2 the source, $3 the fork, $4 the time of the first step left out.</summary>
    private static readonly string[] Copies =
    [
        """
        insert into durable.steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error)
        select $3, key, kind, status, 0, attempts, started_at, completed_at, result, error from durable.steps where run_id = $2 and completed_at < $4
        """,
        """
        insert into durable.messages (run_id, idempotency_key, topic, payload, sender, sent_at, received_by)
        select $3, m.idempotency_key, m.topic, m.payload, m.sender, m.sent_at, s.key
        from durable.messages m left join durable.steps s on s.run_id = $3 and s.key = m.received_by
        where m.run_id = $2 and (m.sent_at < $4 or s.key is not null) order by m.number
        """,
        """
        insert into durable.stream_entries (run_id, kind, name, position, step_key, value, written_at)
        select $3, e.kind, e.name, row_number() over (partition by e.kind, e.name order by e.position) - 1, e.step_key, e.value, e.written_at
        from durable.stream_entries e join durable.steps s on s.run_id = $3 and s.key = e.step_key where e.run_id = $2
        """,
    ];

    public Task<Cancelled> CancelAsync(IReadOnlyList<string> runIds, ErrorInfo reason, bool cascade, CancellationToken ct) =>
        _cancel.CancelAsync(new Cancellation(runIds, reason, cascade), ct);

    public async Task<(Cancelled Cancelled, DateTimeOffset? NextDeadline)> CancelOverdueAsync(int limit, CancellationToken ct)
    {
        var overdue = await store.QueryAsync(
            "select id from durable.runs where deadline_at <= coalesce($1, now()) and completed_at is null order by deadline_at, id limit $2",
            [limit], r => r.GetString(0), ct).ConfigureAwait(false);
        var cancelled = await _cancel.CancelAsync(new Cancellation(overdue, Cancellation.DeadlinePassed, Cascade: true, OverdueOnly: true), ct).ConfigureAwait(false);
        var next = await store.QueryAsync(
            "select min(deadline_at) from durable.runs where deadline_at is not null and completed_at is null", [], r => r.TimeOrNull(0), ct).ConfigureAwait(false);
        return (cancelled, next[0]);
    }

    public async Task<int> ResumeAsync(IReadOnlyList<string> runIds, bool cascade, CancellationToken ct)
    {
        (string, object?[])[] statements =
        [
            (
                """
                with recursive tree as (
                  select id from durable.runs where id = any ($2) and status in ('CANCELLED', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED')
                  union
                  select c.id from tree t join durable.runs c on c.parent_id = t.id
                  where $3 and c.status in ('CANCELLED', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED')
                    and not exists (select from durable.steps s where s.run_id = t.id and s.key = substr(c.id, length(t.id) + 2))),
                ended as (
                  select r.id from tree t join durable.runs r on r.id = t.id
                  where r.status in ('CANCELLED', 'MAX_RECOVERY_ATTEMPTS_EXCEEDED') order by r.id for no key update of r)
                update durable.runs r set status = 'ENQUEUED', due_at = greatest(coalesce($1, now()), r.delayed_until), delayed_until = null,
                  recoveries = 0, error = null, completed_at = null, deadline_at = null
                from ended where r.id = ended.id
                """,
                [runIds.ToArray(), cascade]),
            (PostgresHints.NotifyWork, []),
        ];
        try
        {
            return (await store.RunAllAsync(statements, ct).ConfigureAwait(false))[0];
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            throw Cancellation.DeduplicationIdTaken(runIds);
        }
    }

    public Task<bool> ForkAsync(RunFork fork, CancellationToken ct) => store.TransactAsync(async connection =>
    {
        // Epoch 1 although nobody claimed it yet: its first claim finds a history.
        // A run that began again had its priority replaced by the lowest; that is not handed on.
        var created = await store.RunAsync(
            connection,
            """
            insert into durable.runs (id, workflow, version, status, epoch, due_at, priority, queue, queue_key, created_at, input, forked_from)
            select $2, workflow, coalesce($4, version), 'ENQUEUED', 1, coalesce($1, now()), coalesce(nullif(priority, -2147483648), 0), coalesce($5, queue), queue_key, coalesce($1, now()), input, id
            from durable.runs where id = $3
            on conflict do nothing
            """,
            [fork.RunId, fork.SourceId, fork.Version, fork.Queue],
            ct).ConfigureAwait(false) == 1;
        foreach (var copy in created && fork.Before is not null ? Copies : [])
            await store.RunAsync(connection, copy, [fork.SourceId, fork.RunId, fork.Before!.Value.UtcDateTime], ct).ConfigureAwait(false);
        await store.RunAsync(connection, PostgresHints.NotifyWork, [], ct).ConfigureAwait(false);
        return created;
    }, ct);

    public Task<int> DeleteAsync(IReadOnlyList<string> runIds, bool cascade, CancellationToken ct) => DeleteAsync(
        """
        with recursive tree as (
          select id as root, id, completed_at is null as is_live from durable.runs where id = any ($2)
          union
          select t.root, c.id, c.completed_at is null from tree t join durable.runs c on c.parent_id = t.id where $3 or t.id = t.root)
        select r.id from durable.runs r
        where r.id in (select id from tree where ($3 or id = root) and root not in (select root from tree where is_live)) and r.completed_at is not null
        order by r.id for update
        """,
        [runIds.ToArray(), cascade],
        ct);

    public Task<int> PurgeAsync(TimeSpan age, int limit, CancellationToken ct) => DeleteAsync(
        """
        select r.id from durable.runs r, (select coalesce($1, now()) - $2::interval as before) t
        where r.created_at < t.before and r.completed_at < t.before
          and not exists (select from durable.runs p where p.id = r.parent_id and (p.completed_at is null or p.completed_at >= t.before))
          and not exists (select from durable.runs c where c.parent_id = r.id and c.completed_at is null)
        order by r.created_at, r.id limit $3 for update of r skip locked
        """,
        [age, limit],
        ct);

    /// <summary>Deletes the runs that a statement finds and locks, so that none of them is resumed meanwhile.</summary>
    private Task<int> DeleteAsync(string find, object?[] values, CancellationToken ct) => store.TransactAsync(async connection =>
    {
        var runIds = (await store.QueryAsync(connection, find, values, r => r.GetString(0), ct).ConfigureAwait(false)).ToArray();
        if (runIds.Length == 0)
            return 0;
        foreach (var table in Belongings)
            await store.RunAsync(connection, $"delete from durable.{table} where run_id = any ($2)", [runIds], ct).ConfigureAwait(false);
        return await store.RunAsync(connection, "delete from durable.runs where id = any ($2)", [runIds], ct).ConfigureAwait(false);
    }, ct);
}
