using Elt.Durable.Control;
using Elt.Durable.Execution;
using Elt.Durable.Messages;
using Elt.Durable.Queues;
using Elt.Durable.Schedules;
using Elt.Durable.Streams;

namespace Elt.Durable.Journal.Sqlite;

/// <summary>
/// The journal in a SQLite file of which this process is the only user: write-ahead log, <c>synchronous=FULL</c>, one connection for writing and one for reading.
/// Whoever owned runs when the file is opened is dead, so its runs are due at once.
/// </summary>
internal sealed class SqliteJournal(SqliteStore store) : IJournal
{
    private readonly SqliteClaim _claim = new();

    public IQueueStore Queues { get; } = new SqliteQueueStore(store);

    public IScheduleStore Schedules { get; } = new SqliteScheduleStore(store);

    public IMessageStore Messages { get; } = new SqliteMessageStore(store);

    public IStreamStore Streams { get; } = new SqliteStreamStore(store);

    public IRunControl Control { get; } = new SqliteRunControl(store);

    public Task OpenAsync(CancellationToken ct)
    {
        store.Open(journal => journal.Run("delete from workers"));
        return Task.CompletedTask;
    }

    public Task<DateTimeOffset> RegisterWorkerAsync(
        string workerId, TimeSpan lease, IReadOnlyCollection<WorkflowReference> workflows, CancellationToken ct) => store.WriteAsync(journal =>
    {
        var now = store.Now;
        journal.Run(
            "insert into workers (id, lease_until, started_at, workflows) values ($1, $2, $3, $4) on conflict do nothing",
            workerId, now + SqliteStore.Microseconds(lease), now, SqliteStore.JsonArray(workflows.Select(w => w.ToKey())));
        return SqliteStore.Time(now);
    });

    public Task<DateTimeOffset?> RenewLeaseAsync(string workerId, TimeSpan lease, CancellationToken ct) => store.WriteAsync<DateTimeOffset?>(journal =>
    {
        var now = store.Now;
        return journal.Run("update workers set lease_until = $2 where id = $1", workerId, now + SqliteStore.Microseconds(lease)) == 1 ? SqliteStore.Time(now) : null;
    });

    public Task ReleaseWorkerAsync(string workerId, CancellationToken ct) => store.WriteAsync(journal =>
    {
        journal.Run("update runs set status = 'ENQUEUED', owner = null, due_at = $2, priority = -2147483648 where owner = $1", workerId, store.Now);
        return journal.Run("delete from workers where id = $1", workerId);
    });

    public Task<int> RecoverAsync(CancellationToken ct) => store.WriteAsync(journal =>
    {
        journal.Run("delete from workers where lease_until < $1", store.Now);
        return journal.Run(
            """
            update runs set status = 'ENQUEUED', owner = null, due_at = $1, priority = -2147483648, recoveries = recoveries + 1
            where owner is not null and not exists (select 1 from workers w where w.id = owner)
            """,
            store.Now);
    });

    public Task<int> ReleaseUnknownAsync(string workerId, IReadOnlyCollection<string> known, CancellationToken ct) => store.WriteAsync(journal => journal.Run(
        "update runs set status = 'ENQUEUED', owner = null, due_at = $2, priority = -2147483648 where owner = $1 and id not in (select value from json_each($3))",
        workerId, store.Now, SqliteStore.JsonArray(known)));

    public Task<Prospect> ProbeAsync(ClaimRequest request, CancellationToken ct) => store.ReadAsync(journal => SqliteClaim.Probe(journal, request, store.Now));

    public Task<IReadOnlyList<ChangedRun>> FindChangedAsync(string workerId, IReadOnlyList<ExecutedRun> executed, CancellationToken ct) =>
        store.ReadAsync<IReadOnlyList<ChangedRun>>(journal => [.. executed.SelectMany(run => journal.Query(
            "select epoch <> $2 or owner is not $3 from runs where id = $1 and (epoch <> $2 or owner is not $3 or wake_count <> $4) union all select 1 where not exists (select 1 from runs where id = $1)",
            r => new ChangedRun(run.Id, r.GetBoolean(0)),
            run.Id, run.Epoch, workerId, run.WakeCount))]);

    public Task<ClaimResult> ClaimAsync(ClaimRequest request, CancellationToken ct) => store.WriteAsync(journal => _claim.Claim(journal, request, store.Now));

    public Task CommitAsync(string workerId, IReadOnlyList<JournalWrite> writes, CancellationToken ct) => store.WriteAsync(journal =>
    {
        new SqliteCommit(journal, workerId, store.Now).Apply(writes);
        return true;
    });

    public Task<IReadOnlyList<UnservedWorkflow>> FindUnservedAsync(CancellationToken ct) => store.ReadAsync<IReadOnlyList<UnservedWorkflow>>(journal => journal.Query(
        """
        select workflow, version, count(*), min(due_at) from (
          select * from (select workflow, version, due_at from runs indexed by runs_due where due_at <= $1 and (queue is null or status = 'WAITING') order by due_at limit 1000)
          union all
          select r.workflow, r.version, r.due_at from queues q cross join runs r on r.id in (
            select id from runs indexed by runs_queued_due where queue = q.name and status = 'ENQUEUED' and due_at <= $1 order by due_at limit 1000))
        where workflow || ' ' || version not in (select value from workers w, json_each(w.workflows) where w.lease_until >= $1)
        group by workflow, version order by workflow, version
        """,
        r => new UnservedWorkflow(r.GetString(0), r.GetInt32(1), r.GetInt64(2), r.Time(3)), store.Now));

    public Task<RunHistory> ReadHistoryAsync(string runId, CancellationToken ct) => store.ReadAsync(journal => SqliteRows.ReadHistory(journal, runId));

    public Task<RunInfo?> FindRunAsync(string runId, CancellationToken ct) => store.ReadAsync(journal => SqliteRows.FindRun(journal, runId));

    public Task<IReadOnlyList<RunInfo>> ListRunsAsync(RunFilter filter, CancellationToken ct) => store.ReadAsync(journal => SqliteRows.ListRuns(journal, filter));

    public Task<IReadOnlyDictionary<RunStatus, long>> CountRunsAsync(RunFilter filter, CancellationToken ct) =>
        store.ReadAsync(journal => SqliteRows.CountRuns(journal, filter));

    // There is no other process: whatever becomes due in this one is signalled in it.
    public async Task<JournalHint> WaitForHintAsync(CancellationToken ct)
    {
        await Task.Delay(Timeout.InfiniteTimeSpan, store.Clock, ct).ConfigureAwait(false);
        return JournalHint.None;
    }

    public ValueTask DisposeAsync()
    {
        store.Dispose();
        return ValueTask.CompletedTask;
    }
}
