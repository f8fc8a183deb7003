using Elt.Durable.Execution;
using Elt.Durable.Journal;
using Elt.Durable.Tests.Suite;
using Microsoft.Extensions.Logging.Abstractions;

namespace Elt.Durable.Tests;

public sealed class ParkOnPostgres : ParkTests<PostgresStore>;

public sealed class ParkOnSqlite : ParkTests<SqliteStore>;

/// <summary>A parent that is parked although it was woken sleeps for ever: what an execution knows must never be ahead of what it was told.</summary>
[Trait("promise", "E9")]
public abstract class ParkTests<TStore> : EngineSuite<TStore>
    where TStore : IStore, new()
{
    private IJournal _journal = null!;
    private JournalWriter _writer = null!;

    [Fact]
    public async Task A_run_that_has_just_got_its_childs_outcome_is_not_parked()
    {
        await OpenAsync();
        for (var i = 0; i < 20; i++)
        {
            var parent = await BeginAsync($"parent-{i}", children: 1);
            var child = await parent.StartChildAsync(parent.Root, new Sequence(1), "child-0", queue: null);
            var result = child.ResultAsync();
            await EndAsync(parent.Id, 0);

            // The workflow is about to go on, on another thread, and the next tick comes before it does.
            parent.DeliverWoken(OutcomeOf(parent.Id, 0));
            await parent.ParkWhenIdleAsync(TimeSpan.Zero);
            Assert.False(parent.Retired.IsCompleted);
            Assert.Equal(1, await WithinPatienceAsync(result));
        }
        Assert.Equal(0, await Store.CountAsync("select count(*) from runs where status = 'WAITING'"));
    }

    [Fact]
    public async Task Children_that_end_in_one_commit_wake_their_parent_once_each()
    {
        await OpenAsync();
        var parent = await BeginAsync("parent", children: 3);
        await EndAsync("parent", 0, 1);
        parent.DeliverWoken(OutcomeOf("parent", 0));
        Assert.True(await HasChangedAsync(parent));
        parent.DeliverWoken(OutcomeOf("parent", 1));
        Assert.False(await HasChangedAsync(parent));
        await EndAsync("parent", 2);
        Assert.True(await HasChangedAsync(parent));
    }

    [Fact]
    public async Task An_outcome_that_was_read_from_the_journal_is_not_counted_again_when_it_is_delivered()
    {
        await OpenAsync();
        var parent = await BeginAsync("parent", children: 2);
        await EndAsync("parent", 0);
        await parent.CatchUpAsync();
        parent.DeliverWoken(OutcomeOf("parent", 0));
        Assert.False(await HasChangedAsync(parent));
        await EndAsync("parent", 1);
        Assert.True(await HasChangedAsync(parent));
    }

    private async Task OpenAsync()
    {
        _journal = await OpenJournalAsync();
        _writer = new JournalWriter(_journal, TimeProvider.System, NullLogger<JournalWriter>.Instance) { WorkerId = "me" };
        await _journal.RegisterWorkerAsync("me", TimeSpan.FromMinutes(1), default);
    }

    private async Task<RunExecution> BeginAsync(string id, int children)
    {
        var start = new StartWrite(Run(id));
        await _journal.CommitAsync("me", [start], default);
        var childIds = Enumerable.Range(0, children).Select(i => $"{id}/child-{i}").ToList();
        await _journal.CommitAsync("me", [.. childIds.Select(child => new StartWrite(Run(child) with { Parent = new RunKey(id, 1) }))], default);
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
            CreatedAt = start.CreatedAt,
        };
        var services = new ExecutionServices(
            _journal, _writer, new RunStarter(_writer, _journal), new Payloads(1000), new JournalClock(TimeProvider.System), new Random(1), new WorkerOptions(), NullLogger.Instance);
        return new RunExecution(claimed, RunHistory.Empty with { OpenChildren = childIds }, services, _ => { });
    }

    private Task EndAsync(string parent, params int[] children) => _journal.CommitAsync(
        "me", [.. children.Select(child => new EndWrite(new RunKey($"{parent}/child-{child}", 1), parent, Outcome))], default);

    private async Task<bool> HasChangedAsync(RunExecution execution) => (await _journal.FindChangedAsync("me", [execution.Known], default)).Count > 0;

    private static NewRun Run(string id) => new() { Id = id, Workflow = new("nobody-has-it", 1), Input = "{}", ClaimNow = true };

    private static StepInfo OutcomeOf(string parent, int child) => Outcome.ToStepOf(parent, $"{parent}/child-{child}", DateTimeOffset.UnixEpoch);

    private static RunOutcome Outcome => new(RunStatus.Success, "1", null, DateTimeOffset.UnixEpoch);
}
