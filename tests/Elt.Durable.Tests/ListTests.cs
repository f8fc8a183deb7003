using Elt.Durable.Tests.Suite;
using Elt.Testing;

namespace Elt.Durable.Tests;

public sealed class ListOnPostgres : ListTests<PostgresStore>;

public sealed class ListOnSqlite : ListTests<SqliteStore>;

[Trait("promise", "E24")]
public abstract class ListTests<TStore> : EngineSuite<TStore>
    where TStore : IStore, new()
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task Each_condition_picks_its_runs()
    {
        var client = await StartRunsAsync();
        await AssertIdsAsync(client, new() { Statuses = [RunStatus.Error] }, "bad");
        await AssertIdsAsync(client, new() { Statuses = [RunStatus.Enqueued, RunStatus.Running] }, "later");
        await AssertIdsAsync(client, new() { Statuses = [RunStatus.Error, RunStatus.Enqueued] }, "later bad");
        await AssertIdsAsync(client, new() { Workflow = "flaky" }, "bad");
        await AssertIdsAsync(client, new() { IdPrefix = "fam/" }, "fam/child-00001 fam/child-00000");
        await AssertIdsAsync(client, new() { IdPrefix = "FAM" }, "");
        await AssertIdsAsync(client, new() { IdPrefix = "%" }, "");
        await AssertIdsAsync(client, new() { ParentId = "fam" }, "fam/child-00001 fam/child-00000");
        await AssertIdsAsync(client, new() { RootsOnly = true }, "daily/manual-x later bad fam");
        await AssertIdsAsync(client, new() { Queue = "wide" }, "later");
        await AssertIdsAsync(client, new() { Schedule = "daily" }, "daily/manual-x");
        await AssertIdsAsync(client, new() { RootsOnly = true, Statuses = [RunStatus.Success] }, "daily/manual-x fam");
        await AssertIdsAsync(client, new() { Workflow = "nobody-has-it" }, "");
    }

    [Fact]
    public async Task Runs_are_found_by_a_part_of_their_error()
    {
        var client = await StartRunsAsync();
        await AssertIdsAsync(client, new() { ErrorText = "ATTEMPT 1 \"failed\"" }, "bad");
        await AssertIdsAsync(client, new() { ErrorText = "über" }, "bad");
        await AssertIdsAsync(client, new() { ErrorText = "invalidOPERATION" }, "bad");
        await AssertIdsAsync(client, new() { ErrorText = "%" }, "");
        await AssertIdsAsync(client, new() { ErrorText = "ListTests.cs" }, "");
        await AssertIdsAsync(client, new() { ErrorText = "über", Statuses = [RunStatus.Error, RunStatus.Enqueued] }, "bad");
        await AssertIdsAsync(client, new() { ErrorText = "über", Statuses = [RunStatus.Success] }, "");
        await AssertIdsAsync(client, new() { Statuses = [RunStatus.Cancelled, RunStatus.Error, RunStatus.MaxRecoveryAttemptsExceeded] }, "bad");
    }

    [Fact]
    public async Task Runs_are_found_by_when_they_were_created_and_ended()
    {
        var client = await StartRunsAsync();
        await AssertIdsAsync(client, new() { RootsOnly = true, CreatedTo = Noon.AddHours(1) }, "fam");
        await AssertIdsAsync(client, new() { RootsOnly = true, CreatedFrom = Noon.AddHours(1), CreatedTo = Noon.AddHours(3) }, "later bad");
        await AssertIdsAsync(client, new() { RootsOnly = true, CompletedFrom = Noon.AddHours(3) }, "daily/manual-x");
        await AssertIdsAsync(client, new() { RootsOnly = true, CompletedTo = Noon.AddHours(3) }, "bad fam");
    }

    [Fact]
    public async Task Runs_are_counted_by_status()
    {
        var client = await StartRunsAsync();
        var all = await client.CountAsync(new RunFilter { Limit = 1 });
        Assert.Equal(new Dictionary<RunStatus, long> { [RunStatus.Success] = 4, [RunStatus.Error] = 1, [RunStatus.Enqueued] = 1 }, all);
        Assert.Equal(new Dictionary<RunStatus, long> { [RunStatus.Success] = 2 }, await client.CountAsync(new RunFilter { ParentId = "fam" }));
        Assert.Empty(await client.CountAsync(new RunFilter { Queue = "narrow" }));
        Assert.Equal(new Dictionary<RunStatus, long> { [RunStatus.Error] = 1 }, await client.CountAsync(new RunFilter { Statuses = [RunStatus.Error, RunStatus.Cancelled] }));
        Assert.Empty(await client.CountAsync(new RunFilter { ErrorText = "über", Statuses = [RunStatus.Success] }));
    }

    [Fact]
    public async Task Pages_hold_each_run_once_while_runs_are_added()
    {
        var time = new ManualTimeProvider(Noon);
        var client = (await StartEngineAsync(time: time)).Client;
        // Several at each time, so that pages end amid runs of the same age.
        var known = new List<string>();
        for (var i = 0; i < 25; i++)
        {
            time.Advance(i % 4 == 0 ? TimeSpan.FromSeconds(1) : TimeSpan.Zero);
            known.Add((await client.StartAsync(new Sequence(0), $"run-{(i * 7) % 25:00}")).WorkflowId);
        }
        var seen = new List<string>();
        for (RunCursor? after = null; ;)
        {
            var page = await client.ListAsync(new RunFilter { Workflow = "sequence", Limit = 3, After = after });
            if (page.Count == 0)
                break;
            seen.AddRange(page.Select(run => run.Id));
            after = RunCursor.Of(page[^1]);
            time.Advance(TimeSpan.FromSeconds(1));
            await client.StartAsync(new Sequence(0), $"added-{seen.Count}");
        }
        Assert.Equal(known.Order(), seen.Order());
        Assert.Equal(seen, (await client.ListAsync(new RunFilter { IdPrefix = "run-" })).Select(run => run.Id));
    }

    private async Task<WorkflowClient> StartRunsAsync()
    {
        var time = new ManualTimeProvider(Noon);
        Probe.OnStep["flaky:bad"] = _ => throw new InvalidOperationException("Attempt 1 \"failed\"\0 über 100 cases");
        var engine = await StartEngineAsync(durable => durable.AddSchedule("daily", "20 5 * * *", "UTC", _ => new Sequence(1)), time: time);
        var client = engine.Client;
        await client.StartAsync(new Family(Children: 2, StepsEach: 1, MaxParallel: 1), "fam");
        await EndAsync(engine, time, "fam");
        time.Advance(TimeSpan.FromHours(1));
        await client.StartAsync(new Flaky(1, 1), "bad");
        await EndAsync(engine, time, "bad");
        time.Advance(TimeSpan.FromHours(1));
        await client.StartAsync(new Sequence(1), "later", new StartOptions { Queue = "wide", Delay = TimeSpan.FromDays(1) });
        time.Advance(TimeSpan.FromHours(1));
        await client.Schedules.TriggerAsync("daily", "x");
        await EndAsync(engine, time, "daily/manual-x");
        return client;
    }

    private static async Task AssertIdsAsync(WorkflowClient client, RunFilter filter, string ids) =>
        Assert.Equal(ids, string.Join(" ", (await client.ListAsync(filter)).Select(run => run.Id)));
}
