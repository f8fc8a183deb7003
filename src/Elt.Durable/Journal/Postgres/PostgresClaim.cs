using Elt.Durable.Queues;
using Npgsql;

namespace Elt.Durable.Journal.Postgres;

/// <summary>
/// Takes due runs: those without queue, parked ones and those of queues that nothing governs in one statement, without a lock that anybody waits for;
/// then those of the queues with limits or keys, where something is due. For one caller at a time.
/// </summary>
internal sealed class PostgresClaim(PostgresStore store)
{
    public const string Columns = "r.id, r.workflow, r.version, r.input, r.epoch, r.recoveries, r.wake_count, r.parent_id, r.created_at, r.queue, r.deadline_at";

    /// <summary>Begins the transaction of a claim: its statements go by the order of the indexes, also where a plan was made while the tables were small.</summary>
    public const string GoAlongIndexes =
        "select set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true), set_config('enable_sort', 'off', true), "
        + "set_config('jit', 'off', true)";

    private const string IsMine = "r.due_at <= coalesce($1, now()) and (r.workflow, r.version) in (select name, version from mine)";

    // The worker's row is not locked: a claim that finds nothing must not write. Runs claimed for a worker that is deleted at the same
    // moment have an owner without a row, which the next recovery finds.
    private const string Take =
        $"""
        with mine as (select w.name, w.version from unnest($3::text[], $4::int[]) as w(name, version)),
        direct as (
          select r.id from durable.runs r
          where (r.queue is null or r.status = 'WAITING') and {IsMine} and (r.queue is null or not {PostgresQueueClaim.HasWorkerLimit})
          order by r.due_at limit $6 for update skip locked),
        queued as (
          select c.id from durable.queues q cross join lateral (
            select r.id, r.priority, r.due_at from durable.runs r
            where r.queue = q.name and r.status = 'ENQUEUED' and coalesce(r.queue_key, '') = '' and {IsMine}
            order by r.priority, r.due_at, r.id limit $6 for update skip locked) c
          where q.name = any ($5) and not q.paused and not {PostgresQueueClaim.IsGoverned}
          order by c.priority, c.due_at, c.id),
        picked as (select id from direct union all select id from queued limit $6)
        update durable.runs r
        set status = 'RUNNING', owner = $2, epoch = r.epoch + 1, due_at = null, started_at = coalesce(r.started_at, coalesce($1, now()))
        from picked
        where r.id = picked.id and exists (select from durable.workers where id = $2)
        returning {Columns}
        """;

    // Only a queue where something is due is locked.
    private const string Governed =
        $"""
        with mine as (select w.name, w.version from unnest($3::text[], $4::int[]) as w(name, version))
        select q.name from durable.queues q
        where q.name = any ($5) and {PostgresQueueClaim.IsGoverned} and (
          not q.paused and exists (select from durable.runs r where r.queue = q.name and r.status = 'ENQUEUED' and {IsMine})
          or q.worker_concurrency is not null and exists (select from durable.runs r where r.queue = q.name and r.status = 'WAITING' and {IsMine}))
        order by q.name
        """;

    private const string Probe =
        $"""
        with mine as (select w.name, w.version from unnest($3::text[], $4::int[]) as w(name, version)),
        t as (select coalesce($1, now()) as now),
        queued as (
          select {PostgresQueueClaim.NextStart} as start from durable.queues q
          cross join lateral (select from durable.runs r where r.queue = q.name and r.status = 'ENQUEUED' and {IsMine} limit 1) due
          where q.name = any ($5) and not q.paused)
        select
          exists (select from durable.runs r where (r.queue is null or r.status = 'WAITING') and {IsMine})
            or exists (select from queued where start is null or start <= t.now),
          exists (select from durable.workers where lease_until < t.now),
          least(
            (select min(r.due_at) from durable.runs r where r.due_at > t.now and (r.queue is null or r.status = 'WAITING')),
            (select min(delayed.due_at) from durable.queues q cross join lateral (
              select min(r.due_at) as due_at from durable.runs r where r.queue = q.name and r.status = 'ENQUEUED' and r.due_at > t.now) delayed
             where q.name = any ($5) and not q.paused),
            (select min(start) from queued where start > t.now),
            (select min(lease_until) from durable.workers where lease_until >= t.now and id <> $2)),
          (select min(r.deadline_at) from durable.runs r where r.deadline_at is not null and r.completed_at is null)
        from t
        """;

