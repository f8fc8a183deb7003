using Elt.Durable.Execution;
using Elt.Durable.Journal;
using Elt.Durable.Tests.Suite;
using Microsoft.Extensions.Logging.Abstractions;

namespace Elt.Durable.Tests;

public sealed class ParkOnPostgres : ParkTests<PostgresStore>;

public sealed class ParkOnSqlite : ParkTests<SqliteStore>;

[Trait("promise", "E9")]
public abstract class ParkTests<TStore> : EngineSuite<TStore>
    where TStore : IStore, new()
{
    [Fact]
    public async Task A_run_that_has_just_got_its_childs_outcome_is_not_parked()
    {
        var engine = await StartEngineAsync();
        await engine.Journal.RegisterWorkerAsync("me", TimeSpan.FromMinutes(1), default);
        await using var writer = new JournalWriter(engine.Journal, TimeProvider.System, NullLogger<JournalWriter>.Instance) { WorkerId = "me" };
        for (var i = 0; i < 20; i++)
        {
            var id = $"parent-{i}";
            var run = new NewRun { Id = id, Workflow = new("nobody-has-it", 1), Input = "{}", ClaimNow = true };
            Assert.True((await writer.CommitAsync(new StartWrite(run))).Claimed);
            var parent = ExecutionOf(id, engine.Journal, writer);
            var child = await parent.StartChildAsync(parent.Root, new Sequence(1), "child", queue: null);
            var result = child.ResultAsync();

            // The workflow is about to go on, on another thread, and the next tick comes before it does.
            parent.Deliver(Outcome());
            await parent.ParkWhenIdleAsync(TimeSpan.Zero);
            Assert.False(parent.Retired.IsCompleted);
            Assert.Equal(1, await WithinPatienceAsync(result));
        }
        Assert.Equal(0, await Store.CountAsync("select count(*) from runs where status = 'WAITING'"));
    }

    private static RunExecution ExecutionOf(string id, IJournal journal, JournalWriter writer)
    {
        var claimed = new ClaimedRun
        {
            Id = id,
            Workflow = "nobody-has-it",
            Version = 1,
            Input = "{}",
            Epoch = 1,
            Recoveries = 0,
            WakeCount = 0,
            ParentId = null,
            CreatedAt = DateTimeOffset.UnixEpoch,
        };
        var services = new ExecutionServices(
            journal, writer, new RunStarter(writer, journal), new Payloads(1000), new JournalClock(TimeProvider.System), new Random(1), new WorkerOptions(), NullLogger.Instance);
        return new RunExecution(claimed, RunHistory.Empty with { OpenChildren = [$"{id}/child"] }, services, _ => { });
    }

    private static StepInfo Outcome() => new()
    {
        Key = "child",
        Kind = StepKind.Child,
        Status = RunStatus.Success,
        Result = "1",
        Attempts = 1,
        StartedAt = DateTimeOffset.UnixEpoch,
        CompletedAt = DateTimeOffset.UnixEpoch,
    };
}
