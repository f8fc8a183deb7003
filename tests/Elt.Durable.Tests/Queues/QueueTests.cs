using Elt.Durable.Tests.Suite;

namespace Elt.Durable.Tests.Queues;

public sealed class QueuesOnPostgres : QueueTests<PostgresStore>;

public sealed class QueuesOnSqlite : QueueTests<SqliteStore>;

[Trait("promise", "E11")]
public abstract class QueueTests<TStore> : EngineSuite<TStore>
    where TStore : IStore, new()
{
    [Fact]
    public async Task A_queues_limit_is_reached_and_never_exceeded_over_all_workers()
    {
        var engines = new List<EngineHost> { await StartEngineAsync() };
        if (Store is PostgresStore)
            engines.AddRange([await StartEngineAsync(), await StartEngineAsync()]);
        var (running, most) = (0, 0);
        var input = Script("counts", context => context.StepAsync("work", async ct =>
        {
            var now = Interlocked.Increment(ref running);
            lock (Probe)
                most = Math.Max(most, now);
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, ct);
            Interlocked.Decrement(ref running);
            return "";
        }));
        for (var i = 0; i < 40; i++)
            await engines[i % engines.Count].Client.StartAsync(input, $"q-{i}", new StartOptions { Queue = "narrow" });
        for (var i = 0; i < 40; i++)
            await WithinPatienceAsync(engines[0].Client.WaitAsync($"q-{i}"));
        Assert.Equal(2, most);
    }

    [Fact]
    public async Task Lower_priority_goes_first_then_first_in_first_out()
    {
        var engine = await StartEngineAsync(durable => durable.AddQueue("single", concurrency: 1));
        var order = new List<string>();
        var gate = Probe.Signal("gate");
        var block = Script("block", context => context.StepAsync("block", async ct =>
        {
            await gate.Task.WaitAsync(ct);
            return "";
        }));
        var note = Script("note", context => context.StepAsync("note", _ =>
        {
            lock (order)
                order.Add(context.WorkflowId);
            return Task.FromResult("");
        }));
        await engine.Client.StartAsync(block, "block", new StartOptions { Queue = "single" });
        foreach (var (id, priority) in new[] { ("late", 5), ("b", 1), ("c", 1), ("first", -1) })
            await engine.Client.StartAsync(note, id, new StartOptions { Queue = "single", Priority = priority });
        gate.SetResult();
        await WithinPatienceAsync(engine.Client.WaitAsync("late"));
        Assert.Equal(["first", "b", "c", "late"], order);
    }

    [Fact]
    public async Task A_delayed_run_does_not_start_before_its_time()
    {
        var engine = await StartEngineAsync();
        var handle = await engine.Client.StartAsync(new Sequence(1), "delayed", new StartOptions { Delay = TimeSpan.FromMilliseconds(300) });
        await WithinPatienceAsync(handle.ResultAsync());
        var run = await engine.Client.FindAsync("delayed");
        Assert.True(run!.StartedAt - run.CreatedAt >= TimeSpan.FromMilliseconds(300), $"started {run.StartedAt - run.CreatedAt} after its creation");
    }

    [Fact]
    public async Task A_queue_that_nobody_declared_is_refused()
    {
        var engine = await StartEngineAsync();
        var error = await Assert.ThrowsAsync<UnknownQueueException>(() => engine.Client.StartAsync(new Sequence(1), "lost", new StartOptions { Queue = "nope" }));
        Assert.Contains("narrow, wide", error.Message);
        Assert.Equal(0, await Store.CountAsync("select count(*) from runs"));
    }

    [Fact]
    public async Task A_queue_is_shown_changed_paused_and_deleted_by_the_client()
    {
        var engine = await StartEngineAsync(durable => durable.AddQueue("jobs", 3, 2, 1, new RateLimit(9, TimeSpan.FromMinutes(1))));
        var queues = engine.Client.Queues;
        await queues.PauseAsync("jobs");
        var handle = await engine.Client.StartAsync(new Sequence(1), "job", new StartOptions { Queue = "jobs", QueueKey = "k" });
        var declared = new QueueLimits { Concurrency = 3, WorkerConcurrency = 2, KeyConcurrency = 1, RateLimit = new RateLimit(9, TimeSpan.FromMinutes(1)) };
        Assert.Equal(
            new QueueInfo { Name = "jobs", Limits = declared, IsPaused = true, Enqueued = 1, Active = 0 },
            Assert.Single(await queues.ListAsync(), q => q.Name == "jobs"));
        var inUse = await Assert.ThrowsAsync<QueueInUseException>(() => queues.DeleteAsync("jobs"));
        Assert.Contains("1 runs are enqueued", inUse.Message);
        await queues.SetLimitsAsync("jobs", new QueueLimits());
        await queues.ResumeAsync("jobs");
        Assert.Equal(1, await WithinPatienceAsync(handle.ResultAsync()));
        await queues.DeleteAsync("jobs");
        foreach (var change in new[] { queues.DeleteAsync("jobs"), queues.PauseAsync("jobs"), queues.SetLimitsAsync("jobs", declared) })
            Assert.Contains("narrow, wide", (await Assert.ThrowsAsync<UnknownQueueException>(() => change)).Message);
        await Assert.ThrowsAsync<UnknownQueueException>(() => engine.Client.StartAsync(new Sequence(1), "late", new StartOptions { Queue = "jobs" }));
    }

    [Fact]
    public async Task Queued_children_of_a_parent_keep_the_limit_of_their_queue()
    {
        var engine = await StartEngineAsync();
        var handle = await engine.Client.StartAsync(new Family(Children: 20, StepsEach: 2, MaxParallel: 20, Queue: "narrow"), "fam");
        Assert.Equal(40, (await WithinPatienceAsync(handle.ResultAsync())).Sum());
    }
}
