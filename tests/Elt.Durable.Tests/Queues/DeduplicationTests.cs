using Elt.Durable.Tests.Suite;

namespace Elt.Durable.Tests.Queues;

public sealed class DeduplicationOnPostgres : DeduplicationTests<PostgresStore>;

public sealed class DeduplicationOnSqlite : DeduplicationTests<SqliteStore>;

[Trait("promise", "E11")]
public abstract class DeduplicationTests<TStore> : EngineSuite<TStore>
    where TStore : IStore, new()
{
    private static readonly StartOptions Refusing = new() { Queue = "wide", DeduplicationId = "nightly" };
    private static readonly StartOptions Attaching = Refusing with { OnDuplicate = DuplicatePolicy.Attach };

    [Fact]
    public async Task A_second_run_of_a_deduplication_id_is_refused_and_the_first_named()
    {
        var engine = await StartEngineAsync();
        var gate = Block("first");
        await engine.Client.StartAsync(new Sequence(1), "first", Refusing);
        var error = await Assert.ThrowsAsync<DuplicateRunException>(() => engine.Client.StartAsync(new Sequence(1), "second", Refusing));
        Assert.Equal("first", error.WorkflowId);
        Assert.Contains("'first'", error.Message);
        Assert.Null(await engine.Client.FindAsync("second"));
        await engine.Client.StartAsync(new Sequence(1), "elsewhere", Refusing with { Queue = "narrow" });
        gate.SetResult();
    }

    [Fact]
    public async Task It_is_attached_to_the_first_when_the_options_say_so()
    {
        var engine = await StartEngineAsync();
        var gate = Block("first");
        await engine.Client.StartAsync(new Sequence(1), "first", Refusing);
        var second = await engine.Client.StartAsync(new Sequence(2), "second", Attaching);
        Assert.Equal("first", second.WorkflowId);
        var other = await Assert.ThrowsAsync<DuplicateRunException>(() => engine.Client.StartAsync(new Flaky(0, 1), "third", Attaching));
        Assert.Contains("of 'sequence'", other.Message);
        gate.SetResult();
        Assert.Equal(1, await WithinPatienceAsync(second.ResultAsync()));
    }

    [Fact]
    public async Task The_id_is_free_again_when_the_first_has_ended_or_was_cancelled()
    {
        var engine = await StartEngineAsync();
        await WithinPatienceAsync((await engine.Client.StartAsync(new Sequence(1), "first", Refusing)).ResultAsync());
        await engine.Client.StartAsync(new Sequence(1), "second", Refusing with { Delay = TimeSpan.FromDays(1) });
        await Store.ExecuteAsync($"update runs set status = 'CANCELLED', due_at = null, completed_at = {(Store is PostgresStore ? "now()" : "1")} where id = 'second'");
        Assert.Equal(1, await WithinPatienceAsync((await engine.Client.StartAsync(new Sequence(1), "third", Refusing)).ResultAsync()));
    }

    [Fact]
    public async Task The_same_workflow_id_attaches_as_ever()
    {
        var engine = await StartEngineAsync();
        await WithinPatienceAsync((await engine.Client.StartAsync(new Sequence(1), "first", Refusing)).ResultAsync());
        var gate = Block("second");
        await engine.Client.StartAsync(new Sequence(1), "second", Refusing);
        var again = await engine.Client.StartAsync(new Sequence(1), "first", Refusing);
        Assert.Equal(("first", 1), (again.WorkflowId, await WithinPatienceAsync(again.ResultAsync())));
        gate.SetResult();
    }

    [Fact]
    public async Task Of_many_starts_at_once_one_runs_and_the_end_of_it_is_no_error()
    {
        var one = await StartEngineAsync();
        var other = Store is PostgresStore ? await StartEngineAsync() : one;
        var most = 0;
        var running = 0;
        var input = Script("alone", context => context.StepAsync("work", _ =>
        {
            lock (Probe)
                most = Math.Max(most, Interlocked.Increment(ref running));
            Interlocked.Decrement(ref running);
            return Task.FromResult("");
        }));
        for (var round = 0; round < 20; round++)
        {
            var starts = Enumerable.Range(0, 20).Select(i => (i % 2 == 0 ? one : other).Client.StartAsync(input, $"{round}-{i}", Attaching));
            foreach (var handle in await WithinPatienceAsync(Task.WhenAll(starts)))
                await WithinPatienceAsync(handle.ResultAsync());
        }
        Assert.Equal(1, most);
        Assert.InRange(await Store.CountAsync("select count(*) from runs"), 20, 400);
    }

    private TaskCompletionSource Block(string runId)
    {
        var gate = Probe.Signal($"gate-{runId}");
        Probe.OnStep[$"s:{runId}:0"] = gate.Task.WaitAsync;
        return gate;
    }
}
