using Elt.Durable.Journal;
using Elt.Durable.Tests.Suite;
using Elt.Testing;
using Npgsql;

namespace Elt.Durable.Tests;

public sealed class RecoveryOnPostgres : RecoveryTests<PostgresStore>
{
    [Fact]
    [Trait("promise", "E6")]
    public async Task Another_live_worker_takes_over_by_itself_when_the_lease_is_over()
    {
        var (doomed, _) = await StartCrashingEngineAsync();
        var survivor = await StartEngineAsync(durable => durable.ConfigureWorker(w => w.Lease = TimeSpan.FromSeconds(1)));
        var gate = Probe.Signal("gate");
        var input = Script("orphan", context => context.StepAsync("wait", async ct =>
        {
            Probe.Count("attempts");
            await gate.Task.WaitAsync(ct);
            return "done";
        }));
        await doomed.Client.StartAsync(input, "orphan");
        await Eventually.TrueAsync(() => Probe["attempts"] > 0);
        await doomed.KillAsync();
        await Store.ExpireLeasesAsync();
        gate.SetResult();
        Assert.Equal(RunStatus.Success, (await WithinPatienceAsync(survivor.Client.WaitAsync("orphan")))!.Status);
        Assert.Equal(1, await Store.CountAsync("select recoveries from runs where id = 'orphan'"));
    }
}

public sealed class TakeoverOnPostgres : EngineSuite<PostgresStore>
{
    [Fact]
    [Trait("promise", "E5")]
    public async Task A_commit_that_meets_a_takeover_waits_for_it_and_is_refused()
    {
        var journal = await OpenJournalAsync();
        await OwnAsync(journal, "zombie", "prey");
        await using var takeover = await BeginAsync();
        await RunAsync(takeover, "select 1 from workers where id = 'zombie' for update");
        await RunAsync(takeover, "update runs set owner = null, status = 'ENQUEUED', due_at = now() where owner = 'zombie'");
        await RunAsync(takeover, "delete from workers where id = 'zombie'");

        var late = SampleSteps.LateStep("prey", epoch: 1);
        var commit = journal.CommitAsync("zombie", [late], default);
        await Eventually.TrueAsync(async () => commit.IsCompleted || await Store.CountAsync(Blocked) > 0);
        await takeover.CommitAsync();
        await WithinPatienceAsync(commit);
        Assert.True(late.Fenced);
        Assert.Equal(0, await Store.CountAsync("select count(*) from steps"));
    }

    [Fact]
    [Trait("promise", "E5")]
    public async Task A_takeover_leaves_a_worker_alone_whose_commit_is_in_flight()
    {
        var journal = await OpenJournalAsync();
        await OwnAsync(journal, "slow", "prey");
        await using var commit = await BeginAsync();
        await RunAsync(commit, "select 1 from workers where id = 'slow' for key share");
        await Store.ExpireLeasesAsync();
        Assert.Equal(0, await journal.RecoverAsync(default));
        await commit.CommitAsync();
        await Store.ExpireLeasesAsync();
        Assert.Equal(1, await journal.RecoverAsync(default));
    }

    private static async Task OwnAsync(IJournal journal, string worker, string run)
    {
        await journal.RegisterWorkerAsync(worker, TimeSpan.FromMinutes(1), default);
        await journal.CommitAsync(worker, [new StartWrite(new NewRun { Id = run, Workflow = new("nobody-has-it", 1), Input = "{}", ClaimNow = true })], default);
    }

    private async Task<NpgsqlTransaction> BeginAsync()
    {
        var connection = new NpgsqlConnection(Store.ConnectionString + ";Search Path=durable;Pooling=false");
        await connection.OpenAsync();
        return await connection.BeginTransactionAsync();
    }

    private static async Task RunAsync(NpgsqlTransaction transaction, string sql)
    {
        await using var command = new NpgsqlCommand(sql, transaction.Connection, transaction);
        await command.ExecuteNonQueryAsync();
    }
}

public sealed class RecoveryOnSqlite : RecoveryTests<SqliteStore>
{
    [Fact]
    [Trait("promise", "E21")]
    public async Task A_second_process_on_the_same_file_is_refused_with_a_clear_message()
    {
        await StartEngineAsync();
        var error = await Assert.ThrowsAsync<JournalException>(() => StartEngineAsync());
        Assert.Contains("in use by another process", error.Message);
        Assert.Contains(Store.Path, error.Message);
    }

    [Fact]
    [Trait("promise", "E21")]
    public async Task A_folder_that_does_not_exist_is_a_clear_error()
    {
        var error = await Assert.ThrowsAsync<JournalException>(() => StartEngineAsync(durable => durable.UseSqlite(Path.Combine(Store.Path + "-none", "journal.db"))));
        Assert.Contains("must exist", error.Message);
    }
}

