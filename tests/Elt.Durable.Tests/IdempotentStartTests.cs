using System.Text.Json;
using Elt.Durable.Tests.Suite;

namespace Elt.Durable.Tests;

public sealed class IdempotentStartOnPostgres : IdempotentStartTests<PostgresStore>;

public sealed class IdempotentStartOnSqlite : IdempotentStartTests<SqliteStore>;

[Trait("promise", "E1")]
[Trait("promise", "E2")]
public abstract class IdempotentStartTests<TStore> : EngineSuite<TStore>
    where TStore : IStore, new()
{
    [Fact]
    public async Task The_same_id_twice_runs_once_and_gives_the_same_result()
    {
        var engine = await StartEngineAsync();
        var first = await engine.Client.StartAsync(new Sequence(3), "once");
        Assert.Equal(3, await WithinPatienceAsync(first.ResultAsync()));
        var second = await engine.Client.StartAsync(new Sequence(3), "once");
        Assert.Equal(3, await WithinPatienceAsync(second.ResultAsync()));
        Assert.Equal((true, false), (first.IsNew, second.IsNew));
        Assert.Equal(1, Probe["s:body"]);
        Assert.Equal(3, await Store.CountAsync("select count(*) from steps"));
    }

    [Fact]
    public async Task Many_starts_of_many_ids_from_two_processes_make_one_run_each()
    {
        await using var one = await StartEngineAsync();
        // SQLite has one process only; there the same one starts twice as often.
        var other = Store is PostgresStore ? await StartEngineAsync() : one;
        var starts = Enumerable.Range(0, 2000).Select(i => (i % 2 == 0 ? one : other).Client.StartAsync(new Sequence(1), $"id-{i % 100}"));
        var handles = await WithinPatienceAsync(Task.WhenAll(starts));
        Assert.Equal(100, handles.Count(handle => handle.IsNew));
        foreach (var handle in handles)
            Assert.Equal(1, await WithinPatienceAsync(handle.ResultAsync()));
        Assert.Equal(100, await Store.CountAsync("select count(*) from runs"));
        Assert.Equal(100, Probe["s:body"]);
    }

    [Fact]
    public async Task Another_workflow_or_input_under_the_id_is_refused_and_says_what_differs()
    {
        var engine = await StartEngineAsync();
        await engine.Client.StartAsync(new Sequence(1), "taken");
        var otherInput = await Assert.ThrowsAsync<WorkflowConflictException>(() => engine.Client.StartAsync(new Sequence(2), "taken"));
        Assert.Contains("'steps'", otherInput.Message);
        var otherWorkflow = await Assert.ThrowsAsync<WorkflowConflictException>(() => engine.Client.StartAsync(new Flaky(0, 1), "taken"));
        Assert.Contains("'sequence'", otherWorkflow.Message);
        Assert.Contains("'flaky'", otherWorkflow.Message);
    }

    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    public async Task A_blank_id_is_refused(string id)
    {
        var engine = await StartEngineAsync();
        await Assert.ThrowsAsync<ArgumentException>(() => engine.Client.StartAsync(new Sequence(1), id));
    }

    [Fact]
    public async Task The_input_is_durable_before_the_body_starts()
    {
        var engine = await StartEngineAsync();
        var seen = "";
        var input = Script("looks", async context =>
        {
            seen = (await engine.Client.FindAsync(context.WorkflowId))!.Input;
            return seen;
        });
        await WithinPatienceAsync((await engine.Client.StartAsync(input, "durable")).ResultAsync());
        Assert.Equal("""{"script":"looks"}""", seen);
    }

    [Fact]
    public async Task A_start_by_name_checks_the_input_member_by_member()
    {
        var engine = await StartEngineAsync();
        var unknown = await Assert.ThrowsAsync<UnknownWorkflowException>(() => engine.Client.StartAsync("sequenz", Json("{}")));
        Assert.Contains("sequence", unknown.Message);
        var missing = await Assert.ThrowsAsync<PayloadException>(() => engine.Client.StartAsync("sequence", Json("{}")));
        Assert.Contains("steps", missing.Message);
        var extra = await Assert.ThrowsAsync<PayloadException>(() => engine.Client.StartAsync("sequence", Json("""{"steps":1,"stepz":2}""")));
        Assert.Contains("stepz", extra.Message);
        Assert.Equal(0, await Store.CountAsync("select count(*) from runs"));
    }

    private static JsonElement Json(string text) => JsonDocument.Parse(text).RootElement;
}
