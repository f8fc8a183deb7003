using Elt.Durable.Tests.Suite;
using Elt.Testing;

namespace Elt.Durable.Tests.Schedules;

public sealed class ScheduleClientOnPostgres : ScheduleClientTests<PostgresStore>;

public sealed class ScheduleClientOnSqlite : ScheduleClientTests<SqliteStore>;

[Trait("promise", "E15")]
public abstract class ScheduleClientTests<TStore> : EngineSuite<TStore>
    where TStore : IStore, new()
{
    private static readonly DateTimeOffset FirstSlot = new(2026, 11, 21, 5, 20, 0, TimeSpan.Zero);

    private readonly ManualTimeProvider _time = new(new(2026, 11, 20, 23, 0, 0, TimeSpan.Zero));

    [Fact]
    public async Task A_schedule_shows_where_it_stands()
    {
        var schedules = (await StartAsync()).Client.Schedules;
        var before = Assert.Single(await schedules.ListAsync());
        Assert.Equal(("daily", "20 5 * * *", "UTC", false), (before.Name, before.Cron, before.TimeZone, before.IsPaused));
        Assert.Equal((null, FirstSlot), (before.LastStarted, before.NextSlot));
        Assert.Equal(ScheduleOverlap.Skip, before.Options.Overlap);
        _time.Advance(TimeSpan.FromHours(7));
        var after = await UntilAsync(_time, async () => await schedules.FindAsync("daily") is { LastStarted: not null } s ? s : null, "the slot is started");
        Assert.Equal((FirstSlot, FirstSlot.AddDays(1)), (after.LastStarted, after.NextSlot));
        Assert.Null(await schedules.FindAsync("nightly"));
    }

    [Fact]
    public async Task Slots_that_fall_due_while_paused_are_left_out_for_good()
    {
        var engine = await StartAsync();
        var schedules = engine.Client.Schedules;
        await schedules.PauseAsync("daily");
        Assert.Equal((true, null), ((await schedules.FindAsync("daily"))!.IsPaused, (await schedules.FindAsync("daily"))!.NextSlot));
        _time.Advance(TimeSpan.FromDays(2));
        await TickAsync(engine, _time);
        await schedules.ResumeAsync("daily");
        await schedules.ResumeAsync("daily");
        await TickAsync(engine, _time);
        Assert.Equal(0, await Store.CountAsync("select count(*) from runs where schedule is not null"));
        _time.Advance(TimeSpan.FromDays(1));
        await FoundAsync(engine, "daily/2026-11-23T05:20Z");
        Assert.Equal(1, await Store.CountAsync("select count(*) from runs where schedule is not null"));
    }

    [Fact]
    public async Task Resuming_a_schedule_that_is_not_paused_forgets_no_due_slot()
    {
        var first = await StartAsync();
        await first.StopAsync();
        _time.Advance(TimeSpan.FromHours(7));
        var second = await StartEngineAsync(time: _time);
        await second.Client.Schedules.ResumeAsync("daily");
        await second.StopAsync();
        await FoundAsync(await StartAsync(), "daily/2026-11-21T05:20Z");
    }

    [Fact]
    public async Task A_trigger_starts_a_run_now_and_once_per_id()
    {
        var engine = await StartAsync();
        var schedules = engine.Client.Schedules;
        await schedules.PauseAsync("daily");
        var run = await schedules.TriggerAsync("daily", "rerun");
        Assert.Equal(new StartedRun("daily/manual-rerun", true), run);
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(run with { IsNew = false }, await schedules.TriggerAsync("daily", "rerun"));
        var others = new[] { await schedules.TriggerAsync("daily"), await schedules.TriggerAsync("daily") };
        Assert.All(others, other => Assert.StartsWith("daily/manual-", other.WorkflowId, StringComparison.Ordinal));
        Assert.Equal(3, await Store.CountAsync("select count(*) from runs where schedule = 'daily'"));
        await Assert.ThrowsAsync<ArgumentException>(() => schedules.TriggerAsync("daily", " "));
    }

    [Fact]
    public async Task A_slot_is_left_out_beside_a_triggered_run_when_overlap_says_skip()
    {
        Script("endless", _ => new TaskCompletionSource<string>().Task);
        var engine = await StartEngineAsync(
            durable => durable.AddSchedule("daily", "20 5 * * *", "UTC", _ => new Scripted("endless"), new ScheduleOptions { Overlap = ScheduleOverlap.Skip }), time: _time);
        await engine.Client.Schedules.TriggerAsync("daily", "now");
        _time.Advance(TimeSpan.FromHours(7));
        await UntilAsync(_time, async () => (await engine.Journal.Schedules.FindAsync("daily", default))!.DecidedUpTo == FirstSlot ? new object() : null, "the slot is decided");
        Assert.Null(await engine.Client.FindAsync("daily/2026-11-21T05:20Z"));
    }

    [Fact]
    public async Task A_backfill_starts_each_slot_of_its_range_once()
    {
        var engine = await StartAsync();
        var schedules = engine.Client.Schedules;
        _time.Advance(TimeSpan.FromHours(7));
        await FoundAsync(engine, "daily/2026-11-21T05:20Z");
        var runs = await schedules.BackfillAsync("daily", FirstSlot.AddDays(-3), FirstSlot.AddDays(5));
        Assert.Equal(
            new[] { "daily/2026-11-18T05:20Z", "daily/2026-11-19T05:20Z", "daily/2026-11-20T05:20Z", "daily/2026-11-21T05:20Z" }, runs.Select(r => r.WorkflowId));
        Assert.Equal(new[] { true, true, true, false }, runs.Select(r => r.IsNew));
        Assert.All(await schedules.BackfillAsync("daily", FirstSlot.AddDays(-3), FirstSlot), run => Assert.False(run.IsNew));
        Assert.Equal(4, await Store.CountAsync("select count(*) from runs where schedule = 'daily'"));
        await Assert.ThrowsAsync<ArgumentException>(() => schedules.BackfillAsync("daily", FirstSlot.AddYears(-30), FirstSlot));
    }

    [Fact]
    public async Task A_preview_shows_the_next_slots()
    {
        var schedules = (await StartAsync()).Client.Schedules;
        Assert.Equal(new[] { FirstSlot, FirstSlot.AddDays(1), FirstSlot.AddDays(2) }, await schedules.PreviewAsync("daily", 3));
        Assert.Equal(new[] { FirstSlot.AddDays(1) }, await schedules.PreviewAsync("daily", 1, after: FirstSlot));
    }

    [Fact]
    public async Task What_is_not_declared_here_can_be_steered_but_not_started()
    {
        await (await StartAsync()).StopAsync();
        var schedules = (await StartEngineAsync(time: _time)).Client.Schedules;
        await schedules.PauseAsync("daily");
        Assert.Single(await schedules.PreviewAsync("daily", 1));
        var trigger = await Assert.ThrowsAsync<UnknownScheduleException>(() => schedules.TriggerAsync("daily"));
        Assert.Contains("not declared in this process", trigger.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<UnknownScheduleException>(() => schedules.BackfillAsync("daily", FirstSlot, FirstSlot));
        var pause = await Assert.ThrowsAsync<UnknownScheduleException>(() => schedules.PauseAsync("nightly"));
        Assert.Contains("daily", pause.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<UnknownScheduleException>(() => schedules.ResumeAsync("nightly"));
        await Assert.ThrowsAsync<UnknownScheduleException>(() => schedules.PreviewAsync("nightly", 1));
    }

    private Task<EngineHost> StartAsync() => StartEngineAsync(
        durable => durable.AddSchedule("daily", "20 5 * * *", "UTC", slot => new Sequence(1, $"{slot:O}"), new ScheduleOptions { Overlap = ScheduleOverlap.Skip }), time: _time);

    private Task<RunInfo> FoundAsync(EngineHost engine, string id) => UntilAsync(_time, () => engine.Client.FindAsync(id), $"'{id}' is there");
}
