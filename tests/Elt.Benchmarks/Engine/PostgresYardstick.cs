using System.Diagnostics;
using System.Threading.Channels;
using Elt.Durable;
using Elt.Testing;
using Npgsql;
using NpgsqlTypes;

namespace Elt.Benchmarks.Engine;

/// <summary>A private Postgres with fsync on.</summary>
internal sealed class PostgresYardstick : IYardstick
{
    private const string Columns = "run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error";
    private readonly PostgresServer _server;
    private readonly string _connectionString;
    private readonly NpgsqlDataSource _dataSource;

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
        var steps = StepRow.Channel(rows);
        await using var connection = await _dataSource.OpenConnectionAsync(ct);
        await using var batch = new InsertBatch(connection);
        await batch.PrepareAsync(ct);
        var begun = Stopwatch.GetTimestamp();
        while (batch.Fill(steps) > 0)
            await batch.ExecuteAsync(ct);
        return rows / Stopwatch.GetElapsedTime(begun).TotalSeconds;
    }

    public async Task<double> SingleMedianAsync(int rows, CancellationToken ct)
    {
        await using var connection = await _dataSource.OpenConnectionAsync(ct);
        await using var command = new NpgsqlCommand($"insert into bare ({Columns}) values ($1, $2, 'STEP', 'SUCCESS', 1, 1, now(), now(), '1', null)", connection);
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

    /// <summary>One prepared statement with an array for each column.</summary>
    private sealed class InsertBatch : IAsyncDisposable
    {
        private readonly List<StepRow> _rows = new(StepRow.PerCommit);
        private readonly NpgsqlCommand _command;

        public InsertBatch(NpgsqlConnection connection)
        {
            _command = new NpgsqlCommand(
                $"""
                insert into bare ({Columns})
                select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::int[], $7::timestamptz[], $8::timestamptz[], $9::text[], $10::text[])
                """,
                connection);
            for (var i = 0; i < 4; i++)
                _command.Parameters.Add(new NpgsqlParameter<string[]>());
            _command.Parameters.Add(new NpgsqlParameter<long[]>());
            _command.Parameters.Add(new NpgsqlParameter<int[]>());
            for (var i = 0; i < 2; i++)
                _command.Parameters.Add(new NpgsqlParameter<DateTime[]> { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz });
            for (var i = 0; i < 2; i++)
                _command.Parameters.Add(new NpgsqlParameter<string?[]>());
        }

        public Task PrepareAsync(CancellationToken ct)
        {
            SetValues();
            return _command.PrepareAsync(ct);
        }

        public int Fill(ChannelReader<StepRow> steps)
        {
            _rows.Clear();
            while (_rows.Count < StepRow.PerCommit && steps.TryRead(out var row))
                _rows.Add(row);
            SetValues();
            return _rows.Count;
        }

        public Task ExecuteAsync(CancellationToken ct) => _command.ExecuteNonQueryAsync(ct);

        public ValueTask DisposeAsync() => _command.DisposeAsync();

        private void SetValues()
        {
            Set(0, row => row.RunId);
            Set(1, row => row.Key);
            Set(2, row => row.Kind);
            Set(3, row => row.Status);
            Set(4, row => row.Epoch);
            Set(5, row => row.Attempts);
            Set(6, row => row.StartedAt);
            Set(7, row => row.CompletedAt);
            Set(8, row => row.Result);
            Set(9, row => row.Error);
        }

        private void Set<T>(int parameter, Func<StepRow, T> value)
        {
            var values = new T[_rows.Count];
            for (var i = 0; i < values.Length; i++)
                values[i] = value(_rows[i]);
            ((NpgsqlParameter<T[]>)_command.Parameters[parameter]).TypedValue = values;
        }
    }
}
