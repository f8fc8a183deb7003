using Elt.Durable.Journal.Postgres;
using Npgsql;

namespace Elt.Durable.Queues;

/// <summary>The queues in Postgres.</summary>
internal sealed class PostgresQueueStore(PostgresStore store) : IQueueStore
{
    public async Task DeclareAsync(IReadOnlyList<QueueDefinition> queues, CancellationToken ct)
    {
        foreach (var queue in queues)
        {
            // What was declared is kept beside the limits: a limit changed at run time stays until the declaration itself changes.
            await store.RunAsync(
                """
                insert into durable.queues as q (name, concurrency, worker_concurrency, key_concurrency, rate_runs, rate_period, declared)
                values ($2, $3, $4, $5, $6, $7, $8)
                on conflict (name) do update set concurrency = excluded.concurrency, worker_concurrency = excluded.worker_concurrency,
                  key_concurrency = excluded.key_concurrency, rate_runs = excluded.rate_runs, rate_period = excluded.rate_period, declared = excluded.declared
                where q.declared <> excluded.declared
                """,
                [queue.Name, .. Columns(queue.Limits), queue.Declared],
                ct).ConfigureAwait(false);
        }
        // Whose turn is next matters only among keys that wait.
        await store.RunAsync(
            """
            delete from durable.queue_keys where (queue, key) in (
              select k.queue, k.key from durable.queue_keys k
              where not exists (select from durable.runs r where r.queue = k.queue and coalesce(r.queue_key, '') = k.key and r.status = 'ENQUEUED')
              for update skip locked)
            """,
            [],
            ct).ConfigureAwait(false);
    }

    public Task<IReadOnlyList<QueueInfo>> ListAsync(CancellationToken ct) => store.QueryAsync(
        """
        select q.name, q.concurrency, q.worker_concurrency, q.key_concurrency, q.rate_runs, q.rate_period, q.paused,
          (select count(*) from durable.runs r where r.queue = q.name and r.status = 'ENQUEUED'),
          (select count(*) from durable.runs r where r.queue = q.name and r.status in ('RUNNING', 'WAITING'))
        from durable.queues q order by q.name
        """,
        [],
        Read,
        ct);

    public Task<bool> SetLimitsAsync(string queue, QueueLimits limits, CancellationToken ct) => ChangeAsync(
        """
        update durable.queues set concurrency = $3, worker_concurrency = $4, key_concurrency = $5, rate_runs = $6, rate_period = $7 where name = $2
        """,
        [queue, .. Columns(limits)],
        ct);

    public Task<bool> SetPausedAsync(string queue, bool paused, CancellationToken ct) =>
        ChangeAsync("update durable.queues set paused = $3 where name = $2", [queue, paused], ct);

    public Task<bool> DeleteAsync(string queue, CancellationToken ct) => ChangeAsync(
        """
        delete from durable.queues q where q.name = $2
          and not exists (select from durable.runs r where r.queue = q.name and r.status in ('ENQUEUED', 'RUNNING', 'WAITING'))
        """,
        [queue],
        ct);

    public Task<bool> SetPriorityAsync(string runId, int priority, CancellationToken ct) => ChangeAsync(
        "update durable.runs set priority = $3 where id = $2 and status = 'ENQUEUED' and queue is not null", [runId, priority], ct);

    /// <summary>Changes something, and has all workers look again.</summary>
    private async Task<bool> ChangeAsync(string sql, object?[] values, CancellationToken ct) =>
        (await store.RunAllAsync([(sql, values), (PostgresHints.NotifyWork, [])], ct).ConfigureAwait(false))[0] > 0;

    private static object?[] Columns(QueueLimits limits) =>
    [
        limits.Concurrency, limits.WorkerConcurrency, limits.KeyConcurrency, limits.RateLimit?.Runs,
        (long?)limits.RateLimit?.Period.TotalMicroseconds,
    ];

    private static QueueInfo Read(NpgsqlDataReader r) => new()
    {
        Name = r.GetString(0),
        Limits = new QueueLimits
        {
            Concurrency = r.IntOrNull(1),
            WorkerConcurrency = r.IntOrNull(2),
            KeyConcurrency = r.IntOrNull(3),
            RateLimit = r.IntOrNull(4) is { } runs ? new RateLimit(runs, TimeSpan.FromMicroseconds(r.GetInt64(5))) : null,
        },
        IsPaused = r.GetBoolean(6),
        Enqueued = r.GetInt64(7),
        Active = r.GetInt64(8),
    };
}
