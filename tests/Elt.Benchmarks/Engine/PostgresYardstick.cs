using System.Diagnostics;
using Elt.Durable;
using Elt.Testing;
using Npgsql;

namespace Elt.Benchmarks.Engine;

/// <summary>A private Postgres with fsync on.</summary>
internal sealed class PostgresYardstick : IYardstick
{
    private const string Columns = "run_id, key, kind, status, epoch, attempts, started_at, completed_at, result";
    private readonly PostgresServer _server;
    private readonly string _connectionString;
    private readonly NpgsqlDataSource _dataSource;
    private int _batches;

    private PostgresYardstick(PostgresServer server, string connectionString)
    {
        _server = server;
        _connectionString = connectionString;
        _dataSource = NpgsqlDataSource.Create(connectionString + ";Max Auto Prepare=10");
    }

    public static async Task<PostgresYardstick> CreateAsync(CancellationToken ct)
    {
        var server = await PostgresServer.StartAsync(fsync: true);
        var yardstick = new PostgresYardstick(server, await server.NewDatabaseAsync());
        await using var command = yardstick._dataSource.CreateCommand(
            """
            create table bare (run_id text not null, key text not null, kind text not null, status text not null, epoch bigint not null, attempts int not null,
              started_at timestamptz not null, completed_at timestamptz not null, result text, error text, primary key (run_id, key))
            """);
        await command.ExecuteNonQueryAsync(ct);
        return yardstick;
    }

    public void Use(DurableBuilder durable) => durable.UsePostgres(_connectionString);

    public async Task<double> BatchRowsPerSecondAsync(int rows, CancellationToken ct)
    {
        var ids = Enumerable.Range(0, 1000).Select(i => $"0192aa00-0000-7000-8000-{i:000000000000}").ToArray();
        var begun = Stopwatch.GetTimestamp();
        for (var done = 0; done < rows; done += ids.Length)
        {
            await using var command = _dataSource.CreateCommand(
                $"insert into bare ({Columns}) select id, $2, 'STEP', 'SUCCESS', 1, 1, now(), now(), '1' from unnest($1::text[]) as i(id) on conflict do nothing");
            command.Parameters.Add(new() { Value = ids });
            command.Parameters.Add(new() { Value = $"step#{++_batches}" });
            await command.ExecuteNonQueryAsync(ct);
        }
        return rows / Stopwatch.GetElapsedTime(begun).TotalSeconds;
    }

    public async Task<double> SingleMedianAsync(int rows, CancellationToken ct)
    {
        await using var connection = await _dataSource.OpenConnectionAsync(ct);
        await using var command = new NpgsqlCommand($"insert into bare ({Columns}) values ($1, $2, 'STEP', 'SUCCESS', 1, 1, now(), now(), '1')", connection);
        command.Parameters.Add(new NpgsqlParameter<string>());
        command.Parameters.Add(new NpgsqlParameter<string>());
        ((NpgsqlParameter<string>)command.Parameters[0]).TypedValue = $"single-{Guid.CreateVersion7()}";
        ((NpgsqlParameter<string>)command.Parameters[1]).TypedValue = "";
        await command.PrepareAsync(ct);
        var times = new double[rows];
        for (var i = 0; i < rows; i++)
        {
            ((NpgsqlParameter<string>)command.Parameters[1]).TypedValue = $"step#{i}";
            var begun = Stopwatch.GetTimestamp();
            await command.ExecuteNonQueryAsync(ct);
            times[i] = Stopwatch.GetElapsedTime(begun).TotalMilliseconds;
        }
        return times.Order().ElementAt(rows / 2);
    }

    public async Task<(long Commits, long WalBytes)?> ActivityAsync(CancellationToken ct)
    {
        await using var command = _dataSource.CreateCommand(
            // Transaction ids are only given to transactions that write; the server's statistics lag behind.
            "select pg_snapshot_xmax(pg_current_snapshot())::text::bigint, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint");
        await using var reader = await command.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        return (reader.GetInt64(0), reader.GetInt64(1));
    }

    public async ValueTask DisposeAsync()
    {
        await _dataSource.DisposeAsync();
        await _server.DisposeAsync();
    }
}
