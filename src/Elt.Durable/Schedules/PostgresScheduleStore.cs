using Elt.Durable.Journal;
using Elt.Durable.Journal.Postgres;
using Npgsql;

namespace Elt.Durable.Schedules;

/// <summary>The schedules in Postgres.</summary>
internal sealed class PostgresScheduleStore(PostgresStore store) : IScheduleStore
{
    private const string Select =
        """
        select name, cron, time_zone, options, started_up_to, waiting_slot, last_started, paused,
          exists (select from durable.runs r where r.schedule = s.name and r.completed_at is null), coalesce($1, now())
        from durable.schedules s
        """;

    public Task DeclareAsync(ScheduleDefinition schedule, CancellationToken ct) => store.RunAsync(
        """
        insert into durable.schedules as s (name, cron, time_zone, options, started_up_to) values ($2, $3, $4, $5, coalesce($1, now()))
        on conflict (name) do update set cron = excluded.cron, time_zone = excluded.time_zone, options = excluded.options,
          started_up_to = case when (s.cron, s.time_zone) = (excluded.cron, excluded.time_zone) then s.started_up_to else greatest(s.started_up_to, excluded.started_up_to) end
        """,
        [schedule.Name, schedule.Cron.Text, schedule.Cron.Zone.Id, schedule.Options.ToJson()],
        ct);

    public Task<IReadOnlyList<ScheduleRow>> ListAsync(CancellationToken ct) => store.QueryAsync($"{Select} order by name", [], Read, ct);

    public async Task<ScheduleRow?> FindAsync(string name, CancellationToken ct) =>
        await store.QueryAsync($"{Select} where name = $2", [name], Read, ct).ConfigureAwait(false) is [var row] ? row : null;

    public async Task<IReadOnlyList<string>> AdvanceAsync(ScheduleRow read, SlotPlan plan, IReadOnlyList<NewRun> runs, CancellationToken ct)
    {
        // Of two workers that read the same state the second waits for the first's row and then finds it moved on.
        await using var batch = store.Batch(
            (
                """
                with advanced as (
                  update durable.schedules set started_up_to = $3, waiting_slot = $4, last_started = coalesce($5, last_started)
                  where name = $2 and started_up_to = $6 and waiting_slot is not distinct from $7 and not paused
                  returning name)
                insert into durable.runs (id, workflow, version, status, epoch, due_at, priority, queue, created_at, input, schedule)
                select i.id, i.workflow, i.version, 'ENQUEUED', 0, i.due_at, i.priority, i.queue, coalesce($1, now()), i.input, advanced.name
                from advanced, unnest($8::text[], $9::text[], $10::int[], $11::text[], $12::timestamptz[], $13::int[], $14::text[])
                  as i(id, workflow, version, input, due_at, priority, queue)
                on conflict do nothing
                returning id
                """,
                [
                    read.Name, plan.DecidedUpTo, plan.WaitingSlot, plan.Starts is [.., var last] ? last : null, read.DecidedUpTo, read.WaitingSlot,
                    runs.Select(r => r.Id).ToArray(), runs.Select(r => r.Workflow.Name).ToArray(), runs.Select(r => r.Workflow.Version).ToArray(),
                    runs.Select(r => r.Input).ToArray(), runs.Select(r => (read.Now + r.Delay).UtcDateTime).ToArray(), runs.Select(r => r.Priority).ToArray(), runs.Select(r => r.Queue).ToArray(),
                ]),
            (PostgresHints.NotifyWork, []));
        await using var reader = await batch.ExecuteReaderAsync(ct).ConfigureAwait(false);
        var created = await PostgresStore.ReadAllAsync(reader, r => r.GetString(0), ct).ConfigureAwait(false);
        // An error of the commit would come with the last result.
        await reader.NextResultAsync(ct).ConfigureAwait(false);
        await reader.NextResultAsync(ct).ConfigureAwait(false);
        return created;
    }

    public async Task<bool> PauseAsync(string name, CancellationToken ct) =>
        await store.RunAsync("update durable.schedules set paused = true where name = $2", [name], ct).ConfigureAwait(false) == 1;

    public async Task<bool> ResumeAsync(string name, CancellationToken ct) => await store.RunAsync(
        """
        update durable.schedules set paused = false, started_up_to = case when paused then greatest(started_up_to, coalesce($1, now())) else started_up_to end
        where name = $2
        """,
        [name],
        ct).ConfigureAwait(false) == 1;

    private static ScheduleRow Read(NpgsqlDataReader r) => new(
        r.GetString(0), r.GetString(1), r.GetString(2), ScheduleOptions.FromJson(r.GetString(3)), r.Time(4), r.TimeOrNull(5), r.TimeOrNull(6),
        r.GetBoolean(7), r.GetBoolean(8), r.Time(9));
}
