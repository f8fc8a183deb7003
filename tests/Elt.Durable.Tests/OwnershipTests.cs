using Elt.Durable.Control;
using Elt.Durable.Journal;
using Elt.Durable.Tests.Suite;

namespace Elt.Durable.Tests;

public sealed class OwnershipOnPostgres : OwnershipTests<PostgresStore>;

public sealed class OwnershipOnSqlite : OwnershipTests<SqliteStore>;

/// <summary>
/// A worker that has written for a run is believed to own it, until it does not. Each way of losing a run is tried beside another run of the same worker, which
/// goes on being written.
/// </summary>
[Trait("promise", "E5")]
public abstract class OwnershipTests<TStore> : EngineSuite<TStore>
    where TStore : IStore, new()
{
    private const string Worker = "worker";

    [Fact]
    public async Task A_run_that_was_cancelled_gets_no_further_step_from_its_worker()
    {
        var journal = await OpenJournalAsync();
        var (lost, kept) = await OwnTwoAsync(journal);
        await journal.Control.CancelAsync([lost.Id], Cancellation.By("test"), cascade: false, default);
        await AssertOnlyKeptIsWrittenAsync(journal, lost, kept);
    }

    [Fact]
    public async Task A_run_that_was_given_back_unknown_gets_no_further_step_from_its_worker()
    {
        var journal = await OpenJournalAsync();
        var (lost, kept) = await OwnTwoAsync(journal);
        Assert.Equal(1, await journal.ReleaseUnknownAsync(Worker, [kept.Id], default));
        await AssertOnlyKeptIsWrittenAsync(journal, lost, kept);
    }

    [Fact]
    public async Task A_run_that_ended_gets_no_further_step_from_its_worker()
    {
        var journal = await OpenJournalAsync();
        var (lost, kept) = await OwnTwoAsync(journal);
        var end = new EndWrite(lost, null, new RunOutcome(RunStatus.Success, "1", null, DateTimeOffset.UnixEpoch));
        await journal.CommitAsync(Worker, [end], default);
        Assert.False(end.Fenced);
        await AssertOnlyKeptIsWrittenAsync(journal, lost, kept);
    }

    [Fact]
    public async Task A_run_that_was_parked_gets_no_further_step_under_its_old_epoch()
    {
        var journal = await OpenJournalAsync();
        var (lost, kept) = await OwnTwoAsync(journal);
        var park = new ParkWrite(lost, DateTimeOffset.UnixEpoch, 0);
        await journal.CommitAsync(Worker, [park], default);
        Assert.False(park.Fenced);
        var claimed = Assert.Single((await journal.ClaimAsync(new ClaimRequest(Worker, 5, [new("nobody-has-it", 1)], []), default)).Runs);
        Assert.Equal(2, claimed.Epoch);
        await AssertOnlyKeptIsWrittenAsync(journal, lost, kept);

        var next = Step(lost with { Epoch = 2 }, "under the new epoch");
        await journal.CommitAsync(Worker, [next], default);
        Assert.False(next.Fenced);
    }

    [Fact]
    public async Task A_worker_that_has_no_row_any_more_writes_no_further_step()
    {
        var journal = await OpenJournalAsync();
        var (first, second) = await OwnTwoAsync(journal);
        await journal.ReleaseWorkerAsync(Worker, default);
        StepWrite[] late = [Step(first, "late"), Step(second, "late")];
        await journal.CommitAsync(Worker, late, default);
        Assert.All(late, step => Assert.True(step.Fenced));
        Assert.Equal(2, await Store.CountAsync("select count(*) from steps"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_start_that_is_committed_again_after_its_run_was_cancelled_is_no_proof_that_the_run_is_ones_own(bool hasNewId)
    {
        var journal = await OpenJournalAsync();
        await journal.RegisterWorkerAsync(Worker, TimeSpan.FromMinutes(1), default);
        var start = new StartWrite(new NewRun { Id = "lost", HasNewId = hasNewId, Workflow = new("nobody-has-it", 1), Input = "{}", ClaimNow = true });
        await journal.CommitAsync(Worker, [start], default);
        await journal.Control.CancelAsync(["lost"], Cancellation.By("test"), cascade: false, default);
        await journal.CommitAsync(Worker, [start], default);

        var step = Step(new RunKey("lost", 1, start.CreatedAt), "late");
        await journal.CommitAsync(Worker, [step], default);

        Assert.True(step.Fenced);
        Assert.Equal(0, await Store.CountAsync("select count(*) from steps"));
    }

    /// <summary>Two runs that the worker has started and written a step for.</summary>
    private static async Task<(RunKey First, RunKey Second)> OwnTwoAsync(IJournal journal)
    {
        await journal.RegisterWorkerAsync(Worker, TimeSpan.FromMinutes(1), default);
        var starts = new[] { "lost", "kept" }
            .Select(id => new StartWrite(new NewRun { Id = id, Workflow = new("nobody-has-it", 1), Input = "{}", ClaimNow = true })).ToArray();
        await journal.CommitAsync(Worker, starts, default);
        var (first, second) = (new RunKey("lost", 1, starts[0].CreatedAt), new RunKey("kept", 1, starts[1].CreatedAt));
        StepWrite[] steps = [Step(first, "early"), Step(second, "early")];
        await journal.CommitAsync(Worker, steps, default);
        Assert.All(steps, step => Assert.False(step.Fenced));
        return (first, second);
    }

    /// <summary>Twice: what the first commit after the loss finds out must hold for those after it.</summary>
    private async Task AssertOnlyKeptIsWrittenAsync(IJournal journal, RunKey lost, RunKey kept)
    {
        foreach (var key in new[] { "late", "later" })
        {
            var (refused, written) = (Step(lost, key), Step(kept, key));
            await journal.CommitAsync(Worker, [refused, written], default);
            Assert.True(refused.Fenced, $"the step '{key}' of the lost run was not refused");
            Assert.False(written.Fenced, $"the step '{key}' of the kept run was refused");
        }
        Assert.Equal(1, await Store.CountAsync("select count(*) from steps where run_id = 'lost'"));
        Assert.Equal(3, await Store.CountAsync("select count(*) from steps where run_id = 'kept'"));
    }

    private static StepWrite Step(RunKey run, string key) => new(run, SampleSteps.Step(key));
}
