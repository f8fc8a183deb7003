using Elt.Durable;
using Elt.Testing;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Elt.Benchmarks.Scale;

/// <summary>Fills a journal's tables with statements of its own: a million runs cannot wait for an engine. One per kind of journal.</summary>
internal abstract class JournalFiller : IAsyncDisposable
{
    public const string Queue = "bench";
    public const string Workflow = "filled-7";
    public const string RareWorkflow = "rare";
    public const int ChildrenOfParent = 100;

    public abstract void Use(DurableBuilder durable);

    /// <summary>Creates runs that wait in the queue.</summary>
    public Task EnqueueAsync(int runs, string queue) => ExecuteAsync(
        $"""
        insert into {Schema}runs (id, workflow, version, status, epoch, due_at, queue, created_at, input)
        select 'queued-{queue}-' || n, '{Workflow}', 1, 'ENQUEUED', 0, {Ago("1000000 - n")}, '{queue}', {Ago("1000000 - n")}, '{Input}' from {Series(runs)}
        """);

    /// <summary>
    /// Creates runs that ended over the last days, with a step each: 1 of 50 as an error, 1 of 2 in the queue, 1 of 10 as a child of a parent with
    /// <see cref="ChildrenOfParent"/> children; the oldest <see cref="ChildrenOfParent"/> of <see cref="RareWorkflow"/>.
    /// </summary>
    public async Task FinishAsync(int runs)
    {
        await ExecuteAsync(
            $"""
            insert into {Schema}runs (id, workflow, version, status, epoch, queue, parent_id, created_at, started_at, completed_at, input, output)
            select case when n % 10 = 0 then 'parent-' || (n / {10 * ChildrenOfParent}) || '/' || n else 'finished-' || n end,
              case when n <= {ChildrenOfParent} then '{RareWorkflow}' else 'filled-' || (n % 10) end, 1, case when n % 50 = 1 then 'ERROR' else 'SUCCESS' end, 1,
              case when n % 2 = 1 then '{Queue}' end, case when n % 10 = 0 then 'parent-' || (n / {10 * ChildrenOfParent}) end,
              {Ago($"{2 * runs} - n")}, {Ago($"{2 * runs} - n")}, {Ago($"{2 * runs} - n")}, '{Input}', '1'
            from {Series(runs)}
            """);
        await ExecuteAsync(
            $"""
            insert into {Schema}steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result)
            select id, 'step', 'STEP', 'SUCCESS', 1, 1, started_at, completed_at, '1' from {Schema}runs where status in ('SUCCESS', 'ERROR')
            """);
    }

    /// <summary>Creates so many due, parked and delayed runs, each without queue, and as many due ones in the queue.</summary>
    public async Task LiveAsync(int each)
    {
        await EnqueueAsync(each, Queue);
        foreach (var (name, status, due) in new[] { ("due", "ENQUEUED", Ago("n")), ("parked", "WAITING", "null"), ("delayed", "ENQUEUED", Ago("-1000000")) })
        {
            await ExecuteAsync(
                $"""
                insert into {Schema}runs (id, workflow, version, status, epoch, due_at, created_at, input)
                select '{name}-' || n, '{Workflow}', 1, '{status}', 1, {due}, {Ago("n")}, '{Input}' from {Series(each)}
                """);
        }
    }

    /// <summary>What the database does by itself after a while.</summary>
    public abstract Task SettleAsync();

    public abstract ValueTask DisposeAsync();

    protected abstract string Schema { get; }

    protected abstract Task ExecuteAsync(string sql);

    /// <summary>A time so many tenths of a second before now.</summary>
    protected abstract string Ago(string tenths);

    /// <summary>The numbers from 1 on, as column <c>n</c>.</summary>
    protected abstract string Series(int count);

    private const string Input = """{"organization":"0192aa00-0000-7000-8000-000000000000","pages":12}""";
}

internal sealed class PostgresFiller : JournalFiller
{
    private readonly PostgresServer _server;
    private readonly NpgsqlDataSource _dataSource;

    private PostgresFiller(PostgresServer server, string connectionString)
    {
        _server = server;
        ConnectionString = connectionString;
        _dataSource = NpgsqlDataSource.Create(connectionString + ";Command Timeout=0");
    }

    public string ConnectionString { get; }

    public static async Task<PostgresFiller> CreateAsync()
    {
        var server = await PostgresServer.StartAsync(fsync: true);
        return new(server, await server.NewDatabaseAsync());
    }

    public override void Use(DurableBuilder durable) => durable.UsePostgres(ConnectionString);

    public override Task SettleAsync() => ExecuteAsync("vacuum analyze");

    public override async ValueTask DisposeAsync()
    {
        await _dataSource.DisposeAsync();
        await _server.DisposeAsync();
    }

    protected override string Schema => "durable.";

    protected override async Task ExecuteAsync(string sql)
    {
        await using var command = _dataSource.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    protected override string Ago(string tenths) => $"now() - ({tenths}) * interval '100 ms'";

    protected override string Series(int count) => $"generate_series(1, {count}) as s(n)";
}

internal sealed class SqliteFiller : JournalFiller
{
    private readonly TempFolder _folder = new();

    public override void Use(DurableBuilder durable) => durable.UseSqlite(_folder.File("journal.db"));

    public override Task SettleAsync() => Task.CompletedTask;

    public override ValueTask DisposeAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    protected override string Schema => "";

    protected override async Task ExecuteAsync(string sql)
    {
        await using var connection = new SqliteConnection($"Data Source={_folder.File("journal.db")};Pooling=false");
        await connection.OpenAsync();
        await using var command = new SqliteCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync();
    }

    protected override string Ago(string tenths) => $"{(TimeProvider.System.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond} - ({tenths}) * 100000";

    protected override string Series(int count) => $"(with recursive s(n) as (select 1 union all select n + 1 from s where n < {count}) select n from s)";
}
