using System.Data.Common;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Elt.Durable.Tests.Suite;
using Elt.Testing;

namespace Elt.Durable.Tests.Golden;

/// <summary>Runs only when told the version to write: <c>ELT_WRITE_GOLDEN=2 dotnet test --filter FullyQualifiedName~GoldenJournal</c>.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class WriteGoldenFactAttribute : FactAttribute
{
    public const string Variable = "ELT_WRITE_GOLDEN";

    public WriteGoldenFactAttribute()
    {
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable(Variable)))
            Skip = $"Writes a golden journal: set {Variable} to its version.";
    }
}

/// <summary>Brings runs into many states, kills the process and writes the journal down. By a clock of the past, so that whoever reads it finds everything due.</summary>
public abstract partial class GoldenJournalWriter<TStore, TTransaction> : GoldenSuite<TStore, TTransaction>
    where TStore : IStore, new()
    where TTransaction : DbTransaction
{
    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(10);

    private readonly ManualTimeProvider _clock = new(new DateTimeOffset(2020, 1, 1, 6, 0, 0, TimeSpan.Zero));
    private readonly GoldenWorld _world = new("then");

    [WriteGoldenFact]
    public async Task A_killed_process_leaves_the_golden_journal()
    {
        _world.Blocking.UnionWith([
            "dead/first", "begun/first", "in-flight/last", "queued-1/first", "family/open/two", "mapping/b/two", "mapping/c/one", "paid/receipt"]);
        _world.Failing.UnionWith(["in-flight/flaw", "finished/flaw", "failed/one", "retrying/again", "family/flawed/one"]);
        await LeaveDeadAsync();
        var (engine, paying) = await StartAsync(maxRecoveryAttempts: 0, killAt: "paying");
        await Store.ExecuteAsync("create table golden_effects (run text not null)");
        await LeaveInManyStatesAsync(engine.Client);
        await engine.Client.StartAsync(new GoldenPayment(), "paying");
        await AdvanceUntilAsync(async () => paying.IsCompleted && await Store.CountAsync("select count(*) from step_ledger") == 2);
        await engine.KillAsync();

        var version = Environment.GetEnvironmentVariable(WriteGoldenFactAttribute.Variable);
        await File.WriteAllTextAsync(Path.Combine(Folder(), $"v{version}.{StoreName}.sql"), Anonymous(await DumpAsync()));
    }

    /// <summary>A run whose worker is gone; the next worker allows no recovery.</summary>
    private async Task LeaveDeadAsync()
    {
        var (engine, _) = await StartAsync(maxRecoveryAttempts: 100);
        await engine.Client.StartAsync(new GoldenSteps(), "dead");
        await _world.Reached("dead/first");
        await engine.KillAsync();
        _clock.Advance(Lease * 2);
    }

    private async Task LeaveInManyStatesAsync(WorkflowClient client)
    {
        await client.StartAsync(new GoldenSteps(), "finished");
        await client.StartAsync(new GoldenChild("failed"), "failed");
        await client.StartAsync(new GoldenSteps(), "begun");
        await client.StartAsync(new GoldenSteps(), "in-flight");
        await client.StartAsync(new GoldenSteps(), "queued-1", new StartOptions { Queue = "golden-queue" });
        await AdvanceUntilAsync(() => Task.FromResult(_world.Reached("queued-1/first").IsCompleted));
        await client.StartAsync(new GoldenSteps(), "queued-2", new StartOptions { Queue = "golden-queue", Priority = 5 });
        await client.StartAsync(new GoldenSteps(), "queued-3", new StartOptions { Queue = "golden-queue", Priority = 1 });
        await client.StartAsync(new GoldenSteps(), "delayed", new StartOptions { Delay = TimeSpan.FromHours(1) });
        await client.StartAsync(new GoldenSleep(), "asleep");
        await client.StartAsync(new GoldenRetry(), "retrying");
        await client.StartAsync(new GoldenFamily(), "family");
        await client.StartAsync(new GoldenMap(), "mapping");
        await client.StartAsync(new GoldenPayment(), "paid");
        await AdvanceUntilAsync(async () =>
            _world.Blocking.All(step => _world.Reached(step).IsCompleted)
            && await Store.CountAsync("select count(*) from steps where run_id = 'mapping'") == 3
            && await Store.CountAsync("select count(*) from steps where run_id = 'family'") == 4
            && await Store.CountAsync("select count(*) from runs where id in ('asleep', 'retrying', 'family') and status = 'WAITING'") == 3
            && await Store.CountAsync("select count(*) from runs where id in ('finished', 'failed', 'dead') and completed_at is not null") == 3);
    }

    private async Task<(EngineHost Engine, Task Killed)> StartAsync(int maxRecoveryAttempts, string? killAt = null)
    {
        CrashingJournal? journal = null;
        var engine = await StartEngineAsync(
            durable =>
            {
                UseWorld(durable, _world, run =>
                {
                    if (run == killAt)
                        journal!.Crash();
                });
                durable.AddSchedule("golden-schedule", "0 0 1 1 *", "UTC", _ => new GoldenSteps());
                durable.ConfigureWorker(worker =>
                {
                    worker.Lease = Lease;
                    worker.ParkAfter = TimeSpan.FromMilliseconds(100);
                    worker.MaxRecoveryAttempts = maxRecoveryAttempts;
                });
            },
            wrap: inner => (journal = CrashingJournal.Around(inner)).Journal,
            _clock);
        return (engine, journal!.Crashed);
    }

    private async Task AdvanceUntilAsync(Func<Task<bool>> reached)
    {
        for (var left = Patience / TimeSpan.FromMilliseconds(5); !await reached(); left--)
        {
            Assert.True(left > 0, "The journal does not get where it should.");
            _clock.Advance(TimeSpan.FromMilliseconds(25));
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, CancellationToken.None);
        }
    }

    /// <summary>Without the folders of this machine and without random ids.</summary>
    private static string Anonymous(string dump)
    {
        var workers = WorkerId().Matches(dump).Select(m => m.Value).Distinct().ToList();
        return WorkerId().Replace(SourceFile().Replace(dump, ""), id => $"worker-{workers.IndexOf(id.Value) + 1}").ReplaceLineEndings("\n");
    }

    private static string Folder([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;

    [GeneratedRegex(@"(?<=')[0-9a-f]{32}(?=')")]
    private static partial Regex WorkerId();

    [GeneratedRegex(@" in [^ ,""]*?\.cs:line \d+")]
    private static partial Regex SourceFile();
}
