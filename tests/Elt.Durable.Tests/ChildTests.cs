using Elt.Durable.Tests.Suite;
using Elt.Testing;

namespace Elt.Durable.Tests;

public sealed class ChildrenOnPostgres : ChildTests<PostgresStore>;

public sealed class ChildrenOnSqlite : ChildTests<SqliteStore>;

public sealed class ChildrenElsewhere : EngineSuite<PostgresStore>
{
    [Fact]
    [Trait("promise", "E9")]
    public async Task A_parent_in_memory_hears_at_once_of_a_child_that_ended_on_another_worker() =>
        await EndElsewhereAsync(poll: TimeSpan.FromHours(1), notified: true);

    [Fact]
    [Trait("promise", "E9")]
    public async Task A_parent_in_memory_hears_of_a_child_elsewhere_also_when_notifications_are_lost() =>
        await EndElsewhereAsync(poll: TimeSpan.FromMilliseconds(50), notified: false);

    private async Task EndElsewhereAsync(TimeSpan poll, bool notified)
    {
        var parents = await StartEngineAsync(durable => durable.ConfigureWorker(w => (w.PollInterval, w.UseNotifications, w.ParkAfter) = (poll, notified, TimeSpan.FromHours(1))));
        var handle = await parents.Client.StartAsync(Script("parent", context => context.ChildAsync(new OnlyElsewhere("hello"), "child")));
        await StartEngineAsync(durable => durable.AddWorkflow<OnlyElsewhereWorkflow>());
        Assert.Equal("hello from elsewhere", await WithinPatienceAsync(handle.ResultAsync()));
        Assert.Equal(1, (await parents.Client.FindAsync(handle.WorkflowId))!.Epoch);
    }

    [Workflow("only-elsewhere")]
    public sealed record OnlyElsewhere(string Text) : IWorkflow<string>;

    public sealed class OnlyElsewhereWorkflow : Workflow<OnlyElsewhere, string>
    {
        public override Task<string> RunAsync(OnlyElsewhere input, WorkflowContext context) => Task.FromResult($"{input.Text} from elsewhere");
    }
}