    private readonly PostgresQueueClaim _governed = new(store);
    private bool _governedFirst;
    private string _servedFirst = "";

    public async Task<Prospect> ProbeAsync(ClaimRequest request, CancellationToken ct)
    {
        await using var batch = Batch(request, (GoAlongIndexes, [], 0), (Probe, request.Queues, request.Limit));
        await using var reader = await batch.ExecuteReaderAsync(ct).ConfigureAwait(false);
        await reader.NextResultAsync(ct).ConfigureAwait(false);
        await reader.ReadAsync(ct).ConfigureAwait(false);
        return new Prospect(reader.GetBoolean(0), reader.GetBoolean(1), reader.TimeOrNull(2), reader.TimeOrNull(3));
    }

    public async Task<ClaimResult> ClaimAsync(ClaimRequest request, CancellationToken ct)
    {
        // So that neither kind of queue, nor any of those with limits, waits for the backlog of the others, each goes first in its turn.
        var governedFirst = _governedFirst;
        var runs = new List<ClaimedRun>(request.Limit);
        var governed = await TakeAsync(request, governedFirst ? [] : request.Queues, runs, ct).ConfigureAwait(false);
        _governedFirst = governed.Count > 0 && !governedFirst;
        DateTimeOffset? nextStart = null;
        var inTurn = governed.OrderBy(q => string.CompareOrdinal(q, _servedFirst) <= 0).ToList();
        foreach (var queue in inTurn)
        {
            if (runs.Count == request.Limit)
                break;
            if (queue == inTurn[0])
                _servedFirst = queue;
            var claim = await _governed.ClaimAsync(request, queue, request.Limit - runs.Count, ct).ConfigureAwait(false);
            runs.AddRange(claim.Runs);
            nextStart = claim.NextStart is null || nextStart < claim.NextStart ? nextStart : claim.NextStart;
        }
        if (governedFirst && runs.Count < request.Limit)
            await TakeAsync(request, request.Queues, runs, ct).ConfigureAwait(false);
        return new ClaimResult(runs, nextStart);
    }

    public static NpgsqlBatchCommand Statement(string sql, PostgresStore store, ClaimRequest request, object queues, int limit) => new(sql)
    {
        Parameters =
        {
            store.Now(),
            new() { Value = request.WorkerId },
            new() { Value = request.Workflows.Select(w => w.Name).ToArray() },
            new() { Value = request.Workflows.Select(w => w.Version).ToArray() },
            new() { Value = queues },
            new() { Value = (long)limit },
        },
    };

    public static ClaimedRun Read(NpgsqlDataReader reader) => new()
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
    };

    /// <summary>Takes what nothing governs.</summary>
    /// <returns>The queues with limits or keys where something is due.</returns>
    private async Task<IReadOnlyList<string>> TakeAsync(ClaimRequest request, IReadOnlyList<string> queues, List<ClaimedRun> runs, CancellationToken ct)
    {
        await using var batch = Batch(request, (GoAlongIndexes, [], 0), (Take, queues, request.Limit - runs.Count), (Governed, request.Queues, request.Limit));
        await using var reader = await batch.ExecuteReaderAsync(ct).ConfigureAwait(false);
        await reader.NextResultAsync(ct).ConfigureAwait(false);
        runs.AddRange(await PostgresStore.ReadAllAsync(reader, Read, ct).ConfigureAwait(false));
        await reader.NextResultAsync(ct).ConfigureAwait(false);
        return await PostgresStore.ReadAllAsync(reader, r => r.GetString(0), ct).ConfigureAwait(false);
    }

    private NpgsqlBatch Batch(ClaimRequest request, params ReadOnlySpan<(string Sql, IReadOnlyList<string> Queues, int Limit)> statements)
    {
        var batch = store.DataSource.CreateBatch();
        foreach (var (sql, queues, limit) in statements)
            batch.BatchCommands.Add(Statement(sql, store, request, queues.ToArray(), limit));
        return batch;
    }
}
