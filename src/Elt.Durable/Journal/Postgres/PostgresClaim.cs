using Npgsql;

namespace Elt.Durable.Journal.Postgres;

/// <summary>Takes due runs: those without queue and parked ones at once, those of queues as far as the queue's limits allow.</summary>
internal static class PostgresClaim
{
    // Limits hold because everyone who claims from a queue holds its row, and counts in a statement that begins after the lock was granted.
    private const string LockQueues =
        "select 1 from durable.queues where name = any ($5) and (concurrency is not null or worker_concurrency is not null) order by name for update";

    // The worker's row is not locked: a claim that finds nothing must not write. Runs claimed for a worker that is deleted at the same
    // moment have an owner without a row, which the next recovery finds.
    private const string Take =
        """
        with mine as (select w.name, w.version from unnest($3::text[], $4::int[]) as w(name, version)),
        direct as (
          select r.id from durable.runs r
          where r.due_at <= coalesce($1, now()) and (r.queue is null or r.status = 'WAITING') and (r.workflow, r.version) in (select name, version from mine)
          order by r.due_at limit $6 for update skip locked),
        active as (
          select queue, count(*) as begun, count(*) filter (where owner = $2) as here from durable.runs
          where queue = any ($5) and status in ('RUNNING', 'WAITING') group by queue),
        room as (
          select q.name, least($6, q.concurrency - coalesce(a.begun, 0), q.worker_concurrency - coalesce(a.here, 0)) as free
          from durable.queues q left join active a on a.queue = q.name where q.name = any ($5)),
        queued as (
          select c.id from room cross join lateral (
            select r.id, r.priority, r.due_at from durable.runs r
            where r.queue = room.name and r.status = 'ENQUEUED' and r.due_at <= coalesce($1, now()) and (r.workflow, r.version) in (select name, version from mine)
            order by r.priority, r.due_at, r.id limit greatest(room.free, 0) for update skip locked) c
          order by c.priority, c.due_at, c.id),
        picked as (select id from direct union all select id from queued limit $6)
        update durable.runs r
        set status = 'RUNNING', owner = $2, epoch = r.epoch + 1, due_at = null, started_at = coalesce(r.started_at, coalesce($1, now()))
        from picked
        where r.id = picked.id and exists (select from durable.workers where id = $2)
        returning r.id, r.workflow, r.version, r.input, r.epoch, r.recoveries, r.wake_count, r.parent_id, r.created_at, r.queue, r.deadline_at
        """;

    // Delayed runs in queues are not among the next due ones: no index has them in order, so they are found by looking again.
    private const string Probe =
        """
        with t as (select coalesce($1, now()) as now),
        mine as (select w.name, w.version from unnest($3::text[], $4::int[]) as w(name, version))
        select
          exists (
            select from durable.runs r where r.due_at <= t.now and (r.queue is null or r.status = 'WAITING') and (r.workflow, r.version) in (select name, version from mine))
          or exists (
            select from unnest($5::text[]) as q(name) where exists (
              select from durable.runs r where r.queue = q.name and r.status = 'ENQUEUED' and r.due_at <= t.now and (r.workflow, r.version) in (select name, version from mine))),
          exists (select from durable.workers where lease_until < t.now),
          least(
            (select min(r.due_at) from durable.runs r where r.due_at > t.now and (r.queue is null or r.status = 'WAITING')),
            (select min(lease_until) from durable.workers where lease_until >= t.now and id <> $2)),
          (select min(r.deadline_at) from durable.runs r where r.deadline_at is not null and r.completed_at is null)
        from t
        """;

    public static async Task<Prospect> ProbeAsync(PostgresStore store, ClaimRequest request, CancellationToken ct)
    {
        await using var batch = store.DataSource.CreateBatch();
        batch.BatchCommands.Add(Statement(Probe, store, request));
        await using var reader = await batch.ExecuteReaderAsync(ct).ConfigureAwait(false);
        await reader.ReadAsync(ct).ConfigureAwait(false);
        return new Prospect(reader.GetBoolean(0), reader.GetBoolean(1), reader.TimeOrNull(2), reader.TimeOrNull(3));
    }

    public static async Task<IReadOnlyList<ClaimedRun>> ClaimAsync(PostgresStore store, ClaimRequest request, CancellationToken ct)
    {
        await using var batch = store.DataSource.CreateBatch();
        batch.BatchCommands.Add(Statement(LockQueues, store, request));
        batch.BatchCommands.Add(Statement(Take, store, request));
        await using var reader = await batch.ExecuteReaderAsync(ct).ConfigureAwait(false);
        await reader.NextResultAsync(ct).ConfigureAwait(false);
        var claimed = new List<ClaimedRun>();
        while (await reader.ReadAsync(ct).ConfigureAwait(false))
        {
            claimed.Add(new ClaimedRun
            {
                Id = reader.GetString(0),
                Workflow = reader.GetString(1),
                Version = reader.GetInt32(2),
                Input = reader.GetString(3),
                Epoch = reader.GetInt64(4),
                Recoveries = reader.GetInt32(5),
                WakeCount = reader.GetInt64(6),
                ParentId = reader.TextOrNull(7),
                CreatedAt = reader.Time(8),
                Queue = reader.TextOrNull(9),
                DeadlineAt = reader.TimeOrNull(10),
            });
        }
        return claimed;
    }

    private static NpgsqlBatchCommand Statement(string sql, PostgresStore store, ClaimRequest request) => new(sql)
    {
        Parameters =
        {
            store.Now(),
            new() { Value = request.WorkerId },
            new() { Value = request.Workflows.Select(w => w.Name).ToArray() },
            new() { Value = request.Workflows.Select(w => w.Version).ToArray() },
            new() { Value = request.Queues.ToArray() },
            new() { Value = (long)request.Limit },
        },
    };
}
