using Elt.Durable.Journal;
using Elt.Durable.Journal.Postgres;
using Npgsql;

namespace Elt.Durable.Queues;

/// <summary>
/// Takes runs from queues that have limits or keys, each queue in a transaction of its own. Limits hold because everyone who claims from such a
/// queue holds its row, and counts in a statement that begins after the lock was granted.
/// </summary>
internal sealed class PostgresQueueClaim(PostgresStore store)
{
    /// <summary>The queue has a limit, or runs of other keys than '' wait in it.</summary>
    public const string IsGoverned =
        """
        (coalesce(q.concurrency, q.worker_concurrency, q.key_concurrency, q.rate_runs) is not null
          or coalesce((select coalesce(r.queue_key, '') from durable.runs r where r.queue = q.name and r.status = 'ENQUEUED'
              order by coalesce(r.queue_key, '') desc limit 1), '') > '')
        """;

    /// <summary>A worker's limit also holds for parked runs that go on.</summary>
    public const string HasWorkerLimit = "exists (select from durable.queues q where q.name = r.queue and q.worker_concurrency is not null)";

    /// <summary>When the rate limit allows the next start: a period after the n-th last one; nothing when fewer were counted.</summary>
    public const string NextStart =
        """
        (select s.started_at + q.rate_period * interval '1 microsecond' from durable.queue_starts s
         where q.rate_runs is not null and s.queue = q.name order by s.started_at desc offset greatest(q.rate_runs - 1, 0) limit 1)
        """;

    private const string Lock = "select true from durable.queues where name = $5 for update";

