using Elt.Durable.Tests.Suite;
using Elt.Testing;

namespace Elt.Durable.Tests;

public sealed class VersionsOnPostgres : VersionTests<PostgresStore>;

public sealed class VersionsOnSqlite : VersionTests<SqliteStore>;

[Trait("promise", "E17")]
public abstract class VersionTests<TStore> : EngineSuite<TStore>
    where TStore : IStore, new()
{
    [Fact]
    public async Task Versions_run_side_by_side_each_by_its_own_code()
    {
        var engine = await StartEngineAsync(durable => durable.AddWorkflow<FirstWorkflow>().AddWorkflow<SecondWorkflow>());
        var first = await engine.Client.StartAsync(new First());
        var second = await engine.Client.StartAsync(new Second(), options: new StartOptions { Queue = "wide" });
        Assert.Equal("by version 1", await WithinPatienceAsync(first.ResultAsync()));
        Assert.Equal("by version 2", await WithinPatienceAsync(second.ResultAsync()));
        Assert.Equal(2, (await engine.Client.FindAsync(second.WorkflowId))!.Version);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("wide")]
    public async Task Runs_of_a_version_that_no_worker_has_wait_and_are_told_of(string? queue)
    {
        var time = new ManualTimeProvider(DateTimeOffset.UnixEpoch.AddYears(56));
        var since = time.GetUtcNow();
        var before = await StartEngineAsync(durable => durable.AddWorkflow<FirstWorkflow>(), time: time);
        for (var i = 0; i < 3; i++)
            await before.Client.StartAsync(new Second(), $"second-{i}", new StartOptions { Queue = queue });
        await before.Client.StartAsync(new Second(), "later", new StartOptions { Queue = queue, Delay = TimeSpan.FromDays(1) });
        await before.Client.StartAsync(new First(), "first");
        Assert.Equal(RunStatus.Success, (await EndAsync(before, time, "first")).Status);
        var expected = new[] { new UnservedWorkflow("versioned", 2, 3, since) };
        Assert.Equal(expected, await before.Client.ListUnservedAsync());
        time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(expected, await UntilAsync(time, () => Task.FromResult(before.Health.Unserved is [{ Runs: 3 }] found ? found : null), "health tells"));
        await before.StopAsync();

        var after = await StartEngineAsync(durable => durable.AddWorkflow<SecondWorkflow>(), time: time);
        Assert.Empty(await after.Client.ListUnservedAsync());
        for (var i = 0; i < 3; i++)
            Assert.Equal(RunStatus.Success, (await EndAsync(after, time, $"second-{i}")).Status);
        Assert.Empty(after.Health.Unserved);
    }

    [Fact]
    public async Task Only_live_workers_count()
    {
        var engine = await StartEngineAsync();
        await engine.Client.StartAsync(new Second(), "second");
        await engine.Journal.RegisterWorkerAsync("newer", TimeSpan.FromMinutes(1), [new("versioned", 2)], default);
        Assert.Empty(await engine.Client.ListUnservedAsync());
        await Store.ExecuteAsync($"update workers set lease_until = {(Store is PostgresStore ? "'-infinity'" : "0")} where id = 'newer'");
        Assert.Single(await engine.Client.ListUnservedAsync());
        await Store.ExecuteAsync("delete from workers where id = 'newer'");
        Assert.Single(await engine.Client.ListUnservedAsync());
    }

    [Workflow("versioned")]
    internal sealed record First : IWorkflow<string>;

    internal sealed class FirstWorkflow : Workflow<First, string>
    {
        public override Task<string> RunAsync(First input, WorkflowContext context) => context.StepAsync("say", _ => Task.FromResult("by version 1"));
    }

    [Workflow("versioned", Version = 2)]
    internal sealed record Second : IWorkflow<string>;

    internal sealed class SecondWorkflow : Workflow<Second, string>
    {
        public override Task<string> RunAsync(Second input, WorkflowContext context) => context.StepAsync("say", _ => Task.FromResult("by version 2"));
    }
}
