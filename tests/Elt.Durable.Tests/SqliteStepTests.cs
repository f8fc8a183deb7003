using System.Runtime.CompilerServices;
using Elt.Durable.Journal;
using Elt.Durable.Journal.Sqlite;
using Elt.Durable.Queues;
using Elt.Durable.Tests.Suite;
using Elt.Testing;
using Microsoft.Data.Sqlite;
using SQLitePCL;
using Xunit.Abstractions;

namespace Elt.Durable.Tests;

/// <summary>
/// What the engine asks of a journal in SQLite all the time costs the same, however many runs have ended: counted in the steps of SQLite's virtual machine, which are the
/// same on every machine.
/// </summary>
public sealed class SqliteStepTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int Rounds = 15;
    private const int Finished = 30_000;

    // A look at each finished run takes several steps for each.
    private const long Few = Finished / 2;

    private static readonly string Fill =
        $"""
        with recursive s(n) as (select 1 union all select n + 1 from s where n < {Finished})
        insert into runs (id, workflow, version, status, epoch, queue, parent_id, created_at, started_at, completed_at, input, output)
        select 'finished-' || n, 'live', 1, case when n % 50 = 0 then 'ERROR' else 'SUCCESS' end, 1, case n % 3 when 0 then 'wide' when 1 then 'narrow' end,
          case when n % 2 = 0 then 'parent-' || (n / 100) end, 1000000 - n, 1, 2, '"in"', '"out"' from s;
        insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result)
        select id, 'step-1', 'STEP', 'SUCCESS', 1, 1, 1, 1, '1' from runs;
        with recursive s(n) as (select 1 union all select n + 1 from s where n < 900)
        insert into runs (id, workflow, version, status, epoch, queue, due_at, created_at, input)
        select 'live-' || n, 'live', 1, case when n % 5 = 0 then 'WAITING' else 'ENQUEUED' end, 0, case n % 3 when 0 then 'wide' when 1 then 'narrow' end, 5, 1000000 - n, '"in"' from s;
        with recursive s(n) as (select 1 union all select n + 1 from s where n < 900)
        insert into runs (id, workflow, version, status, epoch, queue, queue_key, due_at, created_at, input)
        select 'keyed-' || n, 'live', 1, 'ENQUEUED', 0, 'keyed', 'key-' || n % 90, 5, 1000000 - n, '"in"' from s;
        """;

    private readonly TempFolder _folder = new();
    private Journal.Sqlite.SqliteStore _store = null!;
    private SqliteJournal _journal = null!;
    private long _steps;

    public static TheoryData<string> CallNames => QueryPlanTests.CallNames;

    public async Task InitializeAsync()
    {
        _store = new Journal.Sqlite.SqliteStore(_folder.File("journal.db"), new JournalSettings());
        _journal = new SqliteJournal(_store);
        await _journal.OpenAsync(default);
        await _store.WriteAsync(journal =>
        {
            journal.Script(Fill);
            return true;
        });
        var limits = new QueueLimits { Concurrency = 100, WorkerConcurrency = 50 };
        await _journal.Queues.DeclareAsync(
            [new("wide", new()), new("narrow", limits), new("keyed", limits with { KeyConcurrency = 5, RateLimit = new RateLimit(90, TimeSpan.FromHours(1)) })],
            default);
        await _journal.RegisterWorkerAsync(QueryPlanTests.WorkerId, TimeSpan.FromMinutes(1), default);
    }

    public async Task DisposeAsync()
    {
        await _journal.DisposeAsync();
        _folder.Dispose();
    }

    [Theory]
    [MemberData(nameof(CallNames))]
    [Trait("promise", "E23")]
    public async Task A_hot_call_takes_few_steps_beside_many_finished_runs(string call)
    {
        await _store.WriteAsync(Count);
        await _store.ReadAsync(Count);
        for (var round = 0; round < Rounds; round++)
        {
            _steps = 0;
            await QueryPlanTests.Calls[call](_journal, round);
            output.WriteLine($"{_steps}");
            Assert.InRange(_steps, 1, Few);
        }
    }

    [Fact]
    public async Task A_statement_without_an_index_is_noticed()
    {
        await _store.ReadAsync(Count);
        await _journal.ListRunsAsync(new RunFilter { CompletedTo = DateTimeOffset.UnixEpoch }, default);
        Assert.InRange(_steps, Finished, long.MaxValue);
    }

    private bool Count(SqliteStatements statements)
    {
        raw.sqlite3_progress_handler(ConnectionOf(statements).Handle, 1, _ => (int)(Interlocked.Increment(ref _steps) * 0), null);
        return true;
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_connection")]
    private static extern ref SqliteConnection ConnectionOf(SqliteStatements statements);
}
