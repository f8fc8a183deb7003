using Elt.Durable.Journal;
using Elt.Durable.Journal.Sqlite;
using Microsoft.Data.Sqlite;

namespace Elt.Durable.Schedules;

/// <summary>The schedules in SQLite.</summary>
internal sealed class SqliteScheduleStore(SqliteStore store) : IScheduleStore
{
    private const string Select =
        """
        select name, cron, time_zone, options, started_up_to, waiting_slot, last_started, paused,
          exists (select 1 from runs r where r.schedule = s.name and r.completed_at is null), $1
        from schedules s
        """;

    public Task DeclareAsync(ScheduleDefinition schedule, CancellationToken ct) => store.WriteAsync(journal => journal.Run(
        """
        insert into schedules (name, cron, time_zone, options, started_up_to) values ($1, $2, $3, $4, $5)
        on conflict (name) do update set cron = excluded.cron, time_zone = excluded.time_zone, options = excluded.options,
          started_up_to = case when cron = excluded.cron and time_zone = excluded.time_zone then started_up_to else max(started_up_to, excluded.started_up_to) end
        """,
        schedule.Name, schedule.Cron.Text, schedule.Cron.Zone.Id, schedule.Options.ToJson(), store.Now));

    public Task<IReadOnlyList<ScheduleRow>> ListAsync(CancellationToken ct) =>
        store.ReadAsync<IReadOnlyList<ScheduleRow>>(journal => journal.Query($"{Select} order by name", Read, store.Now));

    public Task<ScheduleRow?> FindAsync(string name, CancellationToken ct) =>
        store.ReadAsync(journal => journal.Query($"{Select} where name = $2", Read, store.Now, name).FirstOrDefault());

    public Task<IReadOnlyList<string>> AdvanceAsync(ScheduleRow read, SlotPlan plan, IReadOnlyList<NewRun> runs, CancellationToken ct) =>
        store.WriteAsync<IReadOnlyList<string>>(journal =>
        {
            var advanced = journal.Run(
                """
                update schedules set started_up_to = $2, waiting_slot = $3, last_started = coalesce($4, last_started)
                where name = $1 and started_up_to = $5 and waiting_slot is $6 and not paused
                """,
                read.Name, SqliteStore.Microseconds(plan.DecidedUpTo), Microseconds(plan.WaitingSlot), Microseconds(plan.Starts is [.., var last] ? last : null),
                SqliteStore.Microseconds(read.DecidedUpTo), Microseconds(read.WaitingSlot));
            return advanced == 0 ? [] : [.. runs.Where(run => Start(journal, run, read.Now, store.Now)).Select(run => run.Id)];
        });

    public Task<bool> PauseAsync(string name, CancellationToken ct) =>
        store.WriteAsync(journal => journal.Run("update schedules set paused = 1 where name = $1", name) == 1);

    public Task<bool> ResumeAsync(string name, CancellationToken ct) => store.WriteAsync(journal => journal.Run(
        "update schedules set paused = 0, started_up_to = case when paused then max(started_up_to, $2) else started_up_to end where name = $1", name, store.Now) == 1);

    private static bool Start(SqliteStatements journal, NewRun run, DateTimeOffset read, long now) => journal.Run(
        """
        insert into runs (id, workflow, version, status, epoch, due_at, priority, queue, created_at, input, schedule)
        values ($1, $2, $3, 'ENQUEUED', 0, $4, $5, $6, $7, $8, $9) on conflict do nothing
        """,
        run.Id, run.Workflow.Name, run.Workflow.Version, SqliteStore.Microseconds(read + run.Delay), run.Priority, run.Queue, now, run.Input, run.Schedule) == 1;

    private static long? Microseconds(DateTimeOffset? time) => time is { } value ? SqliteStore.Microseconds(value) : null;

    private static ScheduleRow Read(SqliteDataReader r) => new(
        r.GetString(0), r.GetString(1), r.GetString(2), ScheduleOptions.FromJson(r.GetString(3)), r.Time(4), r.TimeOrNull(5), r.TimeOrNull(6),
        r.GetBoolean(7), r.GetBoolean(8), r.Time(9));
}
