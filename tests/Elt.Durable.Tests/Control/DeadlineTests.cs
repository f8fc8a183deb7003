using Elt.Durable.Execution;
using Elt.Durable.Tests.Suite;
using Elt.Testing;

namespace Elt.Durable.Tests.Control;

public sealed class DeadlineOnPostgres : DeadlineTests<PostgresStore>;

public sealed class DeadlineOnSqlite : DeadlineTests<SqliteStore>;

[Trait("promise", "E16")]
public abstract class DeadlineTests<TStore> : ControlSuite<TStore>
    where TStore : IStore, new()
{
    private static readonly TimeSpan Short = TimeSpan.FromMilliseconds(300);

    [Fact]
    public async Task The_executing_process_cancels_by_itself_and_the_token_fires()
    {
        var engine = await StartQuietEngineAsync();
        await engine.Client.StartAsync(Script("late", context => Hang(context, "work")), "late", new StartOptions { Timeout = Short });
        await WithinPatienceAsync(Probe.Signal("work:token").Task);
        var run = (await WithinPatienceAsync(engine.Client.WaitAsync("late")))!;
        Assert.Equal((RunStatus.Cancelled, "deadline passed"), (run.Status, run.Error!.Message));
        Assert.Equal(run.CreatedAt + Short, run.DeadlineAt);
        Assert.True(run.CompletedAt >= run.DeadlineAt);
    }

    [Fact]
    public async Task Runs_that_wait_are_cancelled_wherever_they_are_also_after_a_restart()
    {
        var engine = await StartEngineAsync(durable => durable.ConfigureWorker(w => w.ParkAfter = TimeSpan.FromMilliseconds(10)));
        var deadline = new StartOptions { Deadline = TimeProvider.System.GetUtcNow() + TimeSpan.FromSeconds(2) };
        await engine.Client.StartAsync(new Sequence(1), "delayed", deadline with { Delay = TimeSpan.FromDays(1) });
        await engine.Client.StartAsync(new Sequence(1), "queued", deadline with { Delay = TimeSpan.FromDays(1), Queue = "wide" });
        await engine.Client.StartAsync(Script("sleeps", SleepLongAsync), "parked", deadline);
        await engine.Client.StartAsync(Script("hangs", context => Hang(context, "work")), "running", deadline);
        await engine.Client.StartAsync(new Sequence(1), "in-time", deadline);
        await WaitForRowsAsync("runs where status = 'WAITING'", 1);
        await engine.StopAsync();
        engine = await StartEngineAsync();
        foreach (var id in new[] { "delayed", "queued", "parked", "running" })
            Assert.Equal((RunStatus.Cancelled, "deadline passed"), await OutcomeAsync(engine, id));
        Assert.Equal(RunStatus.Success, (await engine.Client.FindAsync("in-time"))!.Status);
    }

    [Fact]
    [Trait("promise", "E9")]
    public async Task Children_inherit_the_earlier_deadline_and_end_with_their_parent()
    {
        var engine = await StartEngineAsync();
        Script("grandchild", context => Hang(context, "work"));
        Script("child", context => context.ChildAsync(new Scripted("grandchild"), "grandchild", timeout: TimeSpan.FromDays(1)));
        await engine.Client.StartAsync(Script("parent", async context =>
        {
            var queued = await context.StartChildAsync(new Scripted("child"), "queued", queue: "wide");
            return await context.ChildAsync(new Scripted("child"), "child") + await queued.ResultAsync();
        }), "parent", new StartOptions { Timeout = TimeSpan.FromSeconds(1) });
        var parent = (await WithinPatienceAsync(engine.Client.WaitAsync("parent")))!;
        await WaitForRowsAsync("runs where status = 'CANCELLED'", 5);
        foreach (var run in await engine.Client.ListAsync(new RunFilter()))
            Assert.Equal((RunStatus.Cancelled, "deadline passed", parent.DeadlineAt), (run.Status, run.Error!.Message, run.DeadlineAt));
        Assert.Empty(await engine.Client.ListStepsAsync("parent"));
    }

    [Fact]
    public async Task A_childs_own_timeout_is_a_failure_that_its_parent_sees()
    {
        var engine = await StartEngineAsync();
        Script("child", context => Hang(context, "work"));
        var parent = await engine.Client.StartAsync(Script("parent", async context =>
        {
            var error = await Assert.ThrowsAsync<WorkflowFailedException>(() => context.ChildAsync(new Scripted("child"), "child", timeout: Short));
            return $"{error.Status} {error.Error!.Message}";
        }), "parent");
        Assert.Equal("Cancelled deadline passed", await WithinPatienceAsync(parent.ResultAsync()));
    }

    [Fact]
    public async Task A_run_whose_deadline_has_passed_does_not_begin()
    {
        var engine = await StartEngineAsync();
        await engine.Client.StartAsync(new Sequence(1), "past", new StartOptions { Deadline = DateTimeOffset.UnixEpoch });
        await engine.Client.StartAsync(new Sequence(1, "none-left"), "none-left", new StartOptions { Timeout = TimeSpan.MinValue, Queue = "wide" });
        foreach (var id in new[] { "past", "none-left" })
            Assert.Equal((RunStatus.Cancelled, "deadline passed"), await OutcomeAsync(engine, id));
        Assert.Equal(0, Probe["s:body"]);
    }

    [Fact]
    public async Task A_resumed_run_has_no_deadline_any_more()
    {
        var engine = await StartEngineAsync();
        await engine.Client.StartAsync(Script("late", context => Hang(context, "work")), "late", new StartOptions { Timeout = Short });
        await OutcomeAsync(engine, "late");
        Scripts.Bodies["late"] = context => context.StepAsync("work", _ => Task.FromResult("in time"));
        Assert.True(await engine.Client.ResumeAsync("late"));
        var run = (await WithinPatienceAsync(engine.Client.WaitAsync("late")))!;
        Assert.Equal((RunStatus.Success, null), (run.Status, run.DeadlineAt));
    }

    [Fact]
    public async Task A_deadline_wins_over_a_step_timeout_and_the_late_result_is_discarded()
    {
        var engine = await StartEngineAsync();
        var release = Probe.Signal("release");
        await engine.Client.StartAsync(Script("both", context => context.StepAsync(
            "slow",
            async _ =>
            {
                await release.Task;
                return "late";
            },
            new RetryPolicy { AttemptTimeout = TimeSpan.FromSeconds(1), MaxAttempts = 1 })), "both", new StartOptions { Timeout = TimeSpan.FromSeconds(1) });
        Assert.Equal((RunStatus.Cancelled, "deadline passed"), await OutcomeAsync(engine, "both"));
        release.SetResult();
        await Eventually.TrueAsync(() => !engine.Get<Worker>().IsExecuting("both"));
        Assert.Equal(0, await Store.CountAsync("select count(*) from steps"));
    }

    private static async Task<(RunStatus, string?)> OutcomeAsync(EngineHost engine, string id)
    {
        var run = (await WithinPatienceAsync(engine.Client.WaitAsync(id)))!;
        return (run.Status, run.Error?.Message);
    }
}
