using System.Diagnostics;
using System.Globalization;
using Elt.Durable.Schedules;
using Elt.Durable.Tests.Suite;
using Elt.Testing;

namespace Elt.Durable.Tests;

public sealed class SchedulesOnPostgres : ScheduleTests<PostgresStore>;

public sealed class SchedulesOnSqlite : ScheduleTests<SqliteStore>;

[Trait("promise", "E15")]
public abstract class ScheduleTests<TStore> : EngineSuite<TStore>
    where TStore : IStore, new()
{
    private static readonly DateTimeOffset Evening = new(2026, 11, 20, 23, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task Each_slot_starts_one_run_whose_id_is_the_slot()
    {
        var time = new ManualTimeProvider(Evening);
        var engine = await StartDailyAsync(time);
        Assert.Equal(0, await Store.CountAsync("select count(*) from runs"));
        time.Advance(TimeSpan.FromHours(7));
        Assert.Equal(RunStatus.Success, (await SlotAsync(engine, time, "daily/2026-11-21T05:20Z")).Status);
        time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(1, await Store.CountAsync("select count(*) from runs"));
    }

    [Fact]
    public async Task Of_the_slots_missed_while_nobody_ran_the_last_is_started()
    {
        var time = new ManualTimeProvider(Evening);
        var first = await StartDailyAsync(time);
        await first.StopAsync();
        time.Advance(TimeSpan.FromDays(3) + TimeSpan.FromHours(7));
        var second = await StartDailyAsync(time);
        await SlotAsync(second, time, "daily/2026-11-24T05:20Z");
        Assert.Equal(1, await Store.CountAsync("select count(*) from runs"));
    }

    [Theory]
    [InlineData("20 5 * * *", "UTC", "2026-11-20T23:00Z", "2026-11-21T05:20Z")]
    [InlineData("20 5 * * *", "Europe/Berlin", "2026-11-20T23:00Z", "2026-11-21T04:20Z")]
    [InlineData("20 5 * * *", "Europe/Berlin", "2026-07-20T23:00Z", "2026-07-21T03:20Z")]
    [InlineData("*/5 * * * *", "UTC", "2026-11-20T23:00Z", "2026-11-20T23:05Z")]
    [InlineData("0 0 * * 0", "UTC", "2026-11-20T23:00Z", "2026-11-22T00:00Z")]
    [InlineData("0 0 29 2 *", "UTC", "2026-11-20T23:00Z", "2028-02-29T00:00Z")]
    public void The_next_slot_follows_the_fields_in_their_zone(string cron, string zone, string after, string next) =>
        Assert.Equal(Parse(next), CronSchedule.Parse(cron, zone).Next(Parse(after)));

    [Theory]
    [InlineData("")]
    [InlineData("20 5 * *")]
    [InlineData("61 5 * * *")]
    [InlineData("every day")]
    public void A_cron_expression_that_cannot_be_read_is_an_error(string cron) =>
        Assert.ThrowsAny<Exception>(() => CronSchedule.Parse(cron, "UTC"));

    private static DateTimeOffset Parse(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture);

    private Task<EngineHost> StartDailyAsync(TimeProvider time) => StartEngineAsync(
        durable => durable.AddSchedule("daily", "20 5 * * *", "UTC", _ => new Sequence(1)), time: time);

    /// <summary>Lets the worker tick (its pauses follow the manual clock) until the slot's run has ended.</summary>
    private static async Task<RunInfo> SlotAsync(EngineHost engine, ManualTimeProvider time, string id)
    {
        for (var started = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(started) < Patience;)
        {
            time.Advance(TimeSpan.FromMilliseconds(1));
            await Task.Yield();
            if (await engine.Client.FindAsync(id) is { } run && run.Status.IsFinal())
                return run;
        }
        throw new TimeoutException($"The slot '{id}' was not started.");
    }
}
