using Elt.Durable.Tests.Suite;
using Elt.Testing;

namespace Elt.Durable.Tests;

public sealed class StepsOnPostgres : StepTests<PostgresStore>;

public sealed class StepsOnSqlite : StepTests<SqliteStore>;

public abstract class StepTests<TStore> : EngineSuite<TStore>
    where TStore : IStore, new()
{
    [Fact]
    [Trait("promise", "E3")]
    public async Task A_failing_step_is_retried_and_its_attempts_are_counted()
    {
        var engine = await StartEngineAsync();
        var handle = await engine.Client.StartAsync(new Flaky(Failures: 2, MaxAttempts: 5), "flaky");
        Assert.Equal("attempt 3", await WithinPatienceAsync(handle.ResultAsync()));
        var step = Assert.Single(await engine.Client.ListStepsAsync("flaky"));
        Assert.Equal(3, step.Attempts);
        Assert.Equal(2, await Store.CountAsync("select count(*) from step_attempts"));
    }

    [Fact]
    [Trait("promise", "E3")]
    public async Task After_the_last_attempt_the_error_is_recorded_with_type_message_and_stack()
    {
        var engine = await StartEngineAsync();
        var handle = await engine.Client.StartAsync(new Flaky(Failures: 9, MaxAttempts: 2), "hopeless");
        var error = await Assert.ThrowsAsync<WorkflowFailedException>(() => WithinPatienceAsync(handle.ResultAsync()));
        Assert.Equal(RunStatus.Error, error.Status);
        Assert.Equal(typeof(InvalidOperationException).FullName, error.Error!.Type);
        Assert.Contains("attempt 2 failed", error.Message);
        Assert.Contains(nameof(FlakyWorkflow), error.Error.Stack);
    }

    [Fact]
    [Trait("promise", "E3")]
    public async Task Attempts_made_before_a_crash_count_after_it()
    {
        var (doomed, _) = await StartCrashingEngineAsync();
        var waits = new Flaky(Failures: 9, MaxAttempts: 3, FirstDelayMs: 300);
        await doomed.Client.StartAsync(waits, "flaky");
        await Eventually.TrueAsync(async () => await Store.CountAsync("select count(*) from step_attempts") >= 2);
        await doomed.KillAsync();
        await Store.ExpireLeasesAsync();

        var engine = await StartEngineAsync();
        var ended = await WithinPatienceAsync(engine.Client.WaitAsync("flaky"));
        Assert.Equal(RunStatus.Error, ended!.Status);
        Assert.Equal(3, Probe["flaky:flaky"]);
    }

    [Fact]
    [Trait("promise", "E8")]
    public async Task A_loop_may_reuse_a_name_and_branches_at_the_same_time_may_not()
    {
        var engine = await StartEngineAsync();
        var loop = await engine.Client.StartAsync(new Sequence(3), "loop");
        await WithinPatienceAsync(loop.ResultAsync());
        Assert.Equal(["add", "add#2", "add#3"], (await engine.Client.ListStepsAsync("loop")).Select(s => s.Key));

        var both = await engine.Client.StartAsync(Script("both", async context =>
        {
            await Task.WhenAll(context.StepAsync("same", _ => Task.FromResult(1)), context.StepAsync("same", _ => Task.FromResult(2)));
            return "";
        }));
        var error = await Assert.ThrowsAsync<WorkflowFailedException>(() => WithinPatienceAsync(both.ResultAsync()));
        Assert.Equal(typeof(DuplicateStepNameException).FullName, error.Error!.Type);
    }

    [Fact]
    [Trait("promise", "E8")]
    public async Task Code_that_no_longer_asks_for_a_recorded_step_ends_as_a_mismatch_that_names_it()
    {
        var reached = Probe.Signal("reached");
        var input = Script("changing", async context =>
        {
            await context.StepAsync("charge-card", _ => Task.FromResult(1));
            await context.StepAsync("hold", async ct =>
            {
                reached.SetResult();
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, ct);
            });
            return "old";
        });
        var (doomed, _) = await StartCrashingEngineAsync();
        await doomed.Client.StartAsync(input, "changing");
        await WithinPatienceAsync(reached.Task);
        await doomed.KillAsync();
        await Store.ExpireLeasesAsync();

        Script("changing", async context => await context.StepAsync("send-invoice", _ => Task.FromResult("new")));
        var engine = await StartEngineAsync();
        var ended = await WithinPatienceAsync(engine.Client.WaitAsync("changing"));
        Assert.Equal(RunStatus.Error, ended!.Status);
        Assert.Equal(typeof(JournalMismatchException).FullName, ended.Error!.Type);
        Assert.Contains("'charge-card'", ended.Error.Message);
    }

    [Fact]
    [Trait("promise", "E8")]
    public async Task Parallel_branches_record_the_same_steps_whatever_their_timing()
    {
        var random = new Random(4711);
        var engine = await StartEngineAsync();
        for (var round = 0; round < 5; round++)
        {
            var input = Script($"parallel-{round}", async context => string.Join(',', await context.MapAsync(
                Enumerable.Range(0, 20),
                i => $"item-{i}",
                async (i, scope) =>
                {
                    int delay;
                    lock (random)
                        delay = random.Next(5);
                    var first = await scope.StepAsync("first", async ct =>
                    {
                        await Task.Delay(TimeSpan.FromMilliseconds(delay), TimeProvider.System, ct);
                        return i;
                    });
                    return await scope.StepAsync("second", _ => Task.FromResult(first * 2));
                },
                maxParallel: 8)));
            var handle = await engine.Client.StartAsync(input, $"parallel-{round}");
            Assert.Equal(string.Join(',', Enumerable.Range(0, 20).Select(i => i * 2)), await WithinPatienceAsync(handle.ResultAsync()));
            var keys = (await engine.Client.ListStepsAsync($"parallel-{round}")).Select(s => s.Key).Order(StringComparer.Ordinal);
            Assert.Equal(
                Enumerable.Range(0, 20).SelectMany(i => new[] { $"item-{i}/first", $"item-{i}/second" }).Order(StringComparer.Ordinal), keys);
        }
    }

    [Fact]
    public async Task Time_and_ids_are_the_same_on_replay()
    {
        var gate = Probe.Signal("gate");
        var seen = new List<string>();
        var input = Script("times", async context =>
        {
            var start = context.Now;
            await context.StepAsync("one", _ => Task.FromResult(1));
            var text = $"{start:O} {context.Now:O} {context.NewGuid()} {context.NewGuid()}";
            lock (seen)
                seen.Add(text);
            await context.StepAsync("two", ct => gate.Task.WaitAsync(ct));
            return text;
        });
        var (doomed, _) = await StartCrashingEngineAsync();
        await doomed.Client.StartAsync(input, "times");
        await Eventually.TrueAsync(() => seen.Count > 0);
        await doomed.KillAsync();
        await Store.ExpireLeasesAsync();
        var engine = await StartEngineAsync();
        gate.SetResult();
        var ended = await WithinPatienceAsync(engine.Client.WaitAsync("times"));
        Assert.Equal(RunStatus.Success, ended!.Status);
        Assert.Equal(2, seen.Count);
        Assert.Equal(seen[0], seen[1]);
    }

    [Fact]
    [Trait("promise", "E18")]
    public async Task A_result_that_is_too_large_or_no_json_ends_its_own_run_only()
    {
        var engine = await StartEngineAsync();
        var large = await engine.Client.StartAsync(Script("large", context => context.StepAsync("load", _ => Task.FromResult(new string('x', 2_000_000)))));
        var type = await engine.Client.StartAsync(Script("type", async context =>
        {
            await context.StepAsync("load", _ => Task.FromResult(typeof(string)));
            return "";
        }));
        var tooLarge = await Assert.ThrowsAsync<WorkflowFailedException>(() => WithinPatienceAsync(large.ResultAsync()));
        Assert.Contains("'load'", tooLarge.Message);
        Assert.Contains("2,000,002 bytes", tooLarge.Message);
        var noJson = await Assert.ThrowsAsync<WorkflowFailedException>(() => WithinPatienceAsync(type.ResultAsync()));
        Assert.Contains("'load'", noJson.Message);
        Assert.Equal(2, await WithinPatienceAsync((await engine.Client.StartAsync(new Sequence(2))).ResultAsync()));
    }
}
