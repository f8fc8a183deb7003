using System.Collections.Concurrent;
using System.Data.Common;
using Elt.Durable;
using Elt.Durable.Ledger;
using Elt.Testing;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Elt.Chaos.RandomPrograms;

/// <summary>What outlives the processes: the journal's store, a database for effects, and how often steps were executed.</summary>
internal abstract class World : IAsyncDisposable
{
    private readonly ConcurrentDictionary<(string, string), int> _executions = [];

    /// <summary>How often the step was executed by now, this time included.</summary>
    public int Executed(string run, string key) => _executions.AddOrUpdate((run, key), 1, (_, n) => n + 1);

    /// <summary>Chooses the journal.</summary>
    public abstract void Use(DurableBuilder durable);

    /// <summary>Ends the lease of a worker whose process died.</summary>
    public abstract Task BuryAsync(string worker);

    /// <summary>A transactional step that adds a row, in a table without key.</summary>
    public abstract Task<int> EffectAsync(WorkflowContext context, string name, string key, int value);

    /// <summary>Reads the journal; table names without schema.</summary>
    public Task<List<T>> ReadJournalAsync<T>(string sql, Func<DbDataReader, T> read) => ReadAsync(OpenJournal(), sql, read);

    public Task<List<string>> ReadEffectsAsync() => ReadAsync(OpenEffects(), "select run || ' ' || step from effects", row => row.GetString(0));

    public abstract ValueTask DisposeAsync();

    protected abstract DbConnection OpenJournal();

    protected abstract DbConnection OpenEffects();

    protected static async Task<int> InsertAsync(DbTransaction transaction, string run, string key, CancellationToken ct)
    {
        await using var insert = transaction.Connection!.CreateCommand();
        insert.Transaction = transaction;
        insert.CommandText = $"insert into effects (run, step) values ('{run}', '{key}')";
        return await insert.ExecuteNonQueryAsync(ct);
    }

    private static async Task<List<T>> ReadAsync<T>(DbConnection connection, string sql, Func<DbDataReader, T> read)
    {
        await using (connection)
        {
            await connection.OpenAsync();
            await using var command = connection.CreateCommand();
            command.CommandText = sql;
            await using var reader = await command.ExecuteReaderAsync();
            var rows = new List<T>();
            while (await reader.ReadAsync())
                rows.Add(read(reader));
            return rows;
        }
    }
}

internal sealed class SqliteWorld : World
{
    private readonly TempFolder _folder = new();
    private readonly SqliteDatabase _database;

    private SqliteWorld() => _database = new SqliteDatabase(_folder.File("effects.db"));

    public static async Task<World> CreateAsync()
    {
        var world = new SqliteWorld();
        await world._database.WriteAsync(
            transaction =>
            {
                using var create = new SqliteCommand("create table effects (run text, step text)", transaction.Connection, transaction);
                return create.ExecuteNonQuery();
            },
            default);
        return world;
    }

    public override void Use(DurableBuilder durable) => durable.UseSqlite(_folder.File("journal.db"));

    // Whoever opens the file knows that the one before is dead.
    public override Task BuryAsync(string worker) => Task.CompletedTask;

    public override Task<int> EffectAsync(WorkflowContext context, string name, string key, int value) => context.TransactionAsync(name, _database, async (transaction, ct) =>
        await InsertAsync(transaction, context.WorkflowId, key, ct) * value);

    public override ValueTask DisposeAsync()
    {
        _database.Dispose();
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    protected override DbConnection OpenJournal() => new SqliteConnection($"Data Source={_folder.File("journal.db")};Pooling=false");

    protected override DbConnection OpenEffects() => new SqliteConnection($"Data Source={_folder.File("effects.db")};Pooling=false");
}

internal sealed class PostgresWorld : World
{
    private readonly NpgsqlDataSource _dataSource;
    private readonly PostgresDatabase _database;

    private PostgresWorld(string connectionString)
    {
        _dataSource = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connectionString) { SearchPath = "durable,public", MaxPoolSize = 20 });
        _database = new PostgresDatabase(_dataSource);
    }

    public static async Task<World> CreateAsync()
    {
        var world = new PostgresWorld(await PostgresServer.CreateDatabaseAsync());
        await using var create = world._dataSource.CreateCommand("create table public.effects (run text, step text)");
        await create.ExecuteNonQueryAsync();
        return world;
    }

    public override void Use(DurableBuilder durable) => durable.UsePostgres(new NpgsqlConnectionStringBuilder(_dataSource.ConnectionString) { SearchPath = null, MaxPoolSize = 10 }.ToString());

    public override async Task BuryAsync(string worker)
    {
        await using var expire = _dataSource.CreateCommand("update workers set lease_until = '-infinity' where id = $1");
        expire.Parameters.Add(new() { Value = worker });
        await expire.ExecuteNonQueryAsync();
    }

    public override Task<int> EffectAsync(WorkflowContext context, string name, string key, int value) => context.TransactionAsync(name, _database, async (transaction, ct) =>
        await InsertAsync(transaction, context.WorkflowId, key, ct) * value);

    public override ValueTask DisposeAsync() => _dataSource.DisposeAsync();

    protected override DbConnection OpenJournal() => _dataSource.CreateConnection();

    protected override DbConnection OpenEffects() => _dataSource.CreateConnection();
}
