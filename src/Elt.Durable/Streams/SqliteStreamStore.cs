using Elt.Durable.Journal;
using Elt.Durable.Journal.Sqlite;

namespace Elt.Durable.Streams;

/// <summary>Events and streams in SQLite.</summary>
internal sealed class SqliteStreamStore(SqliteStore store) : IStreamStore
{
    public Task<EventState?> FindEventAsync(string runId, string name, string? waiter, CancellationToken ct) => waiter is null
        ? store.ReadAsync(journal => FindEvent(journal, runId, name))
        : store.WriteAsync(journal =>
        {
            journal.Run(
                "insert into event_waiters (run_id, waiting_run) select id, $2 from runs where id = $1 and completed_at is null on conflict do nothing", runId, waiter);
            return FindEvent(journal, runId, name);
        });

    public Task<IReadOnlyList<EventInfo>> ListEventsAsync(string runId, CancellationToken ct) => store.ReadAsync<IReadOnlyList<EventInfo>>(journal => journal.Query(
        "select name, position, value, written_at from stream_entries where run_id = $1 and kind = 'EVENT' order by written_at, name, position",
        r => new EventInfo(r.GetString(0), r.GetInt64(1), r.GetString(2), r.Time(3)),
        runId));

    public Task<StreamPage?> ReadAsync(string runId, string stream, long fromPosition, int limit, CancellationToken ct) => store.ReadAsync(journal =>
    {
        // The run's end is looked for first: after it there are no entries that the second statement could miss.
        var isOver = journal.Query("select completed_at is not null from runs where id = $1", r => r.GetBoolean(0), runId);
        return isOver.Count == 0 ? null : new StreamPage(isOver[0], journal.Query(
            "select position, value from stream_entries where run_id = $1 and kind = 'STREAM' and name = $2 and position >= $3 order by position limit $4",
            r => (r.GetInt64(0), r.GetString(1)),
            runId, stream, fromPosition, limit));
    });

    public static void Publish(SqliteStatements journal, string runId, StepInfo step, PublishEffect entry) => journal.Run(
        """
        insert into stream_entries (run_id, kind, name, position, step_key, value, written_at)
        select $1, $2, $3, coalesce((select max(position) + 1 from stream_entries where run_id = $1 and kind = $2 and name = $3), 0), $4, $5, $6
        """,
        runId, step.Kind.ToString().ToUpperInvariant(), entry.Name, step.Key, entry.Value, SqliteStore.Microseconds(step.CompletedAt));

    private static EventState? FindEvent(SqliteStatements journal, string runId, string name) => journal.Query(
        """
        select r.completed_at is not null, (
          select e.value from stream_entries e where e.run_id = r.id and e.kind = 'EVENT' and e.name = $2 order by e.position desc limit 1)
        from runs r where r.id = $1
        """,
        r => new EventState(r.GetBoolean(0), r.TextOrNull(1)),
        runId, name).FirstOrDefault();
}
