using Elt.Durable.Journal.Postgres;

namespace Elt.Durable.Schedules;

/// <summary>The schedules in Postgres.</summary>
internal sealed class PostgresScheduleStore(PostgresStore store) : IScheduleStore
{
    public async Task<DateTimeOffset> DeclareAsync(string name, string cron, string timeZone, CancellationToken ct) => (await store.QueryAsync(
        """
        insert into durable.schedules (name, cron, time_zone, started_up_to) values ($2, $3, $4, coalesce($1, now()))
        on conflict (name) do update set cron = excluded.cron, time_zone = excluded.time_zone
        returning started_up_to
        """,
        [name, cron, timeZone],
        r => r.Time(0),
        ct).ConfigureAwait(false))[0];

    public Task AdvanceAsync(string name, DateTimeOffset slot, CancellationToken ct) => store.RunAsync(
        "update durable.schedules set started_up_to = $3 where name = $2 and started_up_to < $3", [name, slot], ct);
}
