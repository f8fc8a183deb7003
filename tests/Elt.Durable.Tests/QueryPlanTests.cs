using Elt.Durable.Execution;
using Elt.Durable.Journal;
using Elt.Durable.Journal.Postgres;
using Elt.Durable.Messages;
using Elt.Durable.Streams;
using Elt.Durable.Tests.Suite;
using Elt.Testing;
using Npgsql;

namespace Elt.Durable.Tests;

/// <summary>What the engine asks of the journal all the time looks at few rows, however many runs have ended.</summary>
public sealed class QueryPlanTests : IAsyncLifetime
{
    private const int Finished = 30_000;
    internal const string WorkerId = "planner";

    // So often that the statements are prepared, and planned once for all parameters.
    private const int Rounds = 15;
    private const int FewRows = 500;

    internal static readonly ClaimRequest Request = new(WorkerId, 10, [new WorkflowReference("live", 1)], ["wide", "narrow", "keyed"]);

    internal static readonly Dictionary<string, Func<IJournal, int, Task>> Calls = new()
    {
        ["claim"] = (journal, _) => journal.ClaimAsync(Request, default),
        ["probe"] = (journal, _) => journal.ProbeAsync(Request, default),
        ["recover"] = async (journal, round) =>
        {
            await journal.RegisterWorkerAsync($"dead-{round}", TimeSpan.FromSeconds(-1), default);
            await journal.ClaimAsync(Request with { WorkerId = $"dead-{round}" }, default);
            await journal.RecoverAsync(default);
        },
        ["renew"] = (journal, _) => journal.RenewLeaseAsync(WorkerId, TimeSpan.FromMinutes(1), default),
        ["release"] = (journal, _) => journal.ReleaseUnknownAsync(WorkerId, [], default),
        ["follow"] = async (journal, _) =>
        {
            var claimed = (await journal.ClaimAsync(Request, default)).Runs;
            await journal.FindChangedAsync(WorkerId, [.. claimed.Select(r => new ExecutedRun(r.Id, r.Epoch, r.WakeCount))], default);
        },
        ["commit"] = CommitAsync,
        ["history"] = (journal, round) => journal.ReadHistoryAsync($"finished-{round + 1}", default),
        ["find"] = (journal, round) => journal.FindRunAsync($"finished-{round + 1}", default),
        ["list newest"] = (journal, _) => journal.ListRunsAsync(new RunFilter(), default),
        ["list children"] = (journal, round) => journal.ListRunsAsync(new RunFilter { ParentId = $"parent-{round + 1}" }, default),
    };

    private static readonly string Fill =
        $"""
        insert into durable.runs (id, workflow, version, status, epoch, queue, parent_id, created_at, started_at, completed_at, input, output)
        select 'finished-' || n, 'live', 1, case when n % 50 = 0 then 'ERROR' else 'SUCCESS' end, 1, case n % 3 when 0 then 'wide' when 1 then 'narrow' end,
          case when n % 2 = 0 then 'parent-' || (n / 100) end, now() - n * interval '1 s', now(), now(), '"in"', '"out"' from generate_series(1, {Finished}) as s(n);
        insert into durable.steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result)
        select id, 'step-' || n, 'STEP', 'SUCCESS', 1, 1, now(), now(), '1' from durable.runs cross join generate_series(1, 3) as s(n);
        insert into durable.step_attempts (run_id, key, attempt, epoch, failed_at, retry_at, error)
        select run_id, key, 1, 1, now(), now(), json_build_object('type', 'Some', 'message', 'error', 'stack', null) from durable.steps where key = 'step-1';
        insert into durable.runs (id, workflow, version, status, epoch, queue, due_at, created_at, input)
        select 'live-' || n, 'live', 1, case when n % 5 = 0 then 'WAITING' else 'ENQUEUED' end, 0, case n % 3 when 0 then 'wide' when 1 then 'narrow' end,
          now() - n * interval '1 s', now(), '"in"' from generate_series(1, 900) as s(n);
        insert into durable.runs (id, workflow, version, status, epoch, queue, queue_key, due_at, created_at, input)
        select 'keyed-' || n, 'live', 1, 'ENQUEUED', 0, 'keyed', 'key-' || n % 90, now() - n * interval '1 s', now(), '"in"' from generate_series(1, 900) as s(n);
        """;

    private static readonly Lazy<Task<string>> Filled = new(FillAsync);

    private readonly PlanRecorder _plans = new();
    private PostgresJournal _journal = null!;

    public static TheoryData<string> CallNames => [.. Calls.Keys];

    public async Task InitializeAsync()
    {
        _journal = Open(_plans.Connect(await PostgresServer.CreateDatabaseAsync(template: await Filled.Value)));
        await _journal.RegisterWorkerAsync(WorkerId, TimeSpan.FromMinutes(1), default);
    }

    public async Task DisposeAsync()
    {
        await _journal.DisposeAsync();
        _plans.Dispose();
    }

