using Elt.Durable.Journal.Sqlite;

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
                insert into queues (name, concurrency, worker_concurrency, declared) values ($1, $2, $3, $4)
                on conflict (name) do update set concurrency = excluded.concurrency, worker_concurrency = excluded.worker_concurrency, declared = excluded.declared
                where declared <> excluded.declared
                """,
                queue.Name, queue.Concurrency, queue.WorkerConcurrency, $"{queue.Concurrency}/{queue.WorkerConcurrency}");
        return true;
    });

    public Task<IReadOnlyList<string>> ListAsync(CancellationToken ct) =>
        store.ReadAsync<IReadOnlyList<string>>(journal => journal.Query("select name from queues order by name", r => r.GetString(0)));
}
