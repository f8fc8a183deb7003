using Elt.Durable.Journal.Sqlite;
using Microsoft.Data.Sqlite;

namespace Elt.Durable.Queues;

/// <summary>The queues in SQLite.</summary>
internal sealed class SqliteQueueStore(SqliteStore store) : IQueueStore
{
    public Task DeclareAsync(IReadOnlyList<QueueDefinition> queues, CancellationToken ct) => store.WriteAsync(journal =>
    {
        // What was declared is kept beside the limits: a limit changed at run time stays until the declaration itself changes.
        foreach (var queue in queues)
            journal.Run(
                """
                insert into queues (name, concurrency, worker_concurrency, key_concurrency, rate_runs, rate_period, declared) values ($1, $2, $3, $4, $5, $6, $7)
                on conflict (name) do update set concurrency = excluded.concurrency, worker_concurrency = excluded.worker_concurrency,
                  key_concurrency = excluded.key_concurrency, rate_runs = excluded.rate_runs, rate_period = excluded.rate_period, declared = excluded.declared
                where declared <> excluded.declared
                """,
                [queue.Name, .. Columns(queue.Limits), queue.Declared]);
        // Whose turn is next matters only among keys that wait.
        return journal.Run(
            """
            delete from queue_keys where not exists (
              select 1 from runs r where r.queue = queue_keys.queue and coalesce(r.queue_key, '') = queue_keys.key and r.status = 'ENQUEUED')
            """);
    });

    public Task<IReadOnlyList<QueueInfo>> ListAsync(CancellationToken ct) => store.ReadAsync<IReadOnlyList<QueueInfo>>(journal => journal.Query(
        """
        select q.name, q.concurrency, q.worker_concurrency, q.key_concurrency, q.rate_runs, q.rate_period, q.paused,
          (select count(*) from runs r where r.queue = q.name and r.status = 'ENQUEUED'),
          (select count(*) from runs r where r.queue = q.name and r.status in ('RUNNING', 'WAITING'))
        from queues q order by q.name
        """,
        Read));

    public Task<bool> SetLimitsAsync(string queue, QueueLimits limits, CancellationToken ct) => ChangeAsync(
        "update queues set concurrency = $2, worker_concurrency = $3, key_concurrency = $4, rate_runs = $5, rate_period = $6 where name = $1",
        [queue, .. Columns(limits)]);

    public Task<bool> SetPausedAsync(string queue, bool paused, CancellationToken ct) =>
        ChangeAsync("update queues set paused = $2 where name = $1", [queue, paused]);

    public Task<bool> DeleteAsync(string queue, CancellationToken ct) => ChangeAsync(
        "delete from queues where name = $1 and not exists (select 1 from runs where queue = $1 and status in ('ENQUEUED', 'RUNNING', 'WAITING'))", [queue]);

    public Task<bool> SetPriorityAsync(string runId, int priority, CancellationToken ct) =>
        ChangeAsync("update runs set priority = $2 where id = $1 and status = 'ENQUEUED' and queue is not null", [runId, priority]);

    private Task<bool> ChangeAsync(string sql, object?[] values) => store.WriteAsync(journal => journal.Run(sql, values) > 0);

    private static object?[] Columns(QueueLimits limits) =>
    [
        limits.Concurrency, limits.WorkerConcurrency, limits.KeyConcurrency, limits.RateLimit?.Runs,
        limits.RateLimit is { Period: var period } ? SqliteStore.Microseconds(period) : null,
    ];

    private static QueueInfo Read(SqliteDataReader r) => new()
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
