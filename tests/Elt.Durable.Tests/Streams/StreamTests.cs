using Elt.Durable.Tests.Suite;

namespace Elt.Durable.Tests.Streams;

public sealed class StreamsOnPostgres : StreamTests<PostgresStore>
{
    [Fact]
    public async Task A_reader_in_another_process_follows_until_the_run_has_ended()
    {
        var writer = await StartEngineAsync();
        await writer.Client.StartAsync(Writer(), "writer");
        await using var reader = await DurableEngine.OpenAsync(durable =>
        {
            Store.Use(durable);
            durable.WithoutWorker();
        });
        await FollowAsync(reader.Client, reader.Client);
    }
}

public sealed class StreamsOnSqlite : StreamTests<SqliteStore>;

[Trait("promise", "E13")]
public abstract class StreamTests<TStore> : EngineSuite<TStore>
    where TStore : IStore, new()
{
    [Fact]
    public async Task Writers_in_parallel_branches_get_positions_without_gap_also_across_a_crash()
    {
        var (doomed, journal) = await StartCrashingEngineAsync();
        journal.CrashAtStep("w07/log#2", afterCommit: true);
        Script("writers", async context =>
        {
            await context.MapAsync(Enumerable.Range(0, 20), i => $"w{i:00}", async (i, scope) =>
            {
                for (var j = 0; j < 5; j++)
                    await scope.WriteStreamAsync("log", (10 * i) + j);
                await scope.WriteStreamAsync("second", i);
                return i;
            }, maxParallel: 20);
            return "written";
        });
        var start = doomed.Client.StartAsync(new Scripted("writers"), "writers");
        await WithinPatienceAsync(journal.Crashed);
        await start;
        await doomed.KillAsync();
        await Store.ExpireLeasesAsync();
        var heir = await StartEngineAsync();
        Assert.Equal(RunStatus.Success, (await WithinPatienceAsync(heir.Client.WaitAsync("writers")))!.Status);
        Assert.Equal(100 + 99, await Store.CountAsync("select count(distinct position) + max(position) from stream_entries where name = 'log'"));
        var log = await ReadAsync(heir.Client, "log", 0);
        Assert.Equal(Enumerable.Range(0, 20).SelectMany(i => Enumerable.Range(10 * i, 5)), log.Order());
        Assert.All(log.GroupBy(value => value / 10), branch => Assert.Equal(branch.Order(), branch));
        Assert.Equal(log.Skip(40), await ReadAsync(heir.Client, "log", 40));
        Assert.Equal(20, (await ReadAsync(heir.Client, "second", 0)).Count);
        Assert.Empty(await ReadAsync(heir.Client, "none", 0));
    }

    [Fact]
    public async Task A_reader_follows_live_and_ends_when_the_run_has_ended()
    {
        var engine = await StartEngineAsync();
        await engine.Client.StartAsync(Writer(), "writer");
        await FollowAsync(engine.Client, engine.Client);
    }

    [Fact]
    public async Task A_reader_that_waits_for_a_run_that_fails_ends_too_and_more_than_a_page_is_read_whole()
    {
        var engine = await StartEngineAsync();
        await engine.Client.StartAsync(Script("fails", async context =>
        {
            await context.MapAsync(Enumerable.Range(0, 250), i => $"{i}", async (i, scope) =>
            {
                await scope.WriteStreamAsync("log", i);
                return i;
            }, maxParallel: 250);
            await context.ReceiveAsync<string>();
            throw new InvalidOperationException("as planned");
        }), "writers");
        var reading = ReadAsync(engine.Client, "log", 0);
        await engine.Client.SendAsync("writers", "fail");
        Assert.Equal(Enumerable.Range(0, 250), (await WithinPatienceAsync(reading)).Order());
        await Assert.ThrowsAsync<UnknownRunException>(async () =>
        {
            await foreach (var _ in engine.Client.ReadStreamAsync<int>("nobody", "log"))
                Assert.Fail("There is nothing to read.");
        });
    }

    protected Scripted Writer() => Script("writer", async context =>
    {
        for (var i = 0; i < 3; i++)
            await context.WriteStreamAsync("log", await context.ReceiveAsync<string>());
        await context.ReceiveAsync<string>();
        return "end";
    });

    protected static async Task FollowAsync(WorkflowClient reader, WorkflowClient sender)
    {
        await using var entries = reader.ReadStreamAsync<string>("writer", "log").GetAsyncEnumerator();
        foreach (var text in new[] { "a", "b", "c" })
        {
            var next = entries.MoveNextAsync().AsTask();
            Assert.False(next.IsCompleted);
            await sender.SendAsync("writer", text);
            Assert.True(await WithinPatienceAsync(next));
            Assert.Equal(text, entries.Current);
        }
        var last = entries.MoveNextAsync().AsTask();
        await sender.SendAsync("writer", "end");
        Assert.False(await WithinPatienceAsync(last));
    }

    private static async Task<List<int>> ReadAsync(WorkflowClient client, string stream, long from)
    {
        var values = new List<int>();
        await foreach (var value in client.ReadStreamAsync<int>("writers", stream, from))
            values.Add(value);
        return values;
    }
}
