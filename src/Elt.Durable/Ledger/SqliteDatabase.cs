using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Elt.Durable.Ledger;

/// <summary>
/// A SQLite file for transactional steps: write-ahead log, <c>synchronous=FULL</c>, one writer at a time by a gate in the process
/// (SQLite's own waiting polls and is unfair), any number of readers.
/// </summary>
public sealed class SqliteDatabase : TransactionalDatabase<SqliteTransaction>, IDisposable
{
    private const string CreateTables =
        """
        create table if not exists step_ledger (
          workflow_id text not null,
          step text not null,
          epoch integer not null,
          result text not null,
          recorded_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
          incarnation integer not null default 0,
          primary key (workflow_id, step)) without rowid;
        create table if not exists step_fence (
          workflow_id text primary key,
          epoch integer not null,
          incarnation integer not null default 0) without rowid;
        """;

    private static readonly string[] Tables = ["step_ledger", "step_fence"];

    private static readonly TimeSpan LongestTransaction = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim _gate = new(1);
    private readonly Action<SqliteConnection>? _whenOpened;
    private readonly int _pageSize;
    private readonly string _connectionString;
    private readonly SqliteReaders _readers;
    private SqliteConnection? _writer;
    private bool _isDisposed;

    /// <param name="path">The file; its folder must exist, the file is created when missing.</param>
    /// <param name="whenOpened">Called with each connection before it is used, to register functions and collations. Default nothing.</param>
    /// <param name="pageSize">
    /// Bytes of a page of a file that is created, a power of two from 512 to 65 536; default 4 096, as SQLite's. Larger ones suit long rows that are written in bulk.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">The page size is none.</exception>
    public SqliteDatabase(string path, Action<SqliteConnection>? whenOpened = null, int pageSize = 4096)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        if (pageSize is < 512 or > 65_536 || !int.IsPow2(pageSize))
            throw new ArgumentOutOfRangeException(nameof(pageSize), $"A page of SQLite has 512, 1 024, … or 65 536 bytes, not {pageSize}.");
        SqliteLibrary.EnsureLoaded();
        Path = path;
        _whenOpened = whenOpened;
        _pageSize = pageSize;
        _connectionString = new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString();
        _readers = new SqliteReaders(_connectionString, PrepareReader);
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>A connection that can only read, for the caller alone until it is disposed of; it sees a snapshot while a reader or transaction is open on it.</summary>
    public SqliteConnection OpenRead() => _readers.Rent();

    /// <summary>Runs a body in a transaction of its own, without ledger, and commits it.</summary>
    /// <param name="body">The work; any exception rolls back.</param>
    /// <param name="ct">Ends the wait for the gate.</param>
    public Task<T> WriteAsync<T>(Func<SqliteTransaction, T> body, CancellationToken ct) =>
        InTransactionAsync(transaction => Task.FromResult((body(transaction), true)), ct);

    /// <inheritdoc/>
    public void Dispose()
    {
        _readers.Dispose();
        // A step that a stop could not wait for may be inside its transaction: it may end it, and is left with its connection when it does not.
        if (_isDisposed || !_gate.Wait(LongestTransaction))
            return;
        _isDisposed = true;
        _writer?.Dispose();
        _gate.Release();
    }

    private protected override async Task CreateLedgerAsync(CancellationToken ct) =>
        await WriteAsync(
            transaction =>
            {
                Execute(transaction.Connection!, CreateTables, transaction);
                foreach (var table in Tables)
                {
                    using var columns = Command(transaction, "select count(*) from pragma_table_info($1) where name = 'incarnation'", table);
                    if ((long)columns.ExecuteScalar()! == 0)
                        Execute(transaction.Connection!, $"alter table {table} add column incarnation integer not null default 0", transaction);
                }
                return true;
            },
            ct).ConfigureAwait(false);

