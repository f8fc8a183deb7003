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
    private int _rows;

    public SqliteYardstick()
    {
        SQLitePCL.Batteries_V2.Init();
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
        using var command = Insert();
        var begun = Stopwatch.GetTimestamp();
        for (var done = 0; done < rows; done += 1000)
        {
            using var transaction = _connection.BeginTransaction();
            command.Transaction = transaction;
            for (var i = 0; i < 1000; i++)
                Execute(command, i);
            transaction.Commit();
        }
        return Task.FromResult(rows / Stopwatch.GetElapsedTime(begun).TotalSeconds);
    }

    public Task<double> SingleMedianAsync(int rows, CancellationToken ct)
    {
        using var command = Insert();
        var times = new double[rows];
        for (var i = 0; i < rows; i++)
        {
            var begun = Stopwatch.GetTimestamp();
            Execute(command, i);
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
            "insert into bare (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result) values ($1, $2, 'STEP', 'SUCCESS', 1, 1, 1, 1, '1')", _connection);
        command.Parameters.Add("$1", SqliteType.Text);
        command.Parameters.Add("$2", SqliteType.Text);
        return command;
    }

    private void Execute(SqliteCommand command, int run)
    {
        command.Parameters[0].Value = $"0192aa00-0000-7000-8000-{run:000000000000}";
        command.Parameters[1].Value = $"step#{++_rows}";
        command.ExecuteNonQuery();
    }
}
