using Elt.Durable.Tests.Suite;

namespace Elt.Durable.Tests.Control;

public sealed class ForkOnPostgres : ForkTests<PostgresStore>;

public sealed class ForkOnSqlite : ForkTests<SqliteStore>;

[Trait("promise", "E14")]
public abstract class ForkTests<TStore> : ControlSuite<TStore>
    where TStore : IStore, new()
{
    [Fact]
    public async Task Exactly_the_steps_from_the_given_one_on_run_again()
    {
        var engine = await StartEngineAsync();
        await WithinPatienceAsync((await engine.Client.StartAsync(new Sequence(5), "source")).ResultAsync());
        foreach (var (step, repeated) in new[] { ("add", 5), ("add#3", 3), ("add#5", 1) })
        {
            var id = await engine.Client.ForkAsync("source", new ForkOptions { FromStep = step });
            var run = (await WithinPatienceAsync(engine.Client.WaitAsync(id)))!;
            Assert.Equal(("5", "source", null), (run.Output, run.ForkedFrom, run.ParentId));
            Assert.Equal(repeated, Probe.Counts.Count(c => c.Key.Contains($":{id}:", StringComparison.Ordinal)));
            Assert.Equal(5, (await engine.Client.ListStepsAsync(id)).Count);
        }
        Assert.Equal(5, (await engine.Client.ListStepsAsync("source")).Count);
    }

    [Fact]
    public async Task A_fork_at_any_step_of_a_run_with_everything_in_it_ends_alike()
    {
        var engine = await StartEngineAsync();
        var source = await engine.Client.StartAsync(Script("all", async context =>
        {
            var first = await context.StepAsync("first", _ => Task.FromResult(1));
            await context.SleepAsync(TimeSpan.FromMilliseconds(1));
            var mapped = await context.MapAsync(Enumerable.Range(0, 4), i => $"m{i}", async (i, scope) =>
            {
                var one = await scope.StepAsync("one", _ => Task.FromResult(i));
                await scope.SleepAsync(TimeSpan.FromMilliseconds(1));
                return one + await scope.ChildAsync(new Sequence(i));
            });
            return $"{first} {string.Join(',', mapped)} {await context.ChildAsync(new Sequence(2), "child")}";
        }), "all");
        var result = await WithinPatienceAsync(source.ResultAsync());
        var steps = await engine.Client.ListStepsAsync("all");
        Assert.Equal(15, steps.Count);
        foreach (var step in steps)
        {
            var id = await engine.Client.ForkAsync("all", new ForkOptions { FromStep = step.Key });
            var run = (await WithinPatienceAsync(engine.Client.WaitAsync(id)))!;
            Assert.Equal($"\"{result}\"", run.Output);
            Assert.Equal(steps.Select(s => s.Key).Order(), (await engine.Client.ListStepsAsync(id)).Select(s => s.Key).Order());
        }
    }

    [Fact]
    public async Task A_chain_of_forks_is_recorded_and_the_id_is_an_idempotency_key()
    {
        var engine = await StartEngineAsync();
        await engine.Client.StartAsync(Script("live", context => Hang(context, "work")), "live");
        await WithinPatienceAsync(Probe.Signal("work").Task);
        Scripts.Bodies["live"] = context => context.StepAsync("work", _ => Task.FromResult($"{Probe.Count("worked")}"));
        Assert.Equal("fork", await engine.Client.ForkAsync("live", new ForkOptions { WorkflowId = "fork", Queue = "wide" }));
        Assert.Equal("fork", await engine.Client.ForkAsync("live", new ForkOptions { WorkflowId = "fork" }));
        Assert.Equal("\"1\"", (await WithinPatienceAsync(engine.Client.WaitAsync("fork")))!.Output);
        Assert.Equal("wide", (await engine.Client.FindAsync("fork"))!.Queue);
        var again = await engine.Client.RestartAsync("fork");
        Assert.Equal("fork", (await WithinPatienceAsync(engine.Client.WaitAsync(again)))!.ForkedFrom);
        Assert.Equal("wide", (await engine.Client.FindAsync(again))!.Queue);
        Assert.Equal(2, Probe["worked"]);
        Assert.Equal(RunStatus.Running, (await engine.Client.FindAsync("live"))!.Status);
        await Assert.ThrowsAsync<WorkflowConflictException>(() => engine.Client.ForkAsync("fork", new ForkOptions { WorkflowId = "live" }));
    }

    [Fact]
    [Trait("promise", "E13")]
    public async Task Messages_events_and_streams_are_those_of_the_step()
    {
        var engine = await StartEngineAsync();
        var input = Script("mail", async context =>
        {
            await context.SetEventAsync("state", "begun");
            await context.WriteStreamAsync("log", "one");
            var first = await context.ReceiveAsync<string>();
            await context.StepAsync("sent", _ => Probe.Signal("sent").Task.ContinueWith(_ => 0, TaskScheduler.Default));
            await context.StepAsync("middle", _ => Task.FromResult(1));
            await context.SetEventAsync("state", "going");
            await context.WriteStreamAsync("log", "two");
            var second = await context.ReceiveAsync<string>();
            return $"{first} {second}";
        });
        await engine.Client.StartAsync(input, "source");
        await engine.Client.SendAsync("source", "a", idempotencyKey: "a");
        await engine.Client.SendAsync("source", "b", idempotencyKey: "b");
        Probe.Signal("sent").SetResult();
        Assert.Equal("\"a b\"", (await WithinPatienceAsync(engine.Client.WaitAsync("source")))!.Output);

        var fork = await engine.Client.ForkAsync("source", new ForkOptions { FromStep = "middle", Queue = "wide" });
        Assert.Equal("\"a b\"", (await WithinPatienceAsync(engine.Client.WaitAsync(fork)))!.Output);
        var restart = await engine.Client.RestartAsync("source");
        await engine.Client.SendAsync(restart, "c");
        await engine.Client.SendAsync(restart, "d");
        Assert.Equal("\"c d\"", (await WithinPatienceAsync(engine.Client.WaitAsync(restart)))!.Output);
        foreach (var id in new[] { "source", fork, restart })
        {
            Assert.Equal(["begun", "going"], (await engine.Client.ListEventsAsync(id)).Select(e => e.Value.Trim('"')));
            Assert.Equal(2, await Store.CountAsync($"select count(*) from stream_entries where run_id = '{id}' and kind = 'STREAM' and position in (0, 1)"));
            Assert.Equal(2, await Store.CountAsync($"select count(*) from messages where run_id = '{id}' and received_by is not null"));
        }
        Assert.Equal(3, await engine.Client.DeleteAsync(new RunFilter()));
        Assert.Equal(0, await Store.CountAsync("select (select count(*) from messages) + (select count(*) from stream_entries) + (select count(*) from event_waiters)"));
    }

    [Fact]
    [Trait("promise", "E17")]
    public async Task A_fork_may_go_on_with_newer_code()
    {
        var engine = await StartEngineAsync(durable => durable.AddWorkflow<DraftWorkflow>().AddWorkflow<RevisionWorkflow>());
        await engine.Client.StartAsync(new Draft(), "draft");
        Assert.Equal(RunStatus.Error, (await WithinPatienceAsync(engine.Client.WaitAsync("draft")))!.Status);
        var id = await engine.Client.ForkAsync("draft", new ForkOptions { FromStep = "bug", Version = 2 });
        var run = (await WithinPatienceAsync(engine.Client.WaitAsync(id)))!;
        Assert.Equal(("\"kept, fixed\"", 2), (run.Output, run.Version));
    }

    [Fact]
    public async Task What_is_not_there_is_named_in_the_error()
    {
        var engine = await StartEngineAsync();
        await WithinPatienceAsync((await engine.Client.StartAsync(new Sequence(2), "source")).ResultAsync());
        var step = await Assert.ThrowsAsync<UnknownStepException>(() => engine.Client.ForkAsync("source", new ForkOptions { FromStep = "ad" }));
        Assert.Equal("Run 'source' has recorded no step 'ad'. It has recorded 'add', 'add#2'.", step.Message);
        Assert.Contains("'nobody'", (await Assert.ThrowsAsync<UnknownRunException>(() => engine.Client.RestartAsync("nobody"))).Message);
        Assert.Contains("'no-queue'", (await Assert.ThrowsAsync<UnknownQueueException>(() => engine.Client.ForkAsync("source", new ForkOptions { Queue = "no-queue" }))).Message);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => engine.Client.ForkAsync("source", new ForkOptions { Version = 0 }));
        Assert.Equal(1, await Store.CountAsync("select count(*) from runs"));
    }

    [Workflow("edited")]
    public sealed record Draft : IWorkflow<string>;

    public sealed class DraftWorkflow : Workflow<Draft, string>
    {
        public override async Task<string> RunAsync(Draft input, WorkflowContext context)
        {
            await context.StepAsync("keep", _ => Task.FromResult("kept"));
            return await context.StepAsync<string>("bug", _ => throw new InvalidOperationException("bug"));
        }
    }

    [Workflow("edited", Version = 2)]
    public sealed record Revision : IWorkflow<string>;

    public sealed class RevisionWorkflow : Workflow<Revision, string>
    {
        public override async Task<string> RunAsync(Revision input, WorkflowContext context) =>
            $"{await context.StepAsync("keep", _ => Task.FromResult("not again"))}, {await context.StepAsync("fix", _ => Task.FromResult("fixed"))}";
    }
}
