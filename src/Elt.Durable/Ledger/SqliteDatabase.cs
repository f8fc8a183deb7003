using Microsoft.Data.Sqlite;

namespace Elt.Durable.Ledger;

/// <summary>
/// A SQLite file for transactional steps: write-ahead log, <c>synchronous=FULL</c>, one writer at a time by a gate in the process
/// (SQLite's own waiting polls and is unfair), any number of readers.
/// </summary>
public sealed class SqliteDatabase : TransactionalDatabase<SqliteTransaction>, IDisposable
{
    private readonly SemaphoreSlim _gate = new(1);
    private SqliteConnection? _writer;

    /// <param name="path">The file; its folder must exist, the file is created when missing.</param>
    public SqliteDatabase(string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        SQLitePCL.Batteries_V2.Init();
        Path = path;
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Opens a connection that can only read; it sees a snapshot while a reader or transaction is open on it.</summary>
    public SqliteConnection OpenRead()
    {
        var connection = Open();
        Execute(connection, "pragma query_only = on");
        return connection;
    }

    /// <summary>Runs a body in a transaction of its own, without ledger, and commits it.</summary>
    /// <param name="body">The work; any exception rolls back.</param>
    /// <param name="ct">Ends the wait for the gate.</param>
    public Task<T> WriteAsync<T>(Func<SqliteTransaction, T> body, CancellationToken ct) =>
        InTransactionAsync(transaction => Task.FromResult((body(transaction), true)), ct);

    /// <inheritdoc/>
    public void Dispose()
    {
        _writer?.Dispose();
        _gate.Dispose();
    }

    private protected override async Task CreateLedgerAsync(CancellationToken ct) =>
        await WriteAsync(
            transaction => Execute(
                transaction.Connection!,
                """
                create table if not exists step_ledger (
                  workflow_id text not null,
                  step text not null,
                  epoch integer not null,
                  result text not null,
                  recorded_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
                  primary key (workflow_id, step)) without rowid;
                create table if not exists step_fence (
                  workflow_id text primary key,
                  epoch integer not null) without rowid;
                """,
                transaction),
            ct).ConfigureAwait(false);

    private protected override async Task<T> InTransactionAsync<T>(Func<SqliteTransaction, Task<(T Result, bool Commit)>> body, CancellationToken ct)
    {
        await _gate.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            _writer ??= Open();
            using var transaction = _writer.BeginTransaction(deferred: false);
            var (result, commit) = await body(transaction).ConfigureAwait(false);
            if (commit)
                transaction.Commit();
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

    private protected override Task<long> RaiseFenceAsync(SqliteTransaction transaction, StepIdentity step, CancellationToken ct)
    {
        using var command = Command(
            transaction,
            """
            insert into step_fence (workflow_id, epoch) values ($1, $2)
            on conflict (workflow_id) do update set epoch = max(epoch, excluded.epoch)
            returning epoch
            """,
            step.WorkflowId, step.Epoch);
        return Task.FromResult((long)command.ExecuteScalar()!);
    }

    private protected override Task<string?> FindResultAsync(SqliteTransaction transaction, StepIdentity step, CancellationToken ct)
    {
        using var command = Command(transaction, "select result from step_ledger where workflow_id = $1 and step = $2", step.WorkflowId, step.Key);
        return Task.FromResult((string?)command.ExecuteScalar());
    }

    private protected override Task RecordAsync(SqliteTransaction transaction, StepIdentity step, string result, CancellationToken ct)
    {
        using var command = Command(
            transaction, "insert into step_ledger (workflow_id, step, epoch, result) values ($1, $2, $3, $4)",
            step.WorkflowId, step.Key, step.Epoch, result);
        command.ExecuteNonQuery();
        return Task.CompletedTask;
    }

    // Only one writer at a time: what the ledger did not hold at the start of a transaction, nobody else can add before its end.
    private protected override bool IsLedgerConflict(Exception error) => false;

    private SqliteConnection Open()
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = Path, Pooling = false }.ToString());
        connection.Open();
        Execute(connection, "pragma journal_mode = wal; pragma synchronous = full; pragma temp_store = file; pragma busy_timeout = 5000");
        return connection;
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
