using System.Diagnostics;
using Elt.Durable;
using Elt.Testing;
using Microsoft.Data.Sqlite;

namespace Elt.Benchmarks.Engine;

/// <summary>A SQLite file with write-ahead log and <c>synchronous=FULL</c>.</summary>
internal sealed class SqliteYardstick : IYardstick
{
    private readonly TempFolder _folder = new();
    private readonly SqliteConnection _connection;

    public SqliteYardstick()
    {
        _connection = new SqliteConnection($"Data Source={_folder.File("bare.db")};Pooling=false");
        _connection.Open();
        using var command = new SqliteCommand(
            """
            pragma journal_mode = wal; pragma synchronous = full;
            create table bare (run_id text not null, key text not null, kind text not null, status text not null, epoch integer not null, attempts integer not null,
              started_at integer not null, completed_at integer not null, result text, error text, primary key (run_id, key)) without rowid
            """,
            _connection);
        command.ExecuteNonQuery();
    }

    public void Use(DurableBuilder durable) => durable.UseSqlite(_folder.File("journal.db"));

    public Task<double> BatchRowsPerSecondAsync(int rows, CancellationToken ct)
    {
        var steps = StepRow.Channel(rows);
        using var command = Insert();
        var begun = Stopwatch.GetTimestamp();
        while (steps.TryPeek(out _))
        {
            using var transaction = _connection.BeginTransaction();
            command.Transaction = transaction;
            for (var i = 0; i < StepRow.PerCommit && steps.TryRead(out var row); i++)
                Execute(command, row);
            transaction.Commit();
        }
        return Task.FromResult(rows / Stopwatch.GetElapsedTime(begun).TotalSeconds);
    }

    public Task<double> SingleMedianAsync(int rows, CancellationToken ct)
    {
        var steps = StepRow.Channel(rows);
        using var command = Insert();
        var times = new double[rows];
        for (var i = 0; steps.TryRead(out var row); i++)
        {
            var begun = Stopwatch.GetTimestamp();
            Execute(command, row);
            times[i] = Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
        }
        return Task.FromResult(times.Order().ElementAt(rows / 2));
    }

    public Task<(long Commits, long WalBytes)?> ActivityAsync(CancellationToken ct) => Task.FromResult<(long, long)?>(null);

    public ValueTask DisposeAsync()
    {
        _connection.Dispose();
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    private SqliteCommand Insert()
    {
        var command = new SqliteCommand(
            """
            insert into bare (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            """,
            _connection);
        for (var i = 1; i <= 10; i++)
            command.Parameters.Add(new SqliteParameter { ParameterName = $"${i}" });
        command.Prepare();
        return command;
    }

    private static void Execute(SqliteCommand command, StepRow row)
    {
        command.Parameters[0].Value = row.RunId;
        command.Parameters[1].Value = row.Key;
        command.Parameters[2].Value = row.Kind;
        command.Parameters[3].Value = row.Status;
        command.Parameters[4].Value = row.Epoch;
        command.Parameters[5].Value = row.Attempts;
        command.Parameters[6].Value = Microseconds(row.StartedAt);
        command.Parameters[7].Value = Microseconds(row.CompletedAt);
        command.Parameters[8].Value = row.Result ?? (object)DBNull.Value;
        command.Parameters[9].Value = row.Error ?? (object)DBNull.Value;
        command.ExecuteNonQuery();
    }

    private static long Microseconds(DateTime time) => (time - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
}
