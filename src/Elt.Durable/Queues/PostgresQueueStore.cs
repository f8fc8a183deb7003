using Elt.Durable.Journal.Postgres;

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
                insert into durable.queues as q (name, concurrency, worker_concurrency, declared) values ($2, $3, $4, $5)
                on conflict (name) do update set concurrency = excluded.concurrency, worker_concurrency = excluded.worker_concurrency, declared = excluded.declared
                where q.declared <> excluded.declared
                """,
                [queue.Name, queue.Concurrency, queue.WorkerConcurrency, $"{queue.Concurrency}/{queue.WorkerConcurrency}"],
                ct).ConfigureAwait(false);
        }
    }

    public Task<IReadOnlyList<string>> ListAsync(CancellationToken ct) =>
        store.QueryAsync("select name from durable.queues order by name", [], r => r.GetString(0), ct);
}