    // The keys that wait are found by a loose scan, one descent of the index for each, which mostly finds the key's next run as well; of the runs
    // only as many are read as could be taken.
    // The clock is read after the lock was granted, so that the starts of a queue are recorded in the order in which they happen.
    private const string Take =
        $"""
        with recursive t as materialized (select coalesce($1, clock_timestamp()) as now),
        mine as (select w.name, w.version from unnest($3::text[], $4::int[]) as w(name, version)),
        q as (select * from durable.queues where name = $5),
        active as (
          select coalesce(queue_key, '') as key, count(*) as begun, count(*) filter (where owner = $2) as here
          from durable.runs where queue = $5 and status in ('RUNNING', 'WAITING') group by 1),
        total as (select coalesce(sum(begun), 0)::bigint as begun, coalesce(sum(here), 0)::bigint as here from active),
        parked as (
          select r.id from durable.runs r, t
          where r.due_at <= t.now and r.status = 'WAITING' and r.queue = $5 and {HasWorkerLimit} and (r.workflow, r.version) in (select name, version from mine)
          order by r.due_at limit (select greatest(least($6, q.worker_concurrency - total.here), 0) from q, total) for update of r skip locked),
        room as (
          select case when q.paused then 0 else greatest(least(
            $6 - p.runs, q.concurrency - total.begun, q.worker_concurrency - total.here - p.runs,
            q.rate_runs - (select count(*) from durable.queue_starts s where s.queue = $5 and s.started_at > t.now - q.rate_period * interval '1 microsecond')), 0) end as free
          from q, t, total, (select count(*) as runs from parked) p),
        keys(key, priority, due_at, workflow, version) as (
          (select coalesce(r.queue_key, ''), r.priority, r.due_at, r.workflow, r.version from durable.runs r
           where r.queue = $5 and r.status = 'ENQUEUED' and (select free from room) > 0
           order by coalesce(r.queue_key, ''), r.priority, r.due_at, r.id limit 1)
          union all
          select next.* from keys cross join lateral (
            select coalesce(r.queue_key, ''), r.priority, r.due_at, r.workflow, r.version from durable.runs r
            where r.queue = $5 and r.status = 'ENQUEUED' and coalesce(r.queue_key, '') > keys.key
            order by coalesce(r.queue_key, ''), r.priority, r.due_at, r.id limit 1) next),
        free_keys as (
          select keys.*, case when keys.key = '' then room.free else least(room.free, q.key_concurrency - coalesce(active.begun, 0)) end as free
          from keys cross join q cross join room left join active on active.key = keys.key),
        heads as (
          select * from (
            select k.key, k.free, coalesce((select s.turn from durable.queue_keys s where s.queue = $5 and s.key = k.key), 0) as turn,
              case when k.due_at <= t.now and (k.workflow, k.version) in (select name, version from mine) then k.priority else (
                select r.priority from durable.runs r
                where r.queue = $5 and r.status = 'ENQUEUED' and coalesce(r.queue_key, '') = k.key
                  and r.due_at <= t.now and (r.workflow, r.version) in (select name, version from mine)
                order by r.priority, r.due_at, r.id limit 1) end as priority
            from free_keys k cross join t where k.free > 0) h
          where priority is not null
          order by priority, turn, key limit (select free from room)),
        candidates as (
          select run.id, run.priority, heads.key, heads.turn,
            row_number() over (partition by heads.key order by run.priority, run.due_at, run.id) as nth
          from (select heads.*, count(*) over (order by priority) as ahead from heads) heads cross join room cross join t
          cross join lateral (
            select r.id, r.priority, r.due_at from durable.runs r
            where r.queue = $5 and r.status = 'ENQUEUED' and coalesce(r.queue_key, '') = heads.key
              and r.due_at <= t.now and (r.workflow, r.version) in (select name, version from mine)
            order by r.priority, r.due_at, r.id limit least(heads.free, room.free - heads.ahead + 1)) run),
        chosen as (
          select id, key, row_number() over (order by priority, nth, turn, key) as place
          from candidates order by place limit (select free from room)),
        begun as (
          select r.id, chosen.key, chosen.place from chosen join durable.runs r on r.id = chosen.id
          where r.status = 'ENQUEUED' and exists (select from durable.workers where id = $2) for update of r skip locked),
        counted as (insert into durable.queue_starts (queue, started_at) select $5, t.now from begun, q, t where q.rate_runs is not null),
        forgotten as (
          delete from durable.queue_starts s using q, t
          where s.queue = $5 and s.started_at <= t.now - q.rate_period * interval '1 microsecond'),
        served as (
          insert into durable.queue_keys (queue, key, turn)
          select $5, key, nextval('durable.queue_turns') from (select key, max(place) as last from begun group by key order by last) begun
          where exists (select from keys where key > '')
          on conflict (queue, key) do update set turn = excluded.turn)
        update durable.runs r
        set status = 'RUNNING', owner = $2, epoch = r.epoch + 1, due_at = null, started_at = coalesce(r.started_at, t.now)
        from (select id from parked union all select id from begun) picked, t
        where r.id = picked.id and exists (select from durable.workers where id = $2)
        returning {PostgresClaim.Columns}
        """;

    private const string Next = $"select {NextStart} from durable.queues q where q.name = $5";

    /// <summary>Takes up to a number of due runs of a queue.</summary>
    /// <returns>The runs, and when the queue's rate limit allows a start again.</returns>
    public async Task<ClaimResult> ClaimAsync(ClaimRequest request, string queue, int limit, CancellationToken ct)
    {
        await using var batch = store.DataSource.CreateBatch();
        foreach (var sql in new[] { PostgresClaim.GoAlongIndexes, Lock, Take, Next })
            batch.BatchCommands.Add(PostgresClaim.Statement(sql, store, request, queue, limit));
        await using var reader = await batch.ExecuteReaderAsync(ct).ConfigureAwait(false);
        await reader.NextResultAsync(ct).ConfigureAwait(false);
        await reader.NextResultAsync(ct).ConfigureAwait(false);
        var runs = await PostgresStore.ReadAllAsync(reader, PostgresClaim.Read, ct).ConfigureAwait(false);
        await reader.NextResultAsync(ct).ConfigureAwait(false);
        return new ClaimResult(runs, await reader.ReadAsync(ct).ConfigureAwait(false) ? reader.TimeOrNull(0) : null);
    }
}
