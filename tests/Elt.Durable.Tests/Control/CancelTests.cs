using Elt.Durable.Execution;
using Elt.Durable.Journal;
using Elt.Durable.Tests.Suite;
using Elt.Testing;
using Npgsql;

namespace Elt.Durable.Tests.Control;

public sealed class CancelOnPostgres : CancelTests<PostgresStore>
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_executor_elsewhere_hears_of_a_cancellation(bool notified)
    {
        Action<DurableBuilder> configure = durable => durable.ConfigureWorker(w =>
            (w.UseNotifications, w.PollInterval) = (notified, notified ? TimeSpan.FromHours(1) : TimeSpan.FromMilliseconds(50)));
        var executor = await StartEngineAsync(configure);
        await executor.Client.StartAsync(Script("far", context => Hang(context, "work")), "far");
        await WithinPatienceAsync(Probe.Signal("work").Task);
        var other = await StartEngineAsync(configure);
        Assert.True(await other.Client.CancelAsync("far", "by another process"));
        await WithinPatienceAsync(Probe.Signal("work:token").Task);
    }

    [Fact]
    public async Task A_commit_in_flight_lands_before_the_cancellation_which_finds_the_child_that_it_started()
    {
        var engine = await StartEngineAsync();
        await StartRunsAsync(engine, "worker", "parent");
        await using var commit = await BeginAsync();
        await RunAsync(commit, "select 1 from workers where id = 'worker' for key share");
        await RunAsync(
            commit,
            """
            insert into runs (id, parent_id, workflow, version, status, epoch, input, created_at, due_at)
            values ('parent/child', 'parent', 'nobody-has-it', 1, 'ENQUEUED', 0, '{}', now(), now())
            """);
        var cancelled = engine.Client.CancelAsync("parent");
        await Eventually.TrueAsync(async () => cancelled.IsCompleted || await Store.CountAsync(Blocked) > 0);
        await commit.CommitAsync();
        Assert.True(await WithinPatienceAsync(cancelled));
        Assert.Equal(2, await Store.CountAsync("select count(*) from runs where status = 'CANCELLED'"));
    }

    [Fact]
    public async Task A_descendant_that_another_worker_is_just_taking_is_cancelled_all_the_same()
    {
        var engine = await StartEngineAsync();
        await StartRunsAsync(engine, "worker", "parent", "parent/child");
        await engine.Journal.RegisterWorkerAsync("taker", TimeSpan.FromMinutes(1), default);
        await using var claim = await BeginAsync();
        await RunAsync(claim, "update runs set owner = 'taker', epoch = 2 where id = 'parent/child'");
        var cancelled = engine.Client.CancelAsync("parent");
        // Some rounds in which the claim is in the way.
        for (var i = 0; i < 20 && !cancelled.IsCompleted; i++)
            await Store.CountAsync("select 1");
        Assert.False(cancelled.IsCompleted);
        Assert.Equal(0, await Store.CountAsync("select count(*) from runs where status = 'CANCELLED'"));
        await claim.CommitAsync();
        Assert.True(await WithinPatienceAsync(cancelled));
        Assert.Equal(2, await Store.CountAsync("select count(*) from runs where status = 'CANCELLED' and owner is null"));
    }

    private static async Task StartRunsAsync(EngineHost engine, string worker, params string[] runIds)
    {
        await engine.Journal.RegisterWorkerAsync(worker, TimeSpan.FromMinutes(1), default);
        foreach (var id in runIds)
        {
            var run = new NewRun { Id = id, Workflow = new("nobody-has-it", 1), Input = "{}", ClaimNow = true };
            await engine.Journal.CommitAsync(worker, [new StartWrite(id.Contains('/') ? run with { Parent = new RunKey(id[..id.IndexOf('/')], 1) } : run)], default);
        }
    }

    private async Task<NpgsqlTransaction> BeginAsync()
    {
        var connection = new NpgsqlConnection(Store.ConnectionString + ";Search Path=durable;Pooling=false");
        await connection.OpenAsync();
        return await connection.BeginTransactionAsync();
    }

    private static async Task RunAsync(NpgsqlTransaction transaction, string sql)
    {
        await using var command = new NpgsqlCommand(sql, transaction.Connection, transaction);
        await command.ExecuteNonQueryAsync();
    }
}

public sealed class CancelOnSqlite : CancelTests<SqliteStore>;

