using System.Globalization;
using Elt.Pipelines.Destinations;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Schema;
using Elt.Pipelines.Tests.Suite;
using Elt.Pipelines.Warehouse;
using Elt.Testing;
using Npgsql;
using Xunit;

namespace Elt.Pipelines.Tests.Destinations;

public sealed class PostgresDestinationTests : DestinationTests
{
    private NpgsqlDataSource _dataSource = null!;
    private PostgresDestination _destination = null!;

    private protected override IDestination Destination => _destination;

    private protected override string RowVersion => "xmin::text || ctid::text";

    public override async Task DisposeAsync()
    {
        await _dataSource.DisposeAsync();
        await base.DisposeAsync();
    }

    [Fact]
    public async Task Processes_that_start_at_once_migrate_once()
    {
        await using var dataSource = NpgsqlDataSource.Create(await PostgresServer.CreateDatabaseAsync());

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Create(dataSource).InitializeAsync()));

        await using var command = dataSource.CreateCommand("select count(*) from elt.migrations");
        Assert.Equal(1L, await command.ExecuteScalarAsync());
    }

    [Fact]
    public async Task A_released_migration_that_was_edited_is_refused()
    {
        await RowsAsync("update elt.migrations set sha256 = 'other'");

        var refused = await Assert.ThrowsAsync<SchemaException>(() => _destination.InitializeAsync());

        Assert.Contains("applied with other content", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_of_a_newer_version_is_refused()
    {
        await RowsAsync("insert into elt.migrations (store, version, name, sha256) select store, 2, 'later', '' from elt.migrations");

        var refused = await Assert.ThrowsAsync<SchemaException>(() => _destination.InitializeAsync());

        Assert.Contains("start the newer version", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("promise", "P8")]
    public async Task Syncs_of_one_integration_follow_one_another()
    {
        await RunAsync("run-1", User.Many(3));
        await Workshop.RunAsync("run-2", User.Many(4));
        await Workshop.RunAsync("run-3", User.Many(5));
        await using var connection = await _dataSource.OpenConnectionAsync();
        await using var first = await connection.BeginTransactionAsync();
        await _destination.SyncAsync(first, Workshop.Okta, "run-3", default);

        var second = SyncAsync("run-2");
        await WaitForLockAsync();
        await first.CommitAsync();

        await Assert.ThrowsAsync<StaleRunException>(() => second);
        Assert.Equal(["5"], await RowsAsync("select count(*) from users"));
    }

    private protected override async Task OpenAsync()
    {
        var connectionString = new NpgsqlConnectionStringBuilder(await PostgresServer.CreateDatabaseAsync()) { SearchPath = "elt" };
        _dataSource = NpgsqlDataSource.Create(connectionString);
        _destination = Create(_dataSource);
        await _destination.InitializeAsync();
    }

    private protected override async Task<SyncSummary> SyncAsync(string runId, IntegrationKey? integration = null)
    {
        await using var connection = await _dataSource.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        var summary = await _destination.SyncAsync(transaction, integration ?? Workshop.Okta, runId, default);
        await transaction.CommitAsync();
        return summary;
    }

    private protected override async Task<string[]> RowsAsync(string sql)
    {
        await using var command = _dataSource.CreateCommand(sql);
        await using var row = await command.ExecuteReaderAsync();
        var rows = new List<string>();
        while (await row.ReadAsync())
            rows.Add(string.Join('|', Enumerable.Range(0, row.FieldCount).Select(i => row.IsDBNull(i) ? "-" : Convert.ToString(row.GetValue(i), CultureInfo.InvariantCulture))));
        return [.. rows];
    }

    private PostgresDestination Create(NpgsqlDataSource dataSource) => new(dataSource, Workshop.Warehouse, Dataset.Users, Workshop.Thresholds);

    /// <summary>Returns when some session of the database waits for a lock.</summary>
    private async Task WaitForLockAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while ((await RowsAsync("select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")).Length == 0)
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, patience.Token);
    }
}
