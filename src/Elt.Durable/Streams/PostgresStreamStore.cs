using Elt.Durable.Journal;
using Elt.Durable.Journal.Postgres;
using NpgsqlTypes;
using static Elt.Durable.Journal.Postgres.Columns;

namespace Elt.Durable.Streams;

/// <summary>Events and streams in Postgres.</summary>
internal sealed class PostgresStreamStore(PostgresStore store) : IStreamStore
{
    private const string FindEvent =
        """
        select r.completed_at is not null, (
          select e.value from durable.stream_entries e where e.run_id = r.id and e.kind = 'EVENT' and e.name = $3 order by e.position desc limit 1)
        from durable.runs r where r.id = $2
        """;

    // Whoever sets an event or ends the run holds its row until the commit, and looks for waiters after it got hold of it: either the
    // registration is seen there, or what was committed is seen here.
    private const string LockRun = "select 1 from durable.runs where id = $2 for update";

    private const string Register =
        "insert into durable.event_waiters (run_id, waiting_run) select id, $3 from durable.runs where id = $2 and completed_at is null on conflict do nothing";

    public async Task<EventState?> FindEventAsync(string runId, string name, string? waiter, CancellationToken ct)
    {
        await using var batch = waiter is null
            ? store.Batch((FindEvent, [runId, name]))
            : store.Batch((LockRun, [runId]), (Register, [runId, waiter]), (FindEvent, [runId, name]));
        await using var reader = await batch.ExecuteReaderAsync(ct).ConfigureAwait(false);
        while (reader.FieldCount != 2)
            await reader.NextResultAsync(ct).ConfigureAwait(false);
        return await reader.ReadAsync(ct).ConfigureAwait(false) ? new EventState(reader.GetBoolean(0), reader.TextOrNull(1)) : null;
    }

    public Task<IReadOnlyList<EventInfo>> ListEventsAsync(string runId, CancellationToken ct) => store.QueryAsync(
        "select name, position, value, written_at from durable.stream_entries where run_id = $2 and kind = 'EVENT' order by written_at, name, position",
        [runId],
        r => new EventInfo(r.GetString(0), r.GetInt64(1), r.GetString(2), r.Time(3)),
        ct);

    public async Task<StreamPage?> ReadAsync(string runId, string stream, long fromPosition, int limit, CancellationToken ct)
    {
        // The run's end is looked for first: after it there are no entries that the second statement could miss.
        await using var batch = store.Batch(
            ("select completed_at is not null from durable.runs where id = $2", [runId]),
            (
                """
                select position, value from durable.stream_entries
                where run_id = $2 and kind = 'STREAM' and name = $3 and position >= $4 order by position limit $5
                """,
                [runId, stream, fromPosition, limit]));
        await using var reader = await batch.ExecuteReaderAsync(ct).ConfigureAwait(false);
        if (!await reader.ReadAsync(ct).ConfigureAwait(false))
            return null;
        var isOver = reader.GetBoolean(0);
        await reader.NextResultAsync(ct).ConfigureAwait(false);
        return new StreamPage(isOver, await PostgresStore.ReadAllAsync(reader, r => (r.GetInt64(0), r.GetString(1)), ct).ConfigureAwait(false));
    }

    /// <summary>
    /// Adds to a commit, after its steps, what they publish. A run has one writer, whose commits come one after the other: the next position is the number of
    /// entries there are.
    /// </summary>
    /// <returns>The runs whose events were set.</returns>
    public static List<string> AddEntries(Statements statements, IReadOnlyList<StepWrite> steps)
    {
        var entries = steps.Where(w => w.Effect is PublishEffect).Select(w => (w.Run, w.Step, Entry: (PublishEffect)w.Effect!)).ToList();
        if (entries.Count == 0)
            return [];
        statements.Add(
            """
            insert into durable.stream_entries (run_id, kind, name, position, step_key, value, written_at)
            select n.run_id, n.kind, n.name,
              coalesce((select max(e.position) + 1 from durable.stream_entries e where e.run_id = n.run_id and e.kind = n.kind and e.name = n.name), 0)
                + row_number() over (partition by n.run_id, n.kind, n.name order by n.number) - 1,
              n.key, n.value, n.completed_at
            from (
              select i.run_id, i.kind, i.name, i.key, i.value, i.number, s.completed_at
              from unnest($3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[], $9::timestamptz[])
                  with ordinality as i(run_id, epoch, key, kind, name, value, created_at, number)
                join durable.steps s on s.run_id = i.run_id and s.key = i.key and s.epoch = i.epoch
                join durable.runs r on r.id = i.run_id and r.created_at = coalesce(i.created_at, r.created_at)
              where not exists (select from durable.stream_entries e where e.run_id = i.run_id and e.step_key = i.key)) n
            on conflict (run_id, step_key) do nothing
            """,
            Text(entries, e => e.Run.Id),
            Array(entries, e => e.Run.Epoch, NpgsqlDbType.Bigint),
            Text(entries, e => e.Step.Key),
            Text(entries, e => e.Step.Kind.ToString().ToUpperInvariant()),
            Text(entries, e => e.Entry.Name),
            Text(entries, e => e.Entry.Value),
            Array(entries, e => e.Run.CreatedAt?.UtcDateTime, NpgsqlDbType.TimestampTz));
        var setters = entries.FindAll(e => e.Step.Kind == StepKind.Event).ConvertAll(e => e.Run.Id);
        if (setters.Count > 0)
            statements.Add("select 1 from durable.runs where id = any ($3) order by id for key share", Text(setters, id => id));
        return setters;
    }
}