    [Theory]
    [MemberData(nameof(CallNames))]
    [Trait("promise", "E23")]
    public async Task A_hot_statement_looks_at_few_rows_beside_many_finished_runs(string call)
    {
        _plans.Clear();
        for (var round = 0; round < Rounds; round++)
            await Calls[call](_journal, round);
        Assert.NotEmpty(_plans.Scans);
        var wide = _plans.Scans.Where(scan => scan.Table is "runs" or "steps" or "step_attempts" && (scan.Node == "Seq Scan" || scan.Rows > FewRows));
        Assert.True(!wide.Any(), string.Join('\n', wide.Distinct()));
    }

    [Fact]
    [Trait("promise", "E23")]
    public async Task A_plan_made_while_the_journal_was_empty_looks_at_few_rows_later()
    {
        var database = await PostgresServer.CreateDatabaseAsync();
        await using var journal = Open(_plans.Connect(database));
        await journal.OpenAsync(default);
        await journal.RegisterWorkerAsync(WorkerId, TimeSpan.FromMinutes(1), default);
        for (var round = 0; round < Rounds; round++)
            await EndAsync(round);
        await using var dataSource = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(database) { Pooling = false }.ToString());
        // No statistics: they would have the plans made anew.
        await using var fill = dataSource.CreateCommand(Fill);
        await fill.ExecuteNonQueryAsync();
        _plans.Clear();
        await EndAsync(Rounds);
        Assert.NotEmpty(_plans.Scans);
        Assert.DoesNotContain(_plans.Scans, scan => scan.Rows > FewRows);

        Task EndAsync(int round)
        {
            var (mine, parked) = (new RunKey($"new-{round}", 1), new RunKey($"parked-{round}", 1));
            var now = TimeProvider.System.GetUtcNow();
            return journal.CommitAsync(
                WorkerId,
                [
                    new StartWrite(new NewRun { Id = mine.Id, Workflow = new("live", 1), Input = "1", ClaimNow = true }),
                    new StartWrite(new NewRun { Id = parked.Id, Workflow = new("live", 1), Input = "1", ClaimNow = true }),
                    new AttemptWrite(mine, new StepAttempt("step", 1, new ErrorInfo("Some", "error", null), now, now)),
                    new StepWrite(mine, SampleSteps.Step("step", StepKind.Step)),
                    new StepWrite(mine, SampleSteps.Step("event", StepKind.Event), new PublishEffect("name", "1")),
                    new StepWrite(mine, SampleSteps.Step("send", StepKind.Send), new SendEffect(Mail(parked.Id))),
                    new MessageWrite(Mail(parked.Id)),
                    new ParkWrite(parked, null, 1),
                    new EndWrite(mine, null, new(RunStatus.Success, "1", null, now)),
                ],
                default);
        }
    }

    private static Message Mail(string runId) => new() { RunId = runId, Topic = "", IdempotencyKey = $"{Guid.CreateVersion7()}", Payload = "1" };

    [Fact]
    public async Task A_statement_without_an_index_is_noticed()
    {
        await _journal.ListRunsAsync(new RunFilter { CompletedTo = DateTimeOffset.UnixEpoch }, default);
        Assert.Contains(_plans.Scans, scan => scan.Table == "runs" && scan.Rows >= Finished);
    }

    private static PostgresJournal Open(NpgsqlDataSource dataSource) => new(new Journal.Postgres.PostgresStore(dataSource, new JournalSettings()));

    /// <summary>Makes the database that each test gets a copy of, and returns its name.</summary>
    private static async Task<string> FillAsync()
    {
        var settings = new NpgsqlConnectionStringBuilder(await PostgresServer.CreateDatabaseAsync()) { Pooling = false };
        await using var dataSource = NpgsqlDataSource.Create(settings.ToString());
        await using var journal = Open(dataSource);
        await journal.OpenAsync(default);
        var limits = new QueueLimits { Concurrency = 100, WorkerConcurrency = 50 };
        await journal.Queues.DeclareAsync(
            [new("wide", new()), new("narrow", limits), new("keyed", limits with { KeyConcurrency = 5, RateLimit = new RateLimit(90, TimeSpan.FromHours(1)) })],
            default);
        await using var fill = dataSource.CreateCommand(Fill + "analyze");
        await fill.ExecuteNonQueryAsync();
        return settings.Database!;
    }

    private static async Task CommitAsync(IJournal journal, int round)
    {
        var now = TimeProvider.System.GetUtcNow();
        var writes = new List<JournalWrite>
        {
            new StartWrite(new NewRun { Id = $"new-{round}", Workflow = new("live", 1), Input = "1" }),
        };
        foreach (var run in (await journal.ClaimAsync(Request, default)).Runs)
        {
            var key = new RunKey(run.Id, run.Epoch);
            writes.Add(new StepWrite(key, SampleSteps.Step("step", StepKind.Step)));
            writes.Add(new AttemptWrite(key, new StepAttempt("other", 1, new ErrorInfo("Some", "error", null), now, now)));
            writes.Add(writes.Count % 2 == 0 ? new ParkWrite(key, now, run.WakeCount) : new EndWrite(key, "parent-1", new(RunStatus.Success, "1", null, now)));
        }
        await journal.CommitAsync(WorkerId, writes, default);
    }
}
