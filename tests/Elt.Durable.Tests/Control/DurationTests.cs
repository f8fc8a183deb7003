using Elt.Durable.Tests.Suite;

namespace Elt.Durable.Tests.Control;

public sealed class DurationsOnPostgres : DurationTests<PostgresStore>;

public sealed class DurationsOnSqlite : DurationTests<SqliteStore>;

/// <summary>Whatever duration a program reckons out has a defined meaning.</summary>
public abstract class DurationTests<TStore> : ControlSuite<TStore>
    where TStore : IStore, new()
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    [Fact]
    [Trait("promise", "E12")]
    public async Task A_sleep_of_any_length_is_over_at_once_or_never()
    {
        var engine = await StartEngineAsync(durable => durable.ConfigureWorker(w => w.ParkAfter = TimeSpan.FromMilliseconds(10)));
        foreach (var brief in new[] { TimeSpan.MinValue, -Hour, TimeSpan.Zero, TimeSpan.FromTicks(1), TimeSpan.FromMicroseconds(1.5), TimeSpan.FromMilliseconds(0.7) })
            Assert.Equal("awake", await WithinPatienceAsync((await engine.Client.StartAsync(Sleep(brief), $"brief {brief}")).ResultAsync()));
        var endless = new[] { TimeSpan.MaxValue, TimeSpan.MaxValue - Hour, TimeSpan.FromDays(2_900_000) };
        foreach (var long_ in endless)
            await engine.Client.StartAsync(Sleep(long_), $"long {long_}");
        await WaitForRowsAsync("runs where status = 'WAITING' and due_at is null", endless.Length);
        Assert.Equal(3, await engine.Client.CancelAsync(new RunFilter { IdPrefix = "long" }));
        Assert.Equal(3, await engine.Client.ResumeAsync(new RunFilter { IdPrefix = "long" }));
        await WaitForRowsAsync("runs where status = 'WAITING' and due_at is null and epoch > 1", endless.Length);
    }

    [Fact]
    [Trait("promise", "E12")]
    public async Task A_finished_sleep_takes_no_time_on_replay()
    {
        var engine = await StartEngineAsync();
        var hang = true;
        await engine.Client.StartAsync(Script("replays", async context =>
        {
            await context.SleepAsync(TimeSpan.FromDays(300));
            return hang ? await Hang(context, "work") : "awake";
        }), "replays");
        await WaitForRowsAsync("steps", 1);
        await engine.StopAsync();
        await Store.ExecuteAsync("update steps set result = '\"2020-01-01T00:00:00+00:00\"'");
        await Store.ExecuteAsync("update runs set due_at = created_at");
        engine = await StartEngineAsync();
        await WithinPatienceAsync(Probe.Signal("work").Task);
        await engine.Client.CancelAsync("replays");
        hang = false;
        await engine.Client.ResumeAsync("replays");
        Assert.Equal("\"awake\"", (await WithinPatienceAsync(engine.Client.WaitAsync("replays")))!.Output);
    }

    [Fact]
    [Trait("promise", "E16")]
    public async Task Delays_deadlines_and_timeouts_of_any_size_can_be_kept()
    {
        var engine = await StartEngineAsync();
        await engine.Client.StartAsync(new Sequence(1), "never", new StartOptions { Delay = TimeSpan.MaxValue, Timeout = TimeSpan.MaxValue, Deadline = DateTimeOffset.MaxValue });
        await engine.Client.StartAsync(new Sequence(1), "past", new StartOptions { Deadline = DateTimeOffset.MinValue });
        var never = (await engine.Client.FindAsync("never"))!;
        Assert.Equal((RunStatus.Enqueued, null), (never.Status, never.DeadlineAt));
        Assert.True(never.DueAt > never.CreatedAt + TimeSpan.FromDays(300_000));
        Assert.Equal(RunStatus.Cancelled, (await WithinPatienceAsync(engine.Client.WaitAsync("past")))!.Status);
        Assert.Equal(0, await engine.Client.PurgeAsync(TimeSpan.MaxValue));
        Assert.Equal(1, await engine.Client.PurgeAsync(TimeSpan.MinValue));
    }

    [Fact]
    [Trait("promise", "E3")]
    public async Task A_retry_after_any_delay_is_kept()
    {
        var engine = await StartEngineAsync(durable => durable.ConfigureWorker(w => w.ParkAfter = TimeSpan.FromMilliseconds(10)));
        var policy = RetryPolicy.Default with { DelayHint = _ => TimeSpan.MaxValue };
        await engine.Client.StartAsync(Script("patient", context => context.StepAsync<string>("fails", _ => throw new InvalidOperationException(), policy)), "patient");
        await WaitForRowsAsync("runs where status = 'WAITING' and due_at is not null", 1);
        Assert.True((await engine.Client.FindAsync("patient"))!.DueAt > DateTimeOffset.UnixEpoch + TimeSpan.FromDays(300_000));
        Assert.Equal(TimeSpan.Zero, (policy with { DelayHint = _ => TimeSpan.MinValue }).NextDelay(new InvalidOperationException(), 1, new Random(1)));
    }

    private Scripted Sleep(TimeSpan duration) => Script($"{duration}", async context =>
    {
        await context.SleepAsync(duration);
        return "awake";
    });
}
