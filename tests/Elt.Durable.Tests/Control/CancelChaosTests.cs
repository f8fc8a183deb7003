using System.Collections.Concurrent;
using Elt.Durable.Tests.Suite;
using Xunit.Abstractions;

namespace Elt.Durable.Tests.Control;

public sealed class CancelChaosOnPostgres(ITestOutputHelper output) : CancelChaosTests<PostgresStore>(output, hosts: 4);

public sealed class CancelChaosOnSqlite(ITestOutputHelper output) : CancelChaosTests<SqliteStore>(output, hosts: 1);

/// <summary>Runs that are cancelled and resumed at random, by any process, while any process executes them.</summary>
[Trait("promise", "E14")]
public abstract class CancelChaosTests<TStore>(ITestOutputHelper output, int hosts) : ControlSuite<TStore>
    where TStore : IStore, new()
{
    private const int Runs = 30;
    private const int Steps = 6;

    private readonly ConcurrentDictionary<string, int> _executions = [];

    [Fact]
    public async Task Runs_that_are_cancelled_and_resumed_at_random_do_each_step_until_it_is_recorded_and_never_after()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("ELT_SEED"), out var given) ? given : Environment.TickCount;
        output.WriteLine($"ELT_SEED={seed}");
        var input = Script("chaos", RunAsync);
        Script("chaos-child", context => StepsAsync(context, 3));
        var engines = new List<EngineHost>();
        for (var i = 0; i < hosts; i++)
            engines.Add(await StartEngineAsync(durable => durable.ConfigureWorker(w => (w.UseNotifications, w.ParkAfter) = (engines.Count % 2 == 0, TimeSpan.FromMilliseconds(20)))));
        for (var i = 0; i < Runs; i++)
            await engines[i % hosts].Client.StartAsync(input, $"run-{i}", i % 2 == 0 ? null : new StartOptions { Queue = "wide" });

        await Task.WhenAll(Enumerable.Range(0, Runs).Select(i => Task.Run(() => DisturbAsync(engines, $"run-{i}", new Random(seed + i)))));
        for (var i = 0; i < Runs; i++)
        {
            var run = (await WithinPatienceAsync(engines[i % hosts].Client.WaitAsync($"run-{i}")))!;
            Assert.Equal((RunStatus.Success, $"\"{Steps} 3\"", null), (run.Status, run.Output, run.Error?.Message));
        }
        foreach (var run in await AllRunsAsync(engines[0]))
            await VerifyAsync(engines[0], run.Id);
        Assert.Equal(2 * Runs, await Store.CountAsync("select count(*) from runs where status = 'SUCCESS'"));
    }

    private async Task<string> RunAsync(WorkflowContext context)
    {
        var child = await context.StartChildAsync(new Scripted("chaos-child"), "child");
        var own = await StepsAsync(context, Steps);
        return $"{own} {await child.ResultAsync()}";
    }

    private async Task<string> StepsAsync(WorkflowContext context, int steps)
    {
        var done = 0;
        for (var i = 0; i < steps; i++)
        {
            await context.StepAsync($"step-{i}", async ct =>
            {
                // An execution that has been told to stop, and whose thread was not quick enough to hear of it, is none.
                ct.ThrowIfCancellationRequested();
                var execution = _executions.AddOrUpdate($"{context.WorkflowId} step-{i}", 1, (_, n) => n + 1);
                await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, ct);
                return execution;
            });
            done++;
        }
        return $"{done}";
    }

    private async Task DisturbAsync(List<EngineHost> engines, string id, Random random)
    {
        for (var i = random.Next(1, 10); i > 0; i--)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(60)), TimeProvider.System);
            // The child alone would be a failure that its parent sees; with its parent it is not.
            var cancelled = await engines[random.Next(hosts)].Client.CancelAsync(id);
            var steps = await engines[random.Next(hosts)].Client.ListStepsAsync(id);
            Assert.Equal(Enumerable.Range(0, steps.Count(s => s.Kind == StepKind.Step)).Select(s => $"step-{s}"), steps.Where(s => s.Kind == StepKind.Step).Select(s => s.Key));
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(30)), TimeProvider.System);
            if (cancelled)
                Assert.Equal(steps.Where(s => s.Kind == StepKind.Step), (await engines[random.Next(hosts)].Client.ListStepsAsync(id)).Where(s => s.Kind == StepKind.Step));
            var resumed = await Task.WhenAll(engines.Select(e => e.Client.ResumeAsync(id)));
            Assert.Equal(cancelled ? 1 : 0, resumed.Count(r => r));
        }
    }

    /// <summary>A recorded step says which of its executions it was: none began after it.</summary>
    private async Task VerifyAsync(EngineHost engine, string id)
    {
        var steps = await engine.Client.ListStepsAsync(id);
        Assert.All(steps.Where(s => s.Kind == StepKind.Step), s => Assert.Equal($"{_executions[$"{id} {s.Key}"]}", s.Result));
    }

    private static async Task<IReadOnlyList<RunInfo>> AllRunsAsync(EngineHost engine) => await engine.Client.ListAsync(new RunFilter { Limit = 1000 });
}
