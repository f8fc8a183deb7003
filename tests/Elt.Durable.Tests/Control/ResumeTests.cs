using Elt.Durable.Tests.Suite;

namespace Elt.Durable.Tests.Control;

public sealed class ResumeOnPostgres : ResumeTests<PostgresStore>;

public sealed class ResumeOnSqlite : ResumeTests<SqliteStore>;

[Trait("promise", "E14")]
public abstract class ResumeTests<TStore> : ControlSuite<TStore>
    where TStore : IStore, new()
{
    [Fact]
    public async Task Recorded_steps_are_not_repeated()
    {
        var engine = await StartEngineAsync();
        var hang = true;
        await engine.Client.StartAsync(Script("two", async context =>
        {
            var first = await context.StepAsync("first", _ => Task.FromResult(Probe.Count("first")));
            return hang ? await Hang(context, "second") : $"{first} {await context.StepAsync("second", _ => Task.FromResult(Probe.Count("second")))}";
        }), "two");
        await WithinPatienceAsync(Probe.Signal("second").Task);
        Assert.True(await engine.Client.CancelAsync("two"));
        hang = false;
        Assert.True(await engine.Client.ResumeAsync("two"));
        var run = (await WithinPatienceAsync(engine.Client.WaitAsync("two")))!;
        Assert.Equal((RunStatus.Success, "\"1 1\"", null), (run.Status, run.Output, run.Error));
        Assert.Equal(1, Probe["first"]);
    }

    [Fact]
    public async Task Live_and_finished_and_unknown_runs_are_left_alone()
    {
        var engine = await StartEngineAsync();
        await engine.Client.StartAsync(new Sequence(1), "done");
        await engine.Client.StartAsync(new Flaky(1, 1), "failed");
        await engine.Client.StartAsync(Script("live", context => Hang(context, "work")), "live");
        await WithinPatienceAsync(engine.Client.WaitAsync("done"));
        await WithinPatienceAsync(engine.Client.WaitAsync("failed"));
        await WithinPatienceAsync(Probe.Signal("work").Task);
        foreach (var id in new[] { "done", "failed", "live", "nobody" })
            Assert.False(await engine.Client.ResumeAsync(id));
        Assert.Equal(0, await engine.Client.ResumeAsync(new RunFilter()));
        Assert.Equal(1, (await engine.Client.FindAsync("live"))!.Epoch);
    }

    [Fact]
    [Trait("promise", "E6")]
    public async Task A_dead_lettered_run_gets_a_fresh_budget_once_however_many_ask()
    {
        var engine = await StartEngineAsync(durable => durable.ConfigureWorker(w => w.MaxRecoveryAttempts = 5));
        await engine.Client.StartAsync(new Sequence(2), "unlucky", new StartOptions { Queue = "wide", Delay = TimeSpan.FromHours(1) });
        await Store.ExecuteAsync("update runs set recoveries = 6, due_at = created_at");
        await engine.Client.StartAsync(new Sequence(1), "nudge", new StartOptions { Queue = "wide" });
        Assert.Equal(RunStatus.MaxRecoveryAttemptsExceeded, (await WithinPatienceAsync(engine.Client.WaitAsync("unlucky")))!.Status);
        await engine.Client.StartAsync(new Sequence(2), "unlucky");
        Assert.Equal(RunStatus.MaxRecoveryAttemptsExceeded, (await engine.Client.FindAsync("unlucky"))!.Status);

        var resumed = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(() => engine.Client.ResumeAsync("unlucky"))));
        Assert.Single(resumed, true);
        var run = (await WithinPatienceAsync(engine.Client.WaitAsync("unlucky")))!;
        Assert.Equal((RunStatus.Success, 0), (run.Status, run.Recoveries));
        Assert.Equal(1, Probe["s:body"] - Probe["nudge"] - 1);
    }

    [Fact]
    [Trait("promise", "E11")]
    public async Task A_delayed_run_waits_for_the_rest_of_its_delay()
    {
        var engine = await StartEngineAsync();
        await engine.Client.StartAsync(new Sequence(1), "later", new StartOptions { Queue = "wide", Delay = TimeSpan.FromDays(1) });
        await engine.Client.StartAsync(new Sequence(1), "soon", new StartOptions { Delay = TimeSpan.FromDays(1) });
        var due = (await engine.Client.FindAsync("later"))!.DueAt;
        Assert.Equal(2, await engine.Client.CancelAsync(new RunFilter()));
        await Store.ExecuteAsync("update runs set delayed_until = created_at where id = 'soon'");
        Assert.Equal(2, await engine.Client.ResumeAsync(new RunFilter()));
        Assert.Equal((RunStatus.Enqueued, due), ((await engine.Client.FindAsync("later"))!.Status, (await engine.Client.FindAsync("later"))!.DueAt));
        Assert.Equal(RunStatus.Success, (await WithinPatienceAsync(engine.Client.WaitAsync("soon")))!.Status);
        Assert.Null((await engine.Client.FindAsync("later"))!.StartedAt);
    }

    [Fact]
    [Trait("promise", "E9")]
    public async Task It_cascades_to_children_whose_end_the_parent_did_not_see()
    {
        var engine = await StartEngineAsync();
        var gate = Probe.Signal("gate");
        Script("child", context => context.StepAsync("wait", async ct =>
        {
            await gate.Task.WaitAsync(ct);
            return "done";
        }));
        await engine.Client.StartAsync(Script("parent", async context =>
        {
            var children = new List<ChildHandle<string>>();
            for (var i = 0; i < 3; i++)
                children.Add(await context.StartChildAsync(new Scripted("child"), $"c{i}"));
            var results = new List<string>();
            foreach (var child in children)
            {
                try
                {
                    results.Add(await child.ResultAsync());
                }
                catch (WorkflowFailedException e)
                {
                    results.Add($"{e.Status}");
                }
            }
            return string.Join(' ', results);
        }), "parent");
        await WaitForRowsAsync("runs", 4);
        Assert.True(await engine.Client.CancelAsync("parent/c1"));
        await WaitForRowsAsync("steps where run_id = 'parent'", 1);
        Assert.Equal(3, await engine.Client.CancelAsync(new RunFilter { IdPrefix = "parent", RootsOnly = true }));
        Assert.Equal(3, await engine.Client.ResumeAsync(new RunFilter { IdPrefix = "parent", RootsOnly = true }));
        gate.SetResult();
        Assert.Equal("\"done Cancelled done\"", (await WithinPatienceAsync(engine.Client.WaitAsync("parent")))!.Output);
        Assert.Equal(RunStatus.Cancelled, (await engine.Client.FindAsync("parent/c1"))!.Status);
    }

    [Fact]
    [Trait("promise", "E11")]
    public async Task A_deduplication_id_that_a_live_run_holds_is_not_taken_back()
    {
        var engine = await StartEngineAsync();
        foreach (var id in new[] { "one", "two", "free" })
            await engine.Client.StartAsync(new Sequence(1), id, new StartOptions { Queue = "wide", Delay = TimeSpan.FromDays(1) });
        await engine.Client.CancelAsync(new RunFilter());
        await Store.ExecuteAsync("update runs set deduplication_id = 'same' where id <> 'free'");
        Assert.True(await engine.Client.ResumeAsync("one"));
        await Assert.ThrowsAsync<WorkflowConflictException>(() => engine.Client.ResumeAsync("two"));
        Assert.Equal(1, await engine.Client.ResumeAsync(new RunFilter()));
        Assert.Equal(RunStatus.Cancelled, (await engine.Client.FindAsync("two"))!.Status);
        Assert.Equal(RunStatus.Enqueued, (await engine.Client.FindAsync("free"))!.Status);
    }
}
