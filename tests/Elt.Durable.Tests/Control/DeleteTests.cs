using Elt.Durable.Tests.Suite;

namespace Elt.Durable.Tests.Control;

public sealed class DeleteOnPostgres : DeleteTests<PostgresStore>;

public sealed class DeleteOnSqlite : DeleteTests<SqliteStore>;

public abstract class DeleteTests<TStore> : ControlSuite<TStore>
    where TStore : IStore, new()
{
    private const string Everything = "select (select count(*) from runs) + (select count(*) from steps) + (select count(*) from step_attempts)";

    [Fact]
    [Trait("promise", "E14")]
    public async Task An_ended_run_goes_with_all_that_belongs_to_it_and_its_id_is_free()
    {
        var engine = await StartEngineAsync();
        await WithinPatienceAsync((await engine.Client.StartAsync(new Family(3, 2), "family")).ResultAsync());
        await WithinPatienceAsync((await engine.Client.StartAsync(new Flaky(1, 2), "flaky")).ResultAsync());
        Assert.True(await engine.Client.DeleteAsync("family"));
        Assert.True(await engine.Client.DeleteAsync("flaky"));
        Assert.Equal(0, await Store.CountAsync(Everything));
        Assert.False(await engine.Client.DeleteAsync("family"));
        Assert.True((await engine.Client.StartAsync("sequence", System.Text.Json.JsonSerializer.SerializeToElement(new { steps = 1, label = "new" }), "family")).IsNew);
        Assert.Equal("1", (await WithinPatienceAsync(engine.Client.WaitAsync("family")))!.Output);
    }

    [Fact]
    [Trait("promise", "E14")]
    public async Task What_lives_or_has_live_descendants_is_refused_with_a_reason()
    {
        var engine = await StartEngineAsync();
        Script("grandchild", context => Hang(context, "work"));
        Script("child", async context => (await context.StartChildAsync(new Scripted("grandchild"), "grandchild")).WorkflowId);
        await WithinPatienceAsync((await engine.Client.StartAsync(Script("parent", context => context.ChildAsync(new Scripted("child"), "child")), "parent")).ResultAsync());
        await WithinPatienceAsync(Probe.Signal("work").Task);
        Assert.Contains("is RUNNING", (await Assert.ThrowsAsync<RunNotEndedException>(() => engine.Client.DeleteAsync("parent/child/grandchild"))).Message);
        Assert.Contains("Runs that 'parent' started", (await Assert.ThrowsAsync<RunNotEndedException>(() => engine.Client.DeleteAsync("parent"))).Message);
        await Assert.ThrowsAsync<RunNotEndedException>(() => engine.Client.DeleteAsync("parent/child", cascade: false));
        Assert.Equal(0, await engine.Client.DeleteAsync(new RunFilter()));
        Assert.Equal(3, await Store.CountAsync("select count(*) from runs"));

        Assert.True(await engine.Client.DeleteAsync("parent", cascade: false));
        await engine.Client.CancelAsync("parent/child/grandchild");
        Assert.Equal(2, await engine.Client.DeleteAsync(new RunFilter { ParentId = "parent" }));
        Assert.Equal(0, await Store.CountAsync(Everything));
    }

    [Fact]
    [Trait("promise", "E14")]
    public async Task In_bulk_only_what_fits_and_has_ended_is_deleted_and_counted()
    {
        var engine = await StartEngineAsync();
        for (var i = 0; i < 250; i++)
            await engine.Client.StartAsync(new Sequence(1), $"old-{i}");
        await engine.Client.StartAsync(new Sequence(1), "other");
        await engine.Client.StartAsync(Script("live", context => Hang(context, "work")), "old-live");
        await WaitForRowsAsync("runs where status = 'SUCCESS'", 251);
        Assert.Equal(250, await engine.Client.DeleteAsync(new RunFilter { IdPrefix = "old-" }));
        Assert.Equal(2, await Store.CountAsync("select count(*) from runs"));
        Assert.Equal(1, await Store.CountAsync("select count(*) from steps"));
    }

    [Fact]
    [Trait("promise", "E20")]
    public async Task Retention_purges_what_is_old_and_nothing_that_a_live_run_can_ask_for()
    {
        var engine = await StartEngineAsync();
        var again = Probe.Signal("again");
        var asks = await engine.Client.StartAsync(Script("asks", async context =>
        {
            var child = await context.StartChildAsync(new Sequence(2, "kept"), "child");
            await context.StepAsync("pause", async ct =>
            {
                Probe.Signal("begun").TrySetResult();
                await again.Task.WaitAsync(ct);
                return 1;
            });
            return $"{await child.ResultAsync()}";
        }), "asks");
        await WithinPatienceAsync((await engine.Client.StartAsync(new Family(3, 1), "old")).ResultAsync());
        await WithinPatienceAsync((await engine.Client.StartAsync(new Sequence(1), "young")).ResultAsync());
        await WithinPatienceAsync(Probe.Signal("begun").Task);
        await WithinPatienceAsync(engine.Client.WaitAsync("asks/child"));
        await AgeAsync(TimeSpan.FromDays(30), "id <> 'young'");
        // A parent that ended lately keeps its children, however old they are.
        await AgeAsync(TimeSpan.FromDays(-20), "id = 'old'");
        Assert.Equal(0, await engine.Client.PurgeAsync(TimeSpan.FromDays(11)));
        Assert.Equal(4, await engine.Client.PurgeAsync(TimeSpan.FromDays(9)));
        Assert.Equal(new[] { "asks", "asks/child", "young" }, (await engine.Client.ListAsync(new RunFilter())).Select(r => r.Id).Order());
        Assert.Equal(0, await Store.CountAsync("select count(*) from steps where run_id like 'old%'"));
        again.SetResult();
        Assert.Equal("2", await WithinPatienceAsync(asks.ResultAsync()));
        Assert.Equal(3, await engine.Client.PurgeAsync(TimeSpan.Zero));
        Assert.Equal(0, await Store.CountAsync(Everything));
    }

    [Fact]
    [Trait("promise", "E20")]
    public async Task A_worker_purges_by_itself_batch_by_batch()
    {
        var engine = await StartEngineAsync();
        await WithinPatienceAsync((await engine.Client.StartAsync(new Family(1500, 0, MaxParallel: 1500), "old")).ResultAsync());
        await AgeAsync(TimeSpan.FromDays(8));
        await WithinPatienceAsync((await engine.Client.StartAsync(new Sequence(1), "young")).ResultAsync());
        await engine.StopAsync();
        await StartEngineAsync(durable => durable.ConfigureWorker(w => w.RetainFinished = TimeSpan.FromDays(7)));
        // The first batch, oldest first; the next comes some seconds later.
        await WaitForRowsAsync("runs", 502);
        Assert.Equal(0, await Store.CountAsync("select count(*) from runs where id = 'old'"));
        Assert.Equal(1, await Store.CountAsync("select count(*) from runs where id = 'young'"));
        Assert.Equal(0, await Store.CountAsync("select count(*) from steps where run_id = 'old'"));
    }

    [Fact]
    [Trait("promise", "E20")]
    public async Task A_step_that_a_deleted_run_left_in_flight_is_not_recorded_for_the_next_run_of_its_id()
    {
        var engine = await StartEngineAsync();
        var late = Probe.Signal("late");
        var first = await engine.Client.StartAsync(Script("leaves", async context =>
        {
            // Nobody waits for this step when the run ends.
            _ = context.StepAsync("stray", async _ =>
            {
                Probe.Signal("begun").TrySetResult();
                await late.Task;
                return "of the first run";
            });
            await context.StepAsync("wait", _ => Probe.Signal("begun").Task);
            return "first";
        }), "id");
        Assert.Equal("first", await WithinPatienceAsync(first.ResultAsync()));
        Assert.True(await engine.Client.DeleteAsync("id"));
        Scripts.Bodies["leaves"] = async context =>
        {
            await Hang(context, "second");
            return "second";
        };
        await engine.Client.StartAsync(new Scripted("leaves"), "id");
        await WithinPatienceAsync(Probe.Signal("second").Task);
        late.SetResult();
        // What the first run left has come through when a write behind it has.
        await WithinPatienceAsync((await engine.Client.StartAsync(new Sequence(3), "behind")).ResultAsync());
        Assert.Empty(await engine.Client.ListStepsAsync("id"));
    }
}