    private protected override async Task<T> InTransactionAsync<T>(Func<SqliteTransaction, Task<(T Result, bool Commit)>> body, CancellationToken ct)
    {
        await _gate.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            _writer ??= Open();
            using var transaction = _writer.BeginTransaction(deferred: false);
            var (result, commit) = await body(transaction).ConfigureAwait(false);
            if (commit)
                Commit(transaction);
            return result;
        }
        catch (SqliteException)
        {
            // The connection may be in any state (disk full, I/O error): the next transaction gets a new one.
            _writer?.Dispose();
            _writer = null;
            throw;
        }
        finally
        {
            _gate.Release();
        }
    }

    private static void Commit(SqliteTransaction transaction)
    {
        var connection = transaction.Connection!;
        try
        {
            transaction.Commit();
        }
        catch (SqliteException) when (raw.sqlite3_get_autocommit(connection.Handle) != 0)
        {
            // SQLite has rolled back by itself (disk full, I/O error), the driver does not know, and would fail to roll back again: over the true
            // error, and each time the connection is disposed of. So it gets something to roll back.
            Execute(connection, "begin", transaction);
            throw;
        }
    }

    private protected override Task<RunClaim> RaiseFenceAsync(SqliteTransaction transaction, StepIdentity step, CancellationToken ct)
    {
        using var raise = Command(
            transaction,
            """
            insert into step_fence (workflow_id, incarnation, epoch) values ($1, $2, $3)
            on conflict (workflow_id) do update set incarnation = excluded.incarnation, epoch = excluded.epoch
            where (excluded.incarnation, excluded.epoch) > (incarnation, epoch)
            """,
            step.WorkflowId, step.Claim.Incarnation, step.Claim.Epoch);
        raise.ExecuteNonQuery();
        using var latest = Command(transaction, "select incarnation, epoch from step_fence where workflow_id = $1", step.WorkflowId);
        using var reader = latest.ExecuteReader();
        reader.Read();
        return Task.FromResult(new RunClaim(reader.GetInt64(0), reader.GetInt64(1)));
    }

    private protected override Task<string?> FindResultAsync(SqliteTransaction transaction, StepIdentity step, CancellationToken ct)
    {
        using var command = Command(
            transaction,
            """
            select result from step_ledger where workflow_id = $1 and step = $2
              and (incarnation = $3 or incarnation = 0 and recorded_at >= strftime('%Y-%m-%dT%H:%M:%SZ', $3 / 1000000, 'unixepoch'))
            """,
            step.WorkflowId, step.Key, step.Claim.Incarnation);
        return Task.FromResult((string?)command.ExecuteScalar());
    }

    private protected override Task<bool> RecordAsync(SqliteTransaction transaction, StepIdentity step, string result, CancellationToken ct)
    {
        using var command = Command(
            transaction,
            """
            insert or replace into step_ledger (workflow_id, step, incarnation, epoch, result) values ($1, $2, $3, $4, $5)
            """,
            step.WorkflowId, step.Key, step.Claim.Incarnation, step.Claim.Epoch, result);
        // Only one writer at a time: what the ledger did not hold at the start of a transaction, nobody else can add before its end.
        return Task.FromResult(command.ExecuteNonQuery() == 1);
    }

    private SqliteConnection Open()
    {
        var connection = new SqliteConnection(_connectionString);
        connection.Open();
        Prepare(connection);
        return connection;
    }

    private void Prepare(SqliteConnection connection)
    {
        Execute(connection, $"pragma page_size = {_pageSize}; pragma journal_mode = wal; pragma synchronous = full; pragma temp_store = file; pragma busy_timeout = 5000");
        _whenOpened?.Invoke(connection);
    }

    private void PrepareReader(SqliteConnection connection)
    {
        Prepare(connection);
        Execute(connection, "pragma query_only = on");
    }

    private static int Execute(SqliteConnection connection, string sql, SqliteTransaction? transaction = null)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.Transaction = transaction;
        return command.ExecuteNonQuery();
    }

    private static SqliteCommand Command(SqliteTransaction transaction, string sql, params object[] values)
    {
        var command = transaction.Connection!.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = sql;
        for (var i = 0; i < values.Length; i++)
            command.Parameters.AddWithValue($"${i + 1}", values[i]);
        return command;
    }
}
