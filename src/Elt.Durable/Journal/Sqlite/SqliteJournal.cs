using Elt.Durable.Journal.Migrations;
using Elt.Durable.Queues;
using Microsoft.Data.Sqlite;

namespace Elt.Durable.Journal.Sqlite;

/// <summary>
/// The journal in a SQLite file of which this process is the only user: write-ahead log, <c>synchronous=FULL</c>, one connection for writing and one for reading.
/// Whoever owned runs when the file is opened is dead, so its runs are due at once.
/// </summary>
internal sealed class SqliteJournal(string path, JournalSettings settings) : IJournal
{
    private readonly Lock _writing = new();
    private readonly Lock _reading = new();
    private readonly TimeProvider _clock = settings.Clock ?? TimeProvider.System;
    private FileStream? _lockFile;
    private SqliteStatements? _writer;
    private SqliteStatements? _reader;

    public Task OpenAsync(CancellationToken ct)
    {
        if (_writer is not null)
            return Task.CompletedTask;
        _lockFile = LockFile();
        try
        {
            _writer = new SqliteStatements(path);
            _writer.Transaction(Migrate);
            _writer.Transaction(ForgetWorkers);
            _reader = new SqliteStatements(path);
            _reader.Run("pragma query_only = on");
        }
        catch (SqliteException e)
        {
            throw new JournalException($"The journal '{path}' cannot be opened: {e.Message}. It must be a SQLite database in a folder that this process may write to.");
        }
        return Task.CompletedTask;
    }

    public Task<DateTimeOffset> RegisterWorkerAsync(string workerId, TimeSpan lease, CancellationToken ct) => WriteAsync(journal =>
    {
        var now = Now;
        journal.Run("insert into workers (id, lease_until, started_at) values ($1, $2, $3) on conflict do nothing", workerId, now + Microseconds(lease), now);
        return Time(now);
    });

    public Task<DateTimeOffset?> RenewLeaseAsync(string workerId, TimeSpan lease, CancellationToken ct) => WriteAsync<DateTimeOffset?>(journal =>
    {
        var now = Now;
        return journal.Run("update workers set lease_until = $2 where id = $1", workerId, now + Microseconds(lease)) == 1 ? Time(now) : null;
    });

    public Task ReleaseWorkerAsync(string workerId, CancellationToken ct) => WriteAsync(journal =>
    {
        journal.Run("update runs set status = 'ENQUEUED', owner = null, due_at = $2 where owner = $1", workerId, Now);
        return journal.Run("delete from workers where id = $1", workerId);
    });

    public Task<int> RecoverAsync(CancellationToken ct) => WriteAsync(journal =>
    {
        journal.Run("delete from workers where lease_until < $1", Now);
        return journal.Run(
            """
            update runs set status = 'ENQUEUED', owner = null, due_at = $1, recoveries = recoveries + 1
            where owner is not null and not exists (select 1 from workers w where w.id = owner)
            """,
            Now);
    });

    public Task<int> ReleaseUnknownAsync(string workerId, IReadOnlyCollection<string> known, CancellationToken ct) => WriteAsync(journal => journal.Run(
        "update runs set status = 'ENQUEUED', owner = null, due_at = $2 where owner = $1 and id not in (select value from json_each($3))",
        workerId, Now, JsonArray(known)));

    public Task<IReadOnlyList<ClaimedRun>> ClaimAsync(ClaimRequest request, CancellationToken ct) => WriteAsync(journal => SqliteClaim.Claim(journal, request, Now));

    public Task CommitAsync(string workerId, IReadOnlyList<JournalWrite> writes, CancellationToken ct) => WriteAsync(journal =>
    {
        new SqliteCommit(journal, workerId, Now).Apply(writes);
        return true;
    });

    public Task<RunHistory> ReadHistoryAsync(string runId, CancellationToken ct) => ReadAsync(journal => SqliteRows.ReadHistory(journal, runId));

    public Task<RunInfo?> FindRunAsync(string runId, CancellationToken ct) => ReadAsync(journal => SqliteRows.FindRun(journal, runId));

    public Task<IReadOnlyList<RunInfo>> ListRunsAsync(RunFilter filter, CancellationToken ct) => ReadAsync(journal => SqliteRows.ListRuns(journal, filter));

