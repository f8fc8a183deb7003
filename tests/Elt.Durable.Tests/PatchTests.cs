using Elt.Durable.Tests.Suite;
using Elt.Testing;

namespace Elt.Durable.Tests;

public sealed class PatchesOnPostgres : PatchTests<PostgresStore>;

public sealed class PatchesOnSqlite : PatchTests<SqliteStore>;

[Trait("promise", "E17")]
public abstract class PatchTests<TStore> : EngineSuite<TStore>
    where TStore : IStore, new()
{
    private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);

    [Theory]
    [InlineData(0, 0, "new a b c")]
    [InlineData(1, 0, "a b c")]
    [InlineData(2, 0, "a b c")]
    [InlineData(0, 1, "a new b c")]
    [InlineData(1, 1, "a new b c")]
    [InlineData(2, 1, "a b c")]
    [InlineData(2, 3, "a b c new")]
    [InlineData(3, 3, "a b c new")]
    public async Task A_run_keeps_the_old_path_when_it_went_beyond_the_patch_before_it_existed(int recordedBefore, int patchAt, string path)
    {
        await RunOldCodeAsync(recordedBefore);
        Script("evolving", context => PathAsync(context, patchAt, stopAt: -1));
        var engine = await StartEngineAsync();
        await WithinPatienceAsync(engine.Client.WaitAsync("run"));
        await AssertPathAsync(engine, path);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public async Task The_decision_is_the_same_on_every_replay(int recordedBefore)
    {
        await RunOldCodeAsync(recordedBefore);
        // Dies after each of the operations in turn: the decision was made and recorded by then.
        for (var stop = 0; stop <= 3; stop++)
        {
            var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var at = stop;
            Script("evolving", context => PathAsync(context, patchAt: 1, stopAt: at, reached));
            var engine = await StartEngineAsync();
            await WithinPatienceAsync(reached.Task);
            await engine.StopAsync();
        }
        Script("evolving", context => PathAsync(context, patchAt: 1, stopAt: -1));
        var last = await StartEngineAsync();
        await WithinPatienceAsync(last.Client.WaitAsync("run"));
        await AssertPathAsync(last, recordedBefore <= 1 ? "a new b c" : "a b c");
    }

    [Fact]
    public async Task A_patch_whose_code_is_gone_is_no_mismatch()
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Script("evolving", context => PathAsync(context, patchAt: 1, stopAt: 2, reached));
        var before = await StartEngineAsync();
        await before.Client.StartAsync(new Scripted("evolving"), "run");
        await WithinPatienceAsync(reached.Task);
        await before.StopAsync();
        // The old path was removed with the question, once no run was left that took it.
        Script("evolving", async context =>
        {
            var path = new List<string>();
            foreach (var step in new[] { "a", "new", "b", "c" })
                path.Add(await context.StepAsync(step, _ => Task.FromResult(step)));
            return string.Join(" ", path);
        });
        var engine = await StartEngineAsync();
        await WithinPatienceAsync(engine.Client.WaitAsync("run"));
        await AssertPathAsync(engine, "a new b c");
    }

    [Fact]
    public async Task Items_of_a_map_decide_each_for_itself()
    {
        Script("evolving", async context => string.Join(" ", await context.MapAsync(new[] { "0", "1", "2" }, i => i, async (i, scope) =>
        {
            if (i != "0")
                await new TaskCompletionSource().Task;
            return await scope.StepAsync("old", _ => Task.FromResult("old"));
        })));
        var before = await StartEngineAsync();
        await before.Client.StartAsync(new Scripted("evolving"), "run");
        await Eventually.TrueAsync(async () => await Store.CountAsync("select count(*) from steps") >= 1);
        await before.StopAsync();
        Script("evolving", async context => string.Join(" ", await context.MapAsync(new[] { "0", "1", "2" }, i => i, async (i, scope) =>
            await scope.PatchedAsync("change")
                ? await scope.StepAsync("new", _ => Task.FromResult("new"))
                : await scope.StepAsync("old", _ => Task.FromResult("old")))));
        var engine = await StartEngineAsync();
        Assert.Equal("\"old new new\"", (await WithinPatienceAsync(engine.Client.WaitAsync("run")))!.Output);
    }

    [Fact]
    public async Task A_child_that_was_started_and_has_not_ended_counts_as_beyond()
    {
        var release = new TaskCompletionSource();
        Script("child", async _ =>
        {
            _reached.TrySetResult();
            await release.Task;
            return "old child";
        });
        Script("evolving", context => context.ChildAsync(new Scripted("child")));
        var before = await StartEngineAsync();
        await before.Client.StartAsync(new Scripted("evolving"), "run");
        await WithinPatienceAsync(_reached.Task);
        await before.StopAsync();
        Script("evolving", async context =>
        {
            var isPatched = await context.PatchedAsync("no-child");
            release.TrySetResult();
            return isPatched ? "new" : await context.ChildAsync(new Scripted("child"));
        });
        var engine = await StartEngineAsync();
        Assert.Equal("\"old child\"", (await WithinPatienceAsync(engine.Client.WaitAsync("run")))!.Output);
    }

    /// <summary>Begins a run with the code before the patch and stops when some of its steps are recorded.</summary>
    private async Task RunOldCodeAsync(int steps)
    {
        Script("evolving", context => PathAsync(context, patchAt: -1, stopAt: steps, _reached));
        var engine = await StartEngineAsync();
        await engine.Client.StartAsync(new Scripted("evolving"), "run");
        await WithinPatienceAsync(_reached.Task);
        await engine.StopAsync();
        Assert.Equal(steps, await Store.CountAsync("select count(*) from steps"));
    }

    /// <summary>Steps a, b and c; a patch before one of them or after the last adds another. Hangs once some steps are recorded.</summary>
    private static async Task<string> PathAsync(WorkflowContext context, int patchAt, int stopAt, TaskCompletionSource? stopped = null)
    {
        var path = new List<string>();
        for (var i = 0; i <= 3; i++)
        {
            if (i == patchAt && await context.PatchedAsync("change"))
                path.Add(await context.StepAsync("new", _ => Task.FromResult("new")));
            if (path.Count >= stopAt && stopAt >= 0)
            {
                stopped?.TrySetResult();
                await new TaskCompletionSource().Task;
            }
            if (i < 3)
                path.Add(await context.StepAsync($"{(char)('a' + i)}", _ => Task.FromResult($"{(char)('a' + i)}")));
        }
        return string.Join(" ", path);
    }

    private static async Task AssertPathAsync(EngineHost engine, string path)
    {
        var run = (await engine.Client.FindAsync("run"))!;
        Assert.Equal(($"\"{path}\"", RunStatus.Success), (run.Output ?? run.Error?.Message, run.Status));
        var steps = (await engine.Client.ListStepsAsync("run")).Where(s => s.Kind == StepKind.Step);
        Assert.Equal(path, string.Join(" ", steps.OrderBy(s => s.CompletedAt).Select(s => s.Key)));
    }
}