public abstract class RecoveryTests<TStore> : EngineSuite<TStore>
    where TStore : IStore, new()
{
    [Fact]
    [Trait("promise", "E6")]
    public async Task A_run_of_a_dead_worker_goes_on_where_it_was()
    {
        var (doomed, journal) = await StartCrashingEngineAsync();
        journal.CrashAtStep("add#3", afterCommit: true);
        var start = doomed.Client.StartAsync(new Sequence(5), "seq");
        await WithinPatienceAsync(start);
        await WithinPatienceAsync(journal.Crashed);
        await doomed.KillAsync();
        await Store.ExpireLeasesAsync();
        var engine = await StartEngineAsync();
        var run = await WithinPatienceAsync(engine.Client.WaitAsync("seq"));
        Assert.Equal("5", run!.Output);
        Assert.Equal(2, Probe["s:body"]);
        // Three steps were recorded before the crash; only the two after it, and perhaps one that was in flight, were executed again.
        Assert.InRange(Probe.Counts.Where(c => c.Key.StartsWith("s:seq:")).Sum(c => c.Value), 5, 6);
    }

    [Fact]
    [Trait("promise", "E5")]
    public async Task Every_write_under_an_old_epoch_or_by_a_worker_that_is_gone_is_refused()
    {
        var journal = await OpenJournalAsync();
        await journal.RegisterWorkerAsync("zombie", TimeSpan.FromMinutes(1), default);
        var claimed = new StartWrite(new NewRun { Id = "prey", Workflow = new("nobody-has-it", 1), Input = "{}", ClaimNow = true });
        await journal.CommitAsync("zombie", [claimed], default);
        Assert.True(claimed.Claimed);
        Assert.True(await journal.RenewLeaseAsync("zombie", TimeSpan.FromMinutes(1), default) is not null);

        await Store.ExecuteAsync("update workers set lease_until = " + (Store is PostgresStore ? "'-infinity'" : "0") + " where id = 'zombie'");
        Assert.Equal(1, await journal.RecoverAsync(default));
        await AssertAllRefusedAsync(journal, "zombie", epoch: 1);
        Assert.Null(await journal.RenewLeaseAsync("zombie", TimeSpan.FromMinutes(1), default));

        await journal.RegisterWorkerAsync("heir", TimeSpan.FromMinutes(1), default);
        var taken = Assert.Single((await journal.ClaimAsync(new ClaimRequest("heir", 5, [new("nobody-has-it", 1)], []), default)).Runs);
        Assert.Equal(2, taken.Epoch);
        await AssertAllRefusedAsync(journal, "zombie", epoch: 1);
        await AssertAllRefusedAsync(journal, "zombie", epoch: 2);
        await AssertAllRefusedAsync(journal, "heir", epoch: 1);
        Assert.Equal(0, await Store.CountAsync("select count(*) from steps"));
        Assert.Equal(0, await Store.CountAsync("select count(*) from step_attempts"));
        Assert.Equal(1, await Store.CountAsync("select count(*) from runs"));

        var end = new EndWrite(new RunKey("prey", 2), null, new RunOutcome(RunStatus.Success, "1", null, DateTimeOffset.UnixEpoch));
        await journal.CommitAsync("heir", [end], default);
        Assert.False(end.Fenced);
    }

    [Fact]
    [Trait("promise", "E3")]
    public async Task A_commit_sent_again_because_its_answer_was_lost_is_recognized_and_changes_nothing()
    {
        var journal = await OpenJournalAsync();
        await journal.RegisterWorkerAsync("me", TimeSpan.FromMinutes(1), default);
        var run = new RunKey("mine", 1);
        var now = DateTimeOffset.UnixEpoch;
        await CommitTwiceAsync(() => new StartWrite(new NewRun { Id = "mine", Workflow = new("nobody-has-it", 1), Input = "{}", ClaimNow = true }));
        await CommitTwiceAsync(() => new StartWrite(new NewRun { Id = "made-up", HasNewId = true, Workflow = new("nobody-has-it", 1), Input = "{}", ClaimNow = true }));
        await CommitTwiceAsync(() => SampleSteps.LateStep("mine", epoch: 1));
        await CommitTwiceAsync(() => new AttemptWrite(run, new StepAttempt("late", 1, new ErrorInfo("type", "message", null), now, now)));
        await CommitTwiceAsync(() => new EndWrite(run, null, new RunOutcome(RunStatus.Success, "1", null, now)));
        Assert.Equal(2, await Store.CountAsync("select count(*) from runs where owner = 'me' or completed_at is not null"));
        Assert.Equal(1, await Store.CountAsync("select count(*) from steps"));
        Assert.Equal(1, await Store.CountAsync("select count(*) from step_attempts"));

        async Task CommitTwiceAsync(Func<JournalWrite> write)
        {
            for (var i = 0; i < 2; i++)
            {
                var again = write();
                await journal.CommitAsync("me", [again], default);
                Assert.False(again is OwnedWrite { Fenced: true } or StartWrite { Fenced: true }, $"{again.GetType().Name} was refused the {i + 1}. time");
                if (again is StartWrite start)
                    Assert.Equal((i == 0, i > 0), (start.Claimed, start.Existing is not null));
            }
        }
    }

    [Fact]
    [Trait("promise", "E5")]
    public async Task A_worker_that_lost_its_lease_stops_its_runs_and_goes_on_as_a_new_one()
    {
        var engine = await StartEngineAsync(durable => durable.ConfigureWorker(w => w.Lease = TimeSpan.FromMilliseconds(900)));
        var gate = Probe.Signal("gate");
        var cancelled = Probe.Signal("cancelled");
        var handle = await engine.Client.StartAsync(Script("robbed", context => context.StepAsync("wait", async ct =>
        {
            if (Probe.Count("attempts") > 1)
                return "second";
            await using var registration = ct.Register(() => cancelled.TrySetResult());
            await gate.Task;
            return "first";
        })), "robbed");
        await Eventually.TrueAsync(() => Probe["attempts"] > 0);
        var before = engine.Health.WorkerId;
        await Eventually.TrueAsync(async () => cancelled.Task.IsCompleted || await LoseLeaseAsync(engine));
        await WithinPatienceAsync(cancelled.Task);
        gate.SetResult();
        Assert.Equal("second", await WithinPatienceAsync(handle.ResultAsync()));
        Assert.NotEqual(before, engine.Health.WorkerId);
    }

    [Fact]
    [Trait("promise", "E6")]
    public async Task Past_the_limit_of_recoveries_a_run_is_set_aside()
    {
        var (doomed, _) = await StartCrashingEngineAsync();
        var gate = Probe.Signal("gate");
        await doomed.Client.StartAsync(Script("killer", context => context.StepAsync("wait", ct =>
        {
            Probe.Count("attempts");
            return gate.Task.WaitAsync(ct).ContinueWith(_ => "", TaskScheduler.Default);
        })), "killer");
        await Eventually.TrueAsync(() => Probe["attempts"] > 0);
        await doomed.KillAsync();
        await Store.ExecuteAsync("update runs set recoveries = 100");
        await Store.ExpireLeasesAsync();
        var engine = await StartEngineAsync();
        var run = await WithinPatienceAsync(engine.Client.WaitAsync("killer"));
        Assert.Equal(RunStatus.MaxRecoveryAttemptsExceeded, run!.Status);
        Assert.NotNull(run.CompletedAt);
        Assert.Equal(1, Probe["attempts"]);
        await engine.Client.StartAsync(new Scripted("killer"), "killer");
        Assert.Equal(RunStatus.MaxRecoveryAttemptsExceeded, (await engine.Client.FindAsync("killer"))!.Status);
    }

    [Fact]
    [Trait("promise", "E22")]
    public async Task A_clean_stop_lets_the_step_in_flight_finish_and_gives_the_run_back_at_once()
    {
        var engine = await StartEngineAsync();
        var gate = Probe.Signal("gate");
        await engine.Client.StartAsync(Script("long", async context =>
        {
            await context.StepAsync("one", async _ =>
            {
                Probe.Count("one");
                await gate.Task;
                return 1;
            });
            return await context.StepAsync("two", _ => Task.FromResult($"two by epoch {Probe.Count("two")}"));
        }), "long");
        await Eventually.TrueAsync(() => Probe["one"] > 0);
        var stop = engine.StopAsync();
        await Eventually.TrueAsync(() => engine.Health.CheckWorker() is not null);
        gate.SetResult();
        await WithinPatienceAsync(stop);
        if (Store is PostgresStore)
            Assert.Equal(0, await Store.CountAsync("select count(*) from workers"));
        Assert.Equal(1, await Store.CountAsync("select count(*) from steps"));
        Assert.Equal(1, await Store.CountAsync("select count(*) from runs where status = 'ENQUEUED' and owner is null"));

        var next = await StartEngineAsync();
        var run = await WithinPatienceAsync(next.Client.WaitAsync("long"));
        Assert.Equal(RunStatus.Success, run!.Status);
        Assert.Equal(0, run.Recoveries);
        Assert.Equal(1, Probe["one"]);
        Assert.Equal(1, Probe["two"]);
    }

    private static async Task AssertAllRefusedAsync(IJournal journal, string worker, long epoch)
    {
        var run = new RunKey("prey", epoch);
        var now = DateTimeOffset.UnixEpoch;
        var error = new ErrorInfo("type", "message", null);
        OwnedWrite[] writes =
        [
            SampleSteps.LateStep("prey", epoch),
            new AttemptWrite(run, new StepAttempt("late", 1, error, now, now)),
            new ParkWrite(run, null, 0),
            new EndWrite(run, null, new RunOutcome(RunStatus.Success, "1", null, now)),
        ];
        var child = new StartWrite(new NewRun { Id = "prey/late", Workflow = new("nobody-has-it", 1), Input = "{}", Parent = run });
        await journal.CommitAsync(worker, [.. writes, child], default);
        Assert.All(writes, write => Assert.True(write.Fenced, $"{write.GetType().Name} by {worker} at epoch {epoch} was not refused"));
        Assert.True(child.Fenced);
    }
}
