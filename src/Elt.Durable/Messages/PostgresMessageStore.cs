using Elt.Durable.Journal;
using Elt.Durable.Journal.Postgres;
using NpgsqlTypes;
using static Elt.Durable.Journal.Postgres.Columns;

namespace Elt.Durable.Messages;

/// <summary>The messages in Postgres.</summary>
internal sealed class PostgresMessageStore(PostgresStore store) : IMessageStore
{
    public async Task<bool> IsKnownAsync(string runId, CancellationToken ct) =>
        (await store.QueryAsync("select 1 from durable.runs where id = $2", [runId], r => r.GetInt32(0), ct).ConfigureAwait(false)).Count > 0;

    public async Task<WaitingMessage?> FindOldestAsync(string runId, string topic, IReadOnlyCollection<string> except, CancellationToken ct) =>
        (await store.QueryAsync(
            """
            select idempotency_key, payload from durable.messages
            where run_id = $2 and topic = $3 and received_by is null and idempotency_key <> all ($4) order by number limit 1
            """,
            [runId, topic, except.ToArray()],
            r => new WaitingMessage(r.GetString(0), r.GetString(1)),
            ct).ConfigureAwait(false)) is [var oldest] ? oldest : null;

    /// <summary>
    /// Adds to a commit, after its steps, what they and others send. The destination is locked against being deleted meanwhile: no message stays behind for a
    /// later run of the same id. A step's message goes with the step's own row; its key makes a repeated commit harmless.
    /// </summary>
    /// <returns>The runs that get messages.</returns>
    public static List<string> AddSends(Statements statements, IReadOnlyList<StepWrite> steps, IReadOnlyList<MessageWrite> others)
    {
        List<(Message Message, StepWrite? Step)> sends =
        [
            .. steps.Where(w => w.Effect is SendEffect).Select(w => (((SendEffect)w.Effect!).Message, (StepWrite?)w)),
            .. others.Select(w => (w.Message, (StepWrite?)null)),
        ];
        if (sends.Count == 0)
            return [];
        statements.Add(
            """
            insert into durable.messages (run_id, idempotency_key, topic, payload, sender, sent_at)
            select i.run_id, i.idempotency_key, i.topic, i.payload, i.sender, coalesce($1, now())
            from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bigint[], $10::timestamptz[])
                with ordinality as i(run_id, idempotency_key, topic, payload, sender, step, epoch, created_at, number)
              join durable.runs r on r.id = i.run_id
            where i.step is null or exists (
              select from durable.steps s join durable.runs o on o.id = s.run_id and o.created_at = coalesce(i.created_at, o.created_at)
              where s.run_id = i.sender and s.key = i.step and s.epoch = i.epoch)
            order by i.number for key share of r
            on conflict do nothing
            """,
            Text(sends, s => s.Message.RunId),
            Text(sends, s => s.Message.IdempotencyKey),
            Text(sends, s => s.Message.Topic),
            Text(sends, s => s.Message.Payload),
            Text(sends, s => s.Message.Sender),
            Text(sends, s => s.Step?.Step.Key),
            Array(sends, s => s.Step?.Run.Epoch ?? 0, NpgsqlDbType.Bigint),
            Array(sends, s => s.Step?.Run.CreatedAt?.UtcDateTime, NpgsqlDbType.TimestampTz));
        return sends.ConvertAll(s => s.Message.RunId);
    }

    /// <summary>Adds to a commit, after its steps, that they consume messages.</summary>
    public static void AddReceipts(Statements statements, IReadOnlyList<StepWrite> steps)
    {
        var receipts = steps.Where(w => w.Effect is ReceiveEffect).ToList();
        if (receipts.Count == 0)
            return;
        statements.Add(
            """
            update durable.messages m set received_by = s.key
            from unnest($3::text[], $4::bigint[], $5::text[], $6::text[], $7::timestamptz[]) as i(run_id, epoch, key, idempotency_key, created_at)
              join durable.steps s on s.run_id = i.run_id and s.key = i.key and s.epoch = i.epoch
              join durable.runs r on r.id = i.run_id and r.created_at = coalesce(i.created_at, r.created_at)
            where m.run_id = i.run_id and m.idempotency_key = i.idempotency_key and m.received_by is null
            """,
            Text(receipts, w => w.Run.Id),
            Array(receipts, w => w.Run.Epoch, NpgsqlDbType.Bigint),
            Text(receipts, w => w.Step.Key),
            Text(receipts, w => ((ReceiveEffect)w.Effect!).IdempotencyKey),
            CreationTimes(receipts));
    }
}
