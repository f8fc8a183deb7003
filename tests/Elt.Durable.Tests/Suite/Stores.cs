using Elt.Durable.Journal.Postgres;
using Elt.Testing;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Elt.Durable.Tests.Suite;

/// <summary>A place for a journal: each test of the suite gets a fresh one of each kind.</summary>
public interface IStore : IAsyncDisposable
{
    Task CreateAsync();

    void Use(DurableBuilder durable);

    /// <summary>Makes all workers' leases end now, as if the time had passed.</summary>
    Task ExpireLeasesAsync();

    /// <summary>Asks the journal's tables directly; table names without schema.</summary>
    Task<long> CountAsync(string sql);

    Task ExecuteAsync(string sql);
}

public sealed class SqliteStore : IStore
{
    private readonly TempFolder _folder = new();

    public string Path => _folder.File("journal.db");

    public Task CreateAsync() => Task.CompletedTask;

    public void Use(DurableBuilder durable) => durable.UseSqlite(Path);

    public Task ExpireLeasesAsync() => ExecuteAsync("update workers set lease_until = 0");

    public async Task<long> CountAsync(string sql)
    {
        await using var connection = await OpenAsync();
        await using var command = new SqliteCommand(sql, connection);
        return Convert.ToInt64(await command.ExecuteScalarAsync());
    }

    public async Task ExecuteAsync(string sql)
    {
        await using var connection = await OpenAsync();
        await using var command = new SqliteCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    public ValueTask DisposeAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<SqliteConnection> OpenAsync()
    {
        var connection = new SqliteConnection($"Data Source={Path};Pooling=false");
        await connection.OpenAsync();
        return connection;
    }
}

public sealed class PostgresStore : IStore
{
    private static readonly Lazy<Task<string>> Migrated = new(MigrateAsync);

    private NpgsqlDataSource? _dataSource;

    public string ConnectionString { get; private set; } = "";

    public async Task CreateAsync()
    {
        ConnectionString = await PostgresServer.CreateDatabaseAsync(template: await Migrated.Value);
        _dataSource = NpgsqlDataSource.Create(ConnectionString + ";Search Path=durable;Maximum Pool Size=4");
    }

    public void Use(DurableBuilder durable) => durable.UsePostgres(ConnectionString + ";Maximum Pool Size=10");

    public Task ExpireLeasesAsync() => ExecuteAsync("update workers set lease_until = '-infinity'");

    public async Task<long> CountAsync(string sql)
    {
        await using var command = _dataSource!.CreateCommand(sql);
        return Convert.ToInt64(await command.ExecuteScalarAsync());
    }

    public async Task ExecuteAsync(string sql)
    {
        await using var command = _dataSource!.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_dataSource is not null)
            await _dataSource.DisposeAsync();
    }

    /// <returns>A database whose journal is empty: copied for each test, which is quicker than to migrate for each.</returns>
    private static async Task<string> MigrateAsync()
    {
        var settings = new NpgsqlConnectionStringBuilder(await PostgresServer.CreateDatabaseAsync()) { Pooling = false };
        await using var dataSource = NpgsqlDataSource.Create(settings.ToString());
        await using var journal = new PostgresJournal(new Journal.Postgres.PostgresStore(dataSource, new Journal.JournalSettings()));
        await journal.OpenAsync(default);
        return settings.Database!;
    }
}
