using Elt.Durable.Schedules;
using Elt.Durable.Tests.Suite;
using Elt.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Elt.Durable.Tests.Schedules;

public sealed class SchedulesOnPostgres : ScheduleTests<PostgresStore>;

public sealed class SchedulesOnSqlite : ScheduleTests<SqliteStore>;

[Trait("promise", "E15")]
public abstract class ScheduleTests<TStore> : EngineSuite<TStore>
    where TStore : IStore, new()
{
    private readonly ManualTimeProvider _time = new(new(2026, 11, 20, 23, 0, 0, TimeSpan.Zero));

    [Fact]
    public async Task Each_slot_starts_one_run_whose_id_is_the_slot()
    {
        var engine = await StartAsync();
        Assert.Equal(0, await SlotsAsync());
        _time.Advance(TimeSpan.FromHours(7));
        var run = await EndAsync(engine, _time, "daily/2026-11-21T05:20Z");
        Assert.Equal((RunStatus.Success, "daily"), (run.Status, run.Schedule));
        _time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(1, await SlotsAsync());
    }

    [Theory]
    [InlineData(ScheduleCatchUp.None, 0)]
    [InlineData(ScheduleCatchUp.Last, 1)]
    [InlineData(ScheduleCatchUp.All, 4)]
    public async Task Slots_missed_while_nobody_ran_are_started_as_the_policy_says(ScheduleCatchUp catchUp, int expected)
    {
        var options = new ScheduleOptions { CatchUp = catchUp, CatchUpWindow = TimeSpan.FromDays(30) };
        await (await StartAsync(options)).StopAsync();
        _time.Advance(TimeSpan.FromDays(3) + TimeSpan.FromHours(7));
        var engine = await StartAsync(options);
        await TickAsync(engine, _time);
        Assert.Equal(expected, await SlotsAsync());
        _time.Advance(TimeSpan.FromDays(1) - TimeSpan.FromMinutes(40));
        await EndAsync(engine, _time, "daily/2026-11-25T05:20Z");
        Assert.Equal(expected + 1, await SlotsAsync());
        Assert.Equal(expected > 0 ? 1 : 0, await Store.CountAsync("select count(*) from runs where id = 'daily/2026-11-24T05:20Z'"));
    }

    [Fact]
    public async Task A_slot_that_many_workers_see_at_once_starts_one_run()
    {
        var engine = await StartAsync();
        _time.Advance(TimeSpan.FromHours(6.2));
        var workers = Enumerable.Range(0, 5).Select(_ => SchedulerOf(engine, Daily(new ScheduleOptions { Overlap = ScheduleOverlap.QueueOne }))).ToList();
        foreach (var worker in workers)
            await worker.DeclareAsync(default);
        _time.Advance(TimeSpan.FromHours(1));
        await Task.WhenAll(workers.Select(worker => Task.Run(() => worker.StartDueSlotsAsync(default))));
        await Task.WhenAll(workers.Select(worker => Task.Run(() => worker.StartDueSlotsAsync(default))));
        Assert.Equal(1, await SlotsAsync());
        Assert.Null((await engine.Client.Schedules.FindAsync("daily"))!.WaitingSlot);
    }

    [Fact]
    public async Task Of_many_decisions_about_one_state_the_first_counts()
    {
        var engine = await StartAsync();
        var read = (await engine.Journal.Schedules.FindAsync("daily", default))!;
        var slots = Enumerable.Range(0, 5).Select(i => read.DecidedUpTo.AddMinutes(i + 1)).ToList();
        var created = await Task.WhenAll(slots.Select(slot => Task.Run(() => engine.Journal.Schedules.AdvanceAsync(
            read, new SlotPlan([slot], null, slot), [Daily().Run(Daily().RunId(slot), slot, new ScheduleOptions(), engine.Get<Payloads>())], default))));
        Assert.Single(created.SelectMany(ids => ids));
        Assert.Equal(1, await SlotsAsync());
    }

    [Fact]
    public async Task A_slot_that_was_decided_stays_so_when_its_run_is_gone()
    {
        var engine = await StartAsync();
        _time.Advance(TimeSpan.FromHours(7));
        await EndAsync(engine, _time, "daily/2026-11-21T05:20Z");
        await Store.ExecuteAsync("delete from runs");
        await engine.StopAsync();
        var next = await StartAsync();
        await TickAsync(next, _time);
        Assert.Equal(0, await SlotsAsync());
        Assert.Equal(new DateTimeOffset(2026, 11, 22, 5, 20, 0, TimeSpan.Zero), (await next.Client.Schedules.FindAsync("daily"))!.NextSlot);
    }

    [Theory]
    [InlineData(ScheduleOverlap.Allow, "21 22 23", "")]
    [InlineData(ScheduleOverlap.Skip, "21", "24")]
    [InlineData(ScheduleOverlap.QueueOne, "21", "22 24")]
    public async Task Overlap_says_what_becomes_of_slots_while_a_run_has_not_ended(ScheduleOverlap overlap, string during, string after)
    {
        var gate = new TaskCompletionSource<string>();
        Script("slow", _ => gate.Task);
        var engine = await StartAsync(new ScheduleOptions { Overlap = overlap }, _ => new Scripted("slow"));
        _time.Advance(TimeSpan.FromHours(7));
        await FoundAsync(engine, "daily/2026-11-21T05:20Z");
        for (var day = 22; day <= 23; day++)
        {
            _time.Advance(TimeSpan.FromDays(1));
            await DecidedAsync(engine, day);
        }
        Assert.Equal(during, await DaysAsync(engine));
        gate.SetResult("done");
        await EndAsync(engine, _time, "daily/2026-11-21T05:20Z");
        if (overlap == ScheduleOverlap.QueueOne)
        {
            _time.Advance(TimeSpan.FromSeconds(6));
            await EndAsync(engine, _time, "daily/2026-11-22T05:20Z");
        }
        if (overlap == ScheduleOverlap.Allow)
            return;
        _time.Advance(TimeSpan.FromDays(1));
        await EndAsync(engine, _time, "daily/2026-11-24T05:20Z");
        Assert.Equal($"{during} {after}", await DaysAsync(engine));
    }

    [Fact]
    [Trait("promise", "E7")]
    public async Task A_worker_whose_clock_is_an_hour_off_starts_slots_when_the_journal_says()
    {
        foreach (var off in new[] { 1, -1 })
        {
            var own = new ManualTimeProvider(_time.GetUtcNow().AddHours(off));
            var engine = await StartEngineAsync(durable => Declare(durable), time: own, journalTime: _time);
            await AdvanceBothAsync(engine, own, TimeSpan.FromHours(6) + TimeSpan.FromMinutes(19));
            await AdvanceBothAsync(engine, own, TimeSpan.FromSeconds(59));
            own.Advance(TimeSpan.FromHours(1));
            await TickAsync(engine, own);
            var slot = _time.GetUtcNow().AddSeconds(1);
            Assert.Equal(0, await Store.CountAsync($"select count(*) from runs where id = '{Daily().RunId(slot)}'"));
            _time.Advance(TimeSpan.FromSeconds(1));
            await UntilAsync(own, async () => await engine.Client.FindAsync(Daily().RunId(slot)), $"the slot with a clock {off} h off");
            await engine.StopAsync();
            _time.Advance(TimeSpan.FromHours(17) + TimeSpan.FromMinutes(40));
        }
    }

    [Fact]
    public async Task Jitter_delays_the_start_and_leaves_the_id()
    {
        var options = new ScheduleOptions { Jitter = TimeSpan.FromHours(1) };
        var engine = await StartAsync(options);
        _time.Advance(TimeSpan.FromHours(6) + TimeSpan.FromMinutes(20));
        var run = await FoundAsync(engine, "daily/2026-11-21T05:20Z");
        var slot = new DateTimeOffset(2026, 11, 21, 5, 20, 0, TimeSpan.Zero);
        var delay = Daily().JitterOf(slot, options.Jitter);
        Assert.InRange(delay, TimeSpan.FromMinutes(1), TimeSpan.FromHours(1));
        Assert.Equal(RunStatus.Enqueued, run.Status);
        Assert.Equal((slot + delay).ToUnixTimeMilliseconds(), run.DueAt!.Value.ToUnixTimeMilliseconds());
        _time.Advance(delay);
        await EndAsync(engine, _time, run.Id);
    }

    [Fact]
    public async Task A_schedule_whose_input_cannot_be_made_hinders_no_other()
    {
        var engine = await StartEngineAsync(
            durable =>
            {
                durable.AddSchedule("broken", "0 5 * * *", "UTC", IWorkflow<int> (_) => throw new InvalidOperationException("no input today"));
                Declare(durable);
            },
            time: _time);
        _time.Advance(TimeSpan.FromHours(7));
        await EndAsync(engine, _time, "daily/2026-11-21T05:20Z");
        Assert.Equal(1, await SlotsAsync());
    }

    [Fact]
    public async Task Runs_go_through_the_queue_and_priority_of_the_schedule()
    {
        var engine = await StartAsync(new ScheduleOptions { Queue = "narrow", Priority = 7 });
        _time.Advance(TimeSpan.FromHours(7));
        Assert.Equal("narrow", (await EndAsync(engine, _time, "daily/2026-11-21T05:20Z")).Queue);
        Assert.Equal(1, await Store.CountAsync("select count(*) from runs where priority = 7"));
        var elsewhere = SchedulerOf(engine, Daily(new ScheduleOptions { Queue = "nobody-has-it" }));
        await Assert.ThrowsAsync<UnknownQueueException>(() => elsewhere.DeclareAsync(default));
    }

    [Fact]
    public async Task The_newest_declaration_holds_and_does_not_reach_back()
    {
        var engine = await StartAsync();
        _time.Advance(TimeSpan.FromDays(2));
        await EndAsync(engine, _time, "daily/2026-11-22T05:20Z");
        // As another process would do that was deployed meanwhile.
        await engine.Journal.Schedules.DeclareAsync(
            new ScheduleDefinition("daily", CronSchedule.Parse("0 22 * * *", "UTC"), _ => new Sequence(1), new ScheduleOptions()), default);
        _time.Advance(TimeSpan.FromDays(1));
        await EndAsync(engine, _time, "daily/2026-11-23T22:00Z");
        Assert.Equal("22 23", await DaysAsync(engine));
    }

    private static ScheduleDefinition Daily(ScheduleOptions? options = null) =>
        new("daily", CronSchedule.Parse("20 5 * * *", "UTC"), _ => new Sequence(1), options ?? new ScheduleOptions());

    /// <summary>Another worker's scheduler.</summary>
    private Scheduler SchedulerOf(EngineHost engine, ScheduleDefinition schedule) =>
        new([schedule], engine.Journal, engine.Get<Payloads>(), new(_time), NullLogger<Scheduler>.Instance);

    private static DurableBuilder Declare(DurableBuilder durable, ScheduleOptions? options = null) =>
        durable.AddSchedule("daily", "20 5 * * *", "UTC", _ => new Sequence(1), options);

    private Task<EngineHost> StartAsync(ScheduleOptions? options = null) => StartEngineAsync(durable => Declare(durable, options), time: _time);

    private Task<EngineHost> StartAsync(ScheduleOptions options, Func<DateTimeOffset, IWorkflow<string>> input) =>
        StartEngineAsync(durable => durable.AddSchedule("daily", "20 5 * * *", "UTC", input, options), time: _time);

    private Task<RunInfo> FoundAsync(EngineHost engine, string id) => UntilAsync(_time, () => engine.Client.FindAsync(id), $"'{id}' is there");

    /// <summary>Until the slot of a day was started, is waiting or was left out.</summary>
    private Task<object> DecidedAsync(EngineHost engine, int day) => UntilAsync<object>(
        _time,
        async () => (await engine.Journal.Schedules.FindAsync("daily", default))!.DecidedUpTo.Day == day ? new object() : null,
        $"the slot of day {day} is decided");

    private async Task AdvanceBothAsync(EngineHost engine, ManualTimeProvider own, TimeSpan by)
    {
        _time.Advance(by);
        own.Advance(by);
        await TickAsync(engine, own);
    }

    private static async Task<string> DaysAsync(EngineHost engine) =>
        string.Join(" ", (await engine.Client.ListAsync(new RunFilter { IdPrefix = "daily/" })).Select(r => r.Id[14..16]).Order());

    private Task<long> SlotsAsync() => Store.CountAsync("select count(*) from runs where schedule is not null");
}
