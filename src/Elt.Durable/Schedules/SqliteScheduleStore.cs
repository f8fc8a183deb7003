using Elt.Durable.Journal.Sqlite;

namespace Elt.Durable.Schedules;

/// <summary>The schedules in SQLite.</summary>
internal sealed class SqliteScheduleStore(SqliteStore store) : IScheduleStore
{
    public Task<DateTimeOffset> DeclareAsync(string name, string cron, string timeZone, CancellationToken ct) => store.WriteAsync(journal => journal.Query(
        """
        insert into schedules (name, cron, time_zone, started_up_to) values ($1, $2, $3, $4)
        on conflict (name) do update set cron = excluded.cron, time_zone = excluded.time_zone
        returning started_up_to
        """,
        r => r.Time(0), name, cron, timeZone, store.Now)[0]);

    public Task AdvanceAsync(string name, DateTimeOffset slot, CancellationToken ct) => store.WriteAsync(
        journal => journal.Run("update schedules set started_up_to = $2 where name = $1 and started_up_to < $2", name, SqliteStore.Microseconds(slot)));
}
