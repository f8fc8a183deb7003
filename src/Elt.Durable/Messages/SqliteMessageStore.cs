using Elt.Durable.Journal.Sqlite;

namespace Elt.Durable.Messages;

/// <summary>The messages in SQLite.</summary>
internal sealed class SqliteMessageStore(SqliteStore store) : IMessageStore
{
    public Task<bool> IsKnownAsync(string runId, CancellationToken ct) => store.ReadAsync(journal => IsKnown(journal, runId));

    public Task<WaitingMessage?> FindOldestAsync(string runId, string topic, IReadOnlyCollection<string> except, CancellationToken ct) =>
        store.ReadAsync(journal => journal.Query(
            """
            select idempotency_key, payload from messages
            where run_id = $1 and topic = $2 and received_by is null and idempotency_key not in (select value from json_each($3)) order by number limit 1
            """,
            r => new WaitingMessage(r.GetString(0), r.GetString(1)),
            runId, topic, SqliteStore.JsonArray(except)).FirstOrDefault());

    /// <summary>Keeps a message unless there was one of its key, or there is no such run (any more).</summary>
    public static void Send(SqliteStatements journal, Message message, long now)
    {
        if (!IsKnown(journal, message.RunId))
            return;
        journal.Run(
            "insert into messages (run_id, idempotency_key, topic, payload, sender, sent_at) values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
            message.RunId, message.IdempotencyKey, message.Topic, message.Payload, message.Sender, now);
    }

    public static void Consume(SqliteStatements journal, string runId, string step, ReceiveEffect receipt) => journal.Run(
        "update messages set received_by = $3 where run_id = $1 and idempotency_key = $2 and received_by is null", runId, receipt.IdempotencyKey, step);

    private static bool IsKnown(SqliteStatements journal, string runId) => journal.Any("select 1 from runs where id = $1", runId);
}