    public Task DeclareQueuesAsync(IReadOnlyList<QueueDefinition> queues, CancellationToken ct) => WriteAsync(journal =>
    {
        // What was declared is kept beside the limits: a limit changed at run time stays until the declaration itself changes.
        foreach (var queue in queues)
            journal.Run(
                """
                insert into queues (name, concurrency, worker_concurrency, declared) values ($1, $2, $3, $4)
                on conflict (name) do update set concurrency = excluded.concurrency, worker_concurrency = excluded.worker_concurrency, declared = excluded.declared
                where declared <> excluded.declared
                """,
                queue.Name, queue.Concurrency, queue.WorkerConcurrency, $"{queue.Concurrency}/{queue.WorkerConcurrency}");
        return true;
    });

    public Task<IReadOnlyList<string>> ListQueuesAsync(CancellationToken ct) =>
        ReadAsync<IReadOnlyList<string>>(journal => journal.Query("select name from queues order by name", r => r.GetString(0)));

    public Task<DateTimeOffset> DeclareScheduleAsync(string name, string cron, string timeZone, CancellationToken ct) => WriteAsync(journal => Time(journal.Query(
        """
        insert into schedules (name, cron, time_zone, started_up_to) values ($1, $2, $3, $4)
        on conflict (name) do update set cron = excluded.cron, time_zone = excluded.time_zone
        returning started_up_to
        """,
        reader => reader.GetInt64(0), name, cron, timeZone, Now)[0]));

    public Task AdvanceScheduleAsync(string name, DateTimeOffset slot, CancellationToken ct) =>
        WriteAsync(journal => journal.Run("update schedules set started_up_to = $2 where name = $1 and started_up_to < $2", name, Microseconds(slot)));

    // There is no other process: whatever becomes due in this one is signalled in it.
    public Task WaitForHintAsync(CancellationToken ct) => Task.Delay(Timeout.InfiniteTimeSpan, _clock, ct);

    public ValueTask DisposeAsync()
    {
        lock (_writing)
        {
            lock (_reading)
            {
                _reader?.Dispose();
                _writer?.Dispose();
                _lockFile?.Dispose();
                (_reader, _writer, _lockFile) = (null, null, null);
            }
        }
        return ValueTask.CompletedTask;
    }

    internal static long Microseconds(TimeSpan span) => span.Ticks / TimeSpan.TicksPerMicrosecond;

    internal static long Microseconds(DateTimeOffset time) => (time - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    internal static DateTimeOffset Time(long microseconds) => DateTimeOffset.UnixEpoch.AddTicks(microseconds * TimeSpan.TicksPerMicrosecond);

    private static string JsonArray(IEnumerable<string> values) => System.Text.Json.JsonSerializer.Serialize(values);

    private long Now => Microseconds(_clock.GetUtcNow());

    private FileStream LockFile()
    {
        try
        {
            return new FileStream(path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (e is not (DirectoryNotFoundException or FileNotFoundException or PathTooLongException))
        {
            throw new JournalException($"The journal '{path}' is in use by another process. Stop that one, or give this one a data directory of its own ({e.Message})");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new JournalException($"The journal '{path}' cannot be created: {e.Message} Its folder must exist and be writable.");
        }
    }

    private bool Migrate()
    {
        var journal = _writer!;
        journal.Script("create table if not exists migrations (number integer primary key, name text not null, hash text not null, applied_at integer not null)");
        var applied = journal.Query("select number, hash from migrations", reader => (reader.GetInt32(0), reader.GetString(1))).ToDictionary();
        foreach (var migration in Migration.Missing(Migration.For("Sqlite"), applied))
        {
            journal.Script(migration.Sql);
            journal.Run("insert into migrations (number, name, hash, applied_at) values ($1, $2, $3, $4)", migration.Number, migration.Name, migration.Hash, Now);
        }
        return true;
    }

    private bool ForgetWorkers()
    {
        _writer!.Run("delete from workers");
        return true;
    }

    private Task<T> WriteAsync<T>(Func<SqliteStatements, T> body) => InLock(_writing, () =>
    {
        var journal = _writer ?? throw new ObjectDisposedException(nameof(SqliteJournal));
        return journal.Transaction(() => body(journal));
    });

    private Task<T> ReadAsync<T>(Func<SqliteStatements, T> body) =>
        InLock(_reading, () => body(_reader ?? throw new ObjectDisposedException(nameof(SqliteJournal))));

    private static Task<T> InLock<T>(Lock gate, Func<T> body)
    {
        try
        {
            lock (gate)
                return Task.FromResult(body());
        }
        catch (Exception e)
        {
            return Task.FromException<T>(e);
        }
    }
}