[Trait("promise", "E14")]
public abstract class CancelTests<TStore> : ControlSuite<TStore>
    where TStore : IStore, new()
{
    [Fact]
    public async Task A_step_in_flight_gets_the_token_and_its_late_result_is_not_recorded()
    {
        var engine = await StartQuietEngineAsync();
        var release = Probe.Signal("release");
        await engine.Client.StartAsync(Script("deaf", context => context.StepAsync("deaf", async ct =>
        {
            ct.Register(() => Probe.Signal("token").TrySetResult());
            Probe.Signal("begun").TrySetResult();
            await release.Task;
            return "too late";
        })), "deaf");
        await WithinPatienceAsync(Probe.Signal("begun").Task);
        Assert.True(await engine.Client.CancelAsync("deaf", "enough"));
        await WithinPatienceAsync(Probe.Signal("token").Task);
        release.SetResult();
        var run = await WithinPatienceAsync(engine.Client.WaitAsync("deaf"));
        Assert.Equal((RunStatus.Cancelled, "enough", null), (run!.Status, run.Error!.Message, run.Owner));
        await engine.StopAsync();
        Assert.Equal(0, await Store.CountAsync("select count(*) from steps"));
    }

    [Theory]
    [InlineData("sleep")]
    [InlineData("retry")]
    [InlineData("child")]
    public async Task A_run_that_waits_is_given_up_at_once_and_the_wait_is_not_recorded_as_over(string wait)
    {
        var engine = await StartQuietEngineAsync();
        Script("child", context => Hang(context, "work"));
        var goesOn = false;
        await engine.Client.StartAsync(Script("waits", async context =>
        {
            Probe.Signal("begun").TrySetResult();
            await (wait switch
            {
                "sleep" => context.SleepAsync(TimeSpan.FromHours(1)),
                "retry" => context.StepAsync<int>("fails", _ => throw new InvalidOperationException(), RetryPolicy.Default with { FirstDelay = TimeSpan.FromHours(1), MaxDelay = TimeSpan.FromHours(1) }),
                _ => context.ChildAsync(new Scripted("child"), "child"),
            });
            goesOn = true;
            return "never";
        }), "waits");
        await WithinPatienceAsync(wait == "child" ? Probe.Signal("work").Task : WaitForRowsAsync(wait == "sleep" ? "steps" : "step_attempts", 1));
        Assert.True(await engine.Client.CancelAsync("waits"));
        await Eventually.TrueAsync(() => !engine.Get<Worker>().IsExecuting("waits"));
        Assert.False(goesOn);
        Assert.Equal(0, await Store.CountAsync("select count(*) from steps where kind <> 'SLEEP'"));
        Assert.Equal(RunStatus.Cancelled, (await WithinPatienceAsync(engine.Client.WaitAsync("waits")))!.Status);
    }

    [Fact]
    public async Task Runs_in_every_live_state_end_at_once_and_free_their_queue()
    {
        var engine = await StartEngineAsync(durable => durable.ConfigureWorker(w => w.ParkAfter = TimeSpan.FromMilliseconds(10)));
        await engine.Client.StartAsync(new Sequence(1), "enqueued", new StartOptions { Queue = "narrow", Delay = TimeSpan.FromDays(1) });
        await engine.Client.StartAsync(Script("sleeps", SleepLongAsync), "parked", new StartOptions { Queue = "narrow" });
        await engine.Client.StartAsync(Script("hangs", context => Hang(context, "work")), "running", new StartOptions { Queue = "narrow" });
        await WithinPatienceAsync(Probe.Signal("work").Task);
        await WaitForRowsAsync("runs where status = 'WAITING' and owner is null", 1);
        Assert.Equal(3, await engine.Client.CancelAsync(new RunFilter { Queue = "narrow" }, "all of them"));
        foreach (var id in new[] { "enqueued", "parked", "running" })
        {
            var run = (await engine.Client.FindAsync(id))!;
            Assert.Equal((RunStatus.Cancelled, "all of them", true, null, null), (run.Status, run.Error!.Message, run.CompletedAt is not null, run.Owner, run.DueAt));
        }
        for (var i = 0; i < 3; i++)
            await engine.Client.StartAsync(new Sequence(1), $"next-{i}", new StartOptions { Queue = "narrow" });
        Assert.Equal(RunStatus.Success, (await WithinPatienceAsync(engine.Client.WaitAsync("next-2")))!.Status);
    }

    [Fact]
    public async Task After_the_end_and_for_unknown_ids_it_has_no_effect_and_says_so()
    {
        var engine = await StartEngineAsync();
        await WithinPatienceAsync((await engine.Client.StartAsync(new Sequence(2), "done")).ResultAsync());
        Assert.False(await engine.Client.CancelAsync("done"));
        Assert.False(await engine.Client.CancelAsync("nobody"));
        Assert.Equal(0, await engine.Client.CancelAsync(new RunFilter { IdPrefix = "done" }));
        Assert.Equal(0, await engine.Client.CancelAsync(new RunFilter { Statuses = [RunStatus.Success] }));
        Assert.Equal("2", (await engine.Client.FindAsync("done"))!.Output);
    }

    [Fact]
    [Trait("promise", "E9")]
    public async Task It_cascades_to_hundreds_of_children_and_grandchildren_in_every_state()
    {
        var engine = await StartEngineAsync(durable => durable.ConfigureWorker(w => w.MaxConcurrentRuns = 1000));
        Script("grandchild", context => Hang(context, "grandchild"));
        Script("nested", context => context.ChildAsync(new Scripted("grandchild"), "grandchild"));
        await engine.Client.StartAsync(Script("big", async context => string.Concat(await context.MapAsync(
            Enumerable.Range(0, 300),
            i => $"c{i:000}",
            (i, scope) => scope.ChildAsync(new Scripted(i % 3 == 0 ? "nested" : "grandchild"), queue: i % 30 == 7 ? "narrow" : null),
            maxParallel: 300))), "big");
        await WaitForRowsAsync("runs", 401);
        Assert.True(await engine.Client.CancelAsync("big"));
        Assert.Equal(401, await Store.CountAsync("select count(*) from runs where status = 'CANCELLED' and owner is null and due_at is null"));
        Assert.Equal(0, await Store.CountAsync("select count(*) from steps"));
        await Eventually.TrueAsync(() => engine.Health.BusyRuns == 0);
        Assert.Equal(401, await Store.CountAsync("select count(*) from runs where status = 'CANCELLED'"));
    }

    [Fact]
    public async Task A_bulk_cancellation_counts_descendants_and_ends_parents_before_their_children()
    {
        var engine = await StartEngineAsync(durable => durable.ConfigureWorker(w => w.MaxConcurrentRuns = 1000));
        Script("child", context => Hang(context, "work"));
        for (var i = 0; i < 120; i++)
            await engine.Client.StartAsync(Script("parent", context => context.ChildAsync(new Scripted("child"), "child")), $"bulk-{i:000}");
        await WaitForRowsAsync("runs", 240);
        Assert.Equal(240, await engine.Client.CancelAsync(new RunFilter { IdPrefix = "bulk", Limit = 1 }, cascade: false));
        Assert.Equal(240, await Store.CountAsync("select count(*) from runs where status = 'CANCELLED'"));
        Assert.Equal(0, await Store.CountAsync("select count(*) from steps"));
    }

    [Fact]
    public async Task Without_cascade_children_go_on()
    {
        var engine = await StartEngineAsync();
        var gate = Probe.Signal("gate");
        Script("child", context => context.StepAsync("wait", async ct =>
        {
            await gate.Task.WaitAsync(ct);
            return "done";
        }));
        await engine.Client.StartAsync(Script("parent", context => context.ChildAsync(new Scripted("child"), "child")), "parent");
        await WaitForRowsAsync("runs", 2);
        Assert.True(await engine.Client.CancelAsync("parent", cascade: false));
        gate.SetResult();
        Assert.Equal("\"done\"", (await WithinPatienceAsync(engine.Client.WaitAsync("parent/child")))!.Output);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_parent_that_lives_on_gets_its_childs_cancellation_with_the_reason(bool parked)
    {
        var engine = await StartEngineAsync(durable => durable.ConfigureWorker(w => w.ParkAfter = parked ? TimeSpan.FromMilliseconds(10) : TimeSpan.FromHours(1)));
        Script("child", context => Hang(context, "work"));
        var parent = await engine.Client.StartAsync(Script("parent", async context =>
        {
            var error = await Assert.ThrowsAsync<WorkflowFailedException>(() => context.ChildAsync(new Scripted("child"), "child"));
            return $"{error.Status}: {error.Error!.Type}: {error.Error.Message}";
        }), "parent");
        await WithinPatienceAsync(Probe.Signal("work").Task);
        if (parked)
            await WaitForRowsAsync("runs where status = 'WAITING'", 1);
        Assert.True(await engine.Client.CancelAsync("parent/child", "not needed"));
        Assert.Equal("Cancelled: Cancelled: not needed", await WithinPatienceAsync(parent.ResultAsync()));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("promise", "E13")]
    public async Task A_run_that_waits_for_its_event_hears_of_its_end(bool parked)
    {
        var engine = await StartEngineAsync(durable => durable.ConfigureWorker(w => w.ParkAfter = parked ? TimeSpan.FromMilliseconds(10) : TimeSpan.FromHours(1)));
        await engine.Client.StartAsync(Script("setter", context => Hang(context, "work")), "setter");
        var waiter = await engine.Client.StartAsync(Script("waiter", async context =>
            (await Assert.ThrowsAnyAsync<Exception>(() => context.GetEventAsync<string>("setter", "ready"))).GetType().Name));
        await WaitForRowsAsync("event_waiters", 1);
        if (parked)
            await WaitForRowsAsync("runs where status = 'WAITING'", 1);
        await engine.Client.CancelAsync("setter");
        Assert.EndsWith("Exception", await WithinPatienceAsync(waiter.ResultAsync()));
    }

    [Fact]
    public async Task A_cancelled_parent_does_not_take_its_own_cancellation_for_its_childs_result()
    {
        var engine = await StartEngineAsync();
        var gate = Probe.Signal("gate");
        Script("child", context => context.StepAsync("wait", async ct =>
        {
            Probe.Signal($"attempt-{Probe.Count("attempts")}").TrySetResult();
            await gate.Task.WaitAsync(ct);
            return "done";
        }));
        await engine.Client.StartAsync(Script("parent", context => context.ChildAsync(new Scripted("child"), "child")), "parent");
        await WithinPatienceAsync(Probe.Signal("attempt-1").Task);
        await engine.Client.CancelAsync("parent");
        Assert.Equal(RunStatus.Cancelled, (await engine.Client.FindAsync("parent/child"))!.Status);
        Assert.Empty(await engine.Client.ListStepsAsync("parent"));
        Assert.True(await engine.Client.ResumeAsync("parent"));
        gate.SetResult();
        Assert.Equal("\"done\"", (await WithinPatienceAsync(engine.Client.WaitAsync("parent")))!.Output);
    }

    [Fact]
    public async Task A_cancellation_that_races_with_the_end_is_the_one_or_the_other()
    {
        var engine = await StartEngineAsync();
        for (var i = 0; i < 60; i++)
        {
            var id = $"race-{i}";
            var parent = await engine.Client.StartAsync(Script("racing", async context =>
            {
                try
                {
                    return $"{await context.ChildAsync(new Sequence(i % 4), "child")}";
                }
                catch (WorkflowFailedException e)
                {
                    return $"{e.Status}";
                }
            }), id);
            if (i % 3 == 0)
                await Task.Yield();
            var cancelled = await engine.Client.CancelAsync($"{id}/child");
            var result = await WithinPatienceAsync(parent.ResultAsync());
            Assert.Equal(cancelled, (await engine.Client.FindAsync($"{id}/child"))!.Status == RunStatus.Cancelled);
            // A child that was not there yet was not cancelled.
            Assert.Equal(cancelled ? "Cancelled" : $"{i % 4}", result);
        }
    }

    [Fact]
    public async Task A_process_that_dies_before_it_notices_changes_nothing()
    {
        var (doomed, journal) = await StartCrashingEngineAsync();
        var hang = true;
        await doomed.Client.StartAsync(Script("unlucky", async context =>
        {
            await context.StepAsync("first", _ => Task.FromResult(Probe.Count("first")));
            return hang ? await Hang(context, "work") : "done";
        }), "unlucky");
        await WithinPatienceAsync(Probe.Signal("work").Task);
        journal.CrashAfter(nameof(Elt.Durable.Control.IRunControl.CancelAsync));
        await Assert.ThrowsAsync<ProcessCrashedException>(() => doomed.Client.CancelAsync("unlucky"));
        await doomed.KillAsync();
        await Store.ExpireLeasesAsync();

        var heir = await StartEngineAsync();
        var run = (await heir.Client.FindAsync("unlucky"))!;
        Assert.Equal((RunStatus.Cancelled, 0), (run.Status, run.Recoveries));
        hang = false;
        Assert.True(await heir.Client.ResumeAsync("unlucky"));
        Assert.Equal("\"done\"", (await WithinPatienceAsync(heir.Client.WaitAsync("unlucky")))!.Output);
        Assert.Equal(1, Probe["first"]);
    }
}
