using System.Text.Json;
using Elt.Durable.Tests.Suite;

namespace Elt.Durable.Tests;

public sealed class WithoutWorkerTests : EngineSuite<PostgresStore>
{
    [Fact]
    public async Task A_process_without_worker_starts_runs_that_others_execute()
    {
        await using var script = await DurableEngine.OpenAsync(durable =>
        {
            Store.Use(durable);
            durable.WithoutWorker();
        });
        var handle = await script.Client.StartAsync(new Sequence(2), "from-a-script");
        Assert.Equal(0, await Store.CountAsync("select count(*) from workers"));
        Assert.Equal(RunStatus.Enqueued, (await script.Client.FindAsync("from-a-script"))!.Status);
        await StartEngineAsync();
        Assert.Equal(2, await WithinPatienceAsync(handle.ResultAsync()));
        Assert.Equal(1, await Store.CountAsync("select count(*) from workers"));
    }

    [Fact]
    public async Task It_is_well_as_long_as_its_journal_answers()
    {
        await using var script = await DurableEngine.OpenAsync(durable =>
        {
            Store.Use(durable);
            durable.WithoutWorker();
        });
        Assert.Null(script.Health.CheckWorker());
        Assert.Null(await script.Health.CheckJournalAsync());
        Assert.Equal((null, 0), (script.Health.WorkerId, script.Health.BusyRuns));
    }

    [Fact]
    public async Task It_declares_nothing_and_can_trigger_what_it_knows()
    {
        await StartEngineAsync(durable => durable.AddSchedule("daily", "20 5 * * *", "UTC", _ => new Sequence(1), new ScheduleOptions { Priority = 3 }));
        await using var script = await DurableEngine.OpenAsync(durable =>
        {
            Store.Use(durable);
            durable.WithoutWorker().AddWorkflow<SequenceWorkflow>().AddQueue("undeclared")
                .AddSchedule("daily", "0 0 1 1 *", "UTC", _ => new Sequence(1)).AddSchedule("other", "0 0 1 1 *", "UTC", _ => new Sequence(1));
        });
        Assert.Equal(0, await Store.CountAsync("select count(*) from queues where name = 'undeclared'"));
        Assert.Equal("20 5 * * *", Assert.Single(await script.Client.Schedules.ListAsync()).Cron);
        var run = await script.Client.Schedules.TriggerAsync("daily", "by-hand");
        Assert.Equal(RunStatus.Success, (await WithinPatienceAsync(script.Client.WaitAsync(run.WorkflowId)))!.Status);
        var byName = await script.Client.StartAsync("sequence", JsonDocument.Parse("""{"steps":1}""").RootElement, "by-name");
        Assert.Equal(new StartedRun("by-name", true), byName);
        await Assert.ThrowsAsync<UnknownQueueException>(() => script.Client.StartAsync(new Sequence(1), options: new StartOptions { Queue = "undeclared" }));
    }

    [Fact]
    public async Task An_engine_without_a_host_executes_as_one_with_a_host()
    {
        await using var engine = await DurableEngine.OpenAsync(durable =>
        {
            Store.Use(durable);
            durable.AddWorkflow<ChildlessWorkflow>();
        });
        var handle = await engine.Client.StartAsync(new Childless("hello"));
        Assert.Equal("hello", await WithinPatienceAsync(handle.ResultAsync()));
        Assert.NotNull(engine.Health.WorkerId);
    }

    [Workflow("childless")]
    internal sealed record Childless(string Text) : IWorkflow<string>;

    internal sealed class ChildlessWorkflow : Workflow<Childless, string>
    {
        public override Task<string> RunAsync(Childless input, WorkflowContext context) => context.StepAsync("say", _ => Task.FromResult(input.Text));
    }
}
