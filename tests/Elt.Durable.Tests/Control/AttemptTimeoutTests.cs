using Elt.Durable.Tests.Suite;

namespace Elt.Durable.Tests.Control;

public sealed class AttemptTimeoutOnPostgres : AttemptTimeoutTests<PostgresStore>;

public sealed class AttemptTimeoutOnSqlite : AttemptTimeoutTests<SqliteStore>;

[Trait("promise", "E16")]
public abstract class AttemptTimeoutTests<TStore> : ControlSuite<TStore>
    where TStore : IStore, new()
{
    private static readonly RetryPolicy Impatient = new() { AttemptTimeout = TimeSpan.FromMilliseconds(200), MaxAttempts = 50, FirstDelay = TimeSpan.FromMilliseconds(1), Factor = 1 };

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_attempt_that_takes_too_long_fails_and_is_tried_again_whether_it_listens_or_not(bool listens)
    {
        var engine = await StartEngineAsync();
        var release = Probe.Signal("release");
        var handle = await engine.Client.StartAsync(Script("slow", context => context.StepAsync("slow", async ct =>
        {
            var attempt = Probe.Count("attempts");
            if (attempt == 1)
            {
                ct.Register(() => Probe.Signal("token").TrySetResult());
                await (listens ? Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, ct) : release.Task);
                Probe.Signal("late").TrySetResult();
            }
            return attempt;
        }, Impatient).ContinueWith(t => $"{t.Result}", TaskScheduler.FromCurrentSynchronizationContext())), "slow");
        Assert.NotEqual("1", await WithinPatienceAsync(handle.ResultAsync()));
        await WithinPatienceAsync(Probe.Signal("token").Task);
        release.SetResult();
        if (!listens)
            await WithinPatienceAsync(Probe.Signal("late").Task);
        var step = Assert.Single(await engine.Client.ListStepsAsync("slow"));
        Assert.Equal($"{step.Attempts}", step.Result);
        Assert.NotEqual(1, step.Attempts);
        Assert.Equal(step.Attempts - 1, await Store.CountAsync("select count(*) from step_attempts where error like '%System.TimeoutException%'"));
    }

    [Fact]
    public async Task The_last_attempts_timeout_is_the_steps_error()
    {
        var engine = await StartEngineAsync();
        var handle = await engine.Client.StartAsync(Script("slow", context => Hang(context, "slow", Impatient with { Handles = e => e is not TimeoutException })), "slow");
        var error = await Assert.ThrowsAsync<WorkflowFailedException>(() => WithinPatienceAsync(handle.ResultAsync()));
        Assert.Equal(typeof(TimeoutException).FullName, error.Error!.Type);
        Assert.Contains("Step 'slow' took longer than 00:00:00.2", error.Message);
    }

    [Fact]
    public async Task No_time_is_a_failure_without_an_attempt_and_endless_time_is_no_limit()
    {
        var engine = await StartEngineAsync();
        foreach (var none in new[] { TimeSpan.Zero, TimeSpan.FromTicks(-1), TimeSpan.MinValue })
        {
            var handle = await engine.Client.StartAsync(
                Script("none", context => context.StepAsync("none", _ => Task.FromResult($"{Probe.Count("ran")}"), RetryPolicy.None with { AttemptTimeout = none })), $"{none}");
            await Assert.ThrowsAsync<WorkflowFailedException>(() => WithinPatienceAsync(handle.ResultAsync()));
        }
        Assert.Equal(0, Probe["ran"]);
        foreach (var endless in new[] { TimeSpan.FromDays(50), TimeSpan.MaxValue })
        {
            var handle = await engine.Client.StartAsync(
                Script("endless", context => context.StepAsync("endless", _ => Task.FromResult("ran"), RetryPolicy.None with { AttemptTimeout = endless })), $"{endless}");
            Assert.Equal("ran", await WithinPatienceAsync(handle.ResultAsync()));
        }
    }
}