[Trait("promise", "E9")]
public abstract class ChildTests<TStore> : EngineSuite<TStore>
    where TStore : IStore, new()
{
    [Fact]
    public async Task A_child_has_its_parents_id_and_its_result_stands_in_the_parents_history()
    {
        var engine = await StartEngineAsync();
        var handle = await engine.Client.StartAsync(new Family(Children: 3, StepsEach: 2), "fam");
        Assert.Equal(new[] { 2, 2, 2 }, await WithinPatienceAsync(handle.ResultAsync()));
        var children = await engine.Client.ListAsync(new RunFilter { ParentId = "fam" });
        Assert.Equal(["fam/child-00000", "fam/child-00001", "fam/child-00002"], children.Select(c => c.Id).Order());
        var steps = await engine.Client.ListStepsAsync("fam");
        Assert.Equal(3, steps.Count(s => s.Kind == StepKind.Child && s.Result == "2"));
        Assert.Equal("before", steps[0].Key);
        Assert.Equal("after", steps[^1].Key);
    }

    [Fact]
    public async Task A_childs_error_reaches_the_parent_with_type_message_and_stack()
    {
        var engine = await StartEngineAsync();
        var handle = await engine.Client.StartAsync(Script("catches", async context =>
        {
            try
            {
                return await context.ChildAsync(new Flaky(Failures: 1, MaxAttempts: 1), "bad");
            }
            catch (WorkflowFailedException e)
            {
                return $"{e.WorkflowId}|{e.Status}|{e.Error!.Type}|{e.Error.Stack!.Contains(nameof(FlakyWorkflow))}|{e.Message.Contains("attempt 1 failed")}";
            }
        }), "catches");
        Assert.Equal($"catches/bad|Error|{typeof(InvalidOperationException).FullName}|True|True", await WithinPatienceAsync(handle.ResultAsync()));
    }

    [Fact]
    public async Task A_thousand_children_of_one_parent_end_and_none_runs_twice()
    {
        var engine = await StartEngineAsync();
        var handle = await engine.Client.StartAsync(new Family(Children: 1000, StepsEach: 1, MaxParallel: 1000), "big");
        Assert.Equal(1000, (await handle.ResultAsync().WaitAsync(TimeSpan.FromSeconds(60))).Sum());
        Assert.Equal(1001, await Store.CountAsync("select count(*) from runs where status = 'SUCCESS'"));
        Assert.All(Probe.Counts.Where(c => c.Key.EndsWith(":body")), c => Assert.Equal(1, c.Value));
    }

    [Fact]
    public async Task Generations_that_wait_for_each_other_do_not_need_more_slots_than_one()
    {
        var engine = await StartEngineAsync(durable => durable.ConfigureWorker(w => w.MaxConcurrentRuns = 1));
        Script("leaf", context => context.StepAsync("leaf", _ => Task.FromResult("leaf")));
        for (var depth = 1; depth <= 8; depth++)
        {
            var below = depth == 1 ? "leaf" : $"depth-{depth - 1}";
            Script($"depth-{depth}", async context => await context.ChildAsync(new Scripted(below), "down") + "!");
        }
        var handle = await engine.Client.StartAsync(new Scripted("depth-8"), "deep");
        Assert.Equal("leaf!!!!!!!!", await WithinPatienceAsync(handle.ResultAsync()));
    }

    [Fact]
    public async Task A_parent_that_waits_long_is_parked_and_goes_on_when_its_child_ends()
    {
        var gate = Probe.Signal("gate");
        var engine = await StartEngineAsync(durable => durable.ConfigureWorker(w => w.ParkAfter = TimeSpan.FromMilliseconds(50)));
        Script("slow-child", context => context.StepAsync("wait", async ct =>
        {
            await gate.Task.WaitAsync(ct);
            return "done";
        }));
        var bodies = 0;
        var handle = await engine.Client.StartAsync(Script("patient", async context =>
        {
            Interlocked.Increment(ref bodies);
            await context.StepAsync("before", _ => Task.FromResult(1));
            return await context.ChildAsync(new Scripted("slow-child"), "child");
        }), "patient");
        await Eventually.TrueAsync(async () => await Store.CountAsync("select count(*) from runs where id = 'patient' and status = 'WAITING' and owner is null") > 0);
        gate.SetResult();
        Assert.Equal("done", await WithinPatienceAsync(handle.ResultAsync()));
        Assert.Equal(2, bodies);
    }

    [Fact]
    public async Task A_childs_id_that_somebody_else_took_is_a_conflict()
    {
        var engine = await StartEngineAsync();
        await engine.Client.StartAsync(new Sequence(1), "p/child");
        var handle = await engine.Client.StartAsync(Script("p", async context => (await context.ChildAsync(new Sequence(1), "child")).ToString()), "p");
        var error = await Assert.ThrowsAsync<WorkflowFailedException>(() => WithinPatienceAsync(handle.ResultAsync()));
        Assert.Equal(typeof(WorkflowConflictException).FullName, error.Error!.Type);
    }

    [Fact]
    [Trait("promise", "E10")]
    public async Task A_map_keeps_item_order_and_its_bound()
    {
        var engine = await StartEngineAsync();
        var inFlight = 0;
        var most = 0;
        var handle = await engine.Client.StartAsync(Script("map", async context => string.Join(',', await context.MapAsync(
            Enumerable.Range(0, 30),
            i => $"i{i}",
            (i, scope) => scope.StepAsync("work", async _ =>
            {
                var now = Interlocked.Increment(ref inFlight);
                InterlockedMax(ref most, now);
                await Task.Yield();
                Interlocked.Decrement(ref inFlight);
                return i;
            }),
            maxParallel: 4))));
        Assert.Equal(string.Join(',', Enumerable.Range(0, 30)), await WithinPatienceAsync(handle.ResultAsync()));
        Assert.InRange(most, 1, 4);
    }

    [Fact]
    [Trait("promise", "E10")]
    public async Task A_map_fails_fast_or_collects_all_failures_and_names_them()
    {
        var engine = await StartEngineAsync();
        Task<string> Map(WorkflowContext context, MapFailure onFailure) => context.MapAsync(
            Enumerable.Range(0, 10),
            i => $"i{i}",
            (i, scope) => scope.StepAsync("work", _ => i is 2 or 5 ? throw new InvalidOperationException($"no {i}") : Task.FromResult(Probe.Count($"{onFailure}"))),
            maxParallel: 1,
            onFailure).ContinueWith(t => string.Join(',', t.GetAwaiter().GetResult()), TaskScheduler.FromCurrentSynchronizationContext());
        var fast = await engine.Client.StartAsync(Script("fast", context => Map(context, MapFailure.FailFast)));
        var all = await engine.Client.StartAsync(Script("all", context => Map(context, MapFailure.CollectAll)));
        var first = await Assert.ThrowsAsync<WorkflowFailedException>(() => WithinPatienceAsync(fast.ResultAsync()));
        Assert.Contains("no 2", first.Message);
        Assert.Equal(2, Probe["FailFast"]);
        var collected = await Assert.ThrowsAsync<WorkflowFailedException>(() => WithinPatienceAsync(all.ResultAsync()));
        Assert.Contains("2 of 10 items failed", collected.Message);
        Assert.Contains("i2", collected.Message);
        Assert.Contains("i5", collected.Message);
        Assert.Equal(8, Probe["CollectAll"]);
    }

    private static void InterlockedMax(ref int target, int value)
    {
        for (var seen = Volatile.Read(ref target); value > seen; seen = Volatile.Read(ref target))
        {
            if (Interlocked.CompareExchange(ref target, value, seen) == seen)
                return;
        }
    }
}
