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

    private protected override string HistoryVersion => "xmin::text || ctid::text";

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
        Assert.Equal((long)MigrationScript.Of("Destinations/Migrations/Postgres").Count, await command.ExecuteScalarAsync());
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
        await RowsAsync("insert into elt.migrations (store, version, name, sha256) select min(store), 9999, 'later', '' from elt.migrations");

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

    [Fact]
    [Trait("promise", "P12")]
    public async Task Many_changes_are_planned_for_many_rows_that_nobody_has_counted()
    {
        var sql = new PostgresDatasetSql(Dataset.Users, new());
        await RunAsync("run-1", User.Many(1));
        await Workshop.RunAsync("run-2", User.Many(3000), pageSize: 1000);
        await using var connection = await _dataSource.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await _destination.SyncAsync(transaction, Workshop.Okta, "run-2", default);

        Assert.Equal(["2999"], await RowsAsync(connection, "select reltuples::int from pg_class where oid = 'pg_temp.users_incoming'::regclass"));
        var (followed, incoming) = (sql.History.FollowEverything, sql.History.FollowIncoming);
        foreach (var statement in new[] { sql.MergeIncoming, sql.CountSurplus, sql.DeleteSurplus, followed.Close, followed.Open, incoming.Close, incoming.Open })
        {
            var plan = await RowsAsync(connection, "explain " + statement, "org-001", "okta", 1L, 0L, "run-1");
            Assert.All(plan, line => Assert.DoesNotMatch("Nested Loop|SubPlan", line));
        }
    }

    [Fact]
    [Trait("promise", "P8")]
    public async Task Many_changes_of_an_integration_without_rows_are_copied_straight_into_the_table()
    {
        await RunAsync("run-1", []);
        await Workshop.RunAsync("run-2", User.Many(3000), pageSize: 1000);
        await Workshop.RunAsync("run-3", User.Many(2900), pageSize: 1000);
        await using (var connection = await _dataSource.OpenConnectionAsync())
        {
            await using var transaction = await connection.BeginTransactionAsync();
            var synced = await _destination.SyncAsync(transaction, Workshop.Okta, "run-3", default);

            Assert.Equal((2900, 100, 2900, false), (synced.Upserted, synced.Deleted, synced.Rows, synced.FullLoad));
            Assert.Equal(["-"], await RowsAsync(connection, "select to_regclass('pg_temp.users_incoming')"));
            await transaction.CommitAsync();
        }
        Assert.Equal(["2900|3"], await RowsAsync("select count(*), max(last_seq) from users where name = 'User ' || substr(external_id, 2)::int"));
        Assert.Equal(["INSERT|2900|1|2900"], await RowsAsync("select change_type, count(*), min(change_id), max(change_id) from users_changes group by 1"));
        Assert.Equal(["2900|1"], await RowsAsync("select count(*), max(version) from users_history where is_current"));

        await RunAsync("run-4", [new User("u000001", "other"), .. User.Many(2899, from: 2)]);
        Assert.Equal(["UPDATE|2901|run-4"], await RowsAsync("select change_type, change_id, run_id from users_changes where change_id > 2900"));
    }

    [Fact]
    [Trait("promise", "P12")]
    public async Task Few_changes_are_looked_up_by_key_also_when_the_planner_knows_nothing_of_the_integration()
    {
        await RunAsync("other", User.Many(10), new IntegrationKey("org-002", "okta"));
        await RowsAsync("analyze users, users_history");
        await RunAsync("run-1", User.Many(3000));
        await Workshop.RunAsync("run-2", [.. User.Many(2999), new User("u003000", "other")], pageSize: 1000);
        await using var connection = await _dataSource.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        var before = await LooksAsync(connection);
        await _destination.SyncAsync(transaction, Workshop.Okta, "run-2", default);
        var after = await LooksAsync(connection);

        // The count of the integration's rows at the end of a sync is the one look at all of them.
        Assert.Equal([1, 0, 0], after.Zip(before, (later, earlier) => (later - earlier) / 2900));
    }

    [Fact]
    [Trait("promise", "P8")]
    public async Task Numbers_in_the_outbox_follow_the_commits_because_the_streams_row_is_locked()
    {
        await RunAsync("run-1", User.Many(3));
        await Workshop.RunAsync("run-2", User.Many(4));
        await Workshop.RunAsync("run-3", User.Many(5));
        await using var connection = await _dataSource.OpenConnectionAsync();
        await using var first = await connection.BeginTransactionAsync();
        await _destination.SyncAsync(first, Workshop.Okta, "run-2", default);

        var second = SyncAsync("run-3");
        await WaitForLockAsync();
        Assert.Equal(["3"], await RowsAsync("select max(change_id) from users_changes"));
        await first.CommitAsync();
        await second;

        Assert.Equal(["4|run-2", "5|run-3"], await RowsAsync("select change_id, run_id from users_changes where change_id > 3 order by 1"));
    }

    /// <summary>Rows of users, outbox and history that a session has looked at; some of its earlier transactions may be counted.</summary>
    private static async Task<long[]> LooksAsync(NpgsqlConnection connection) =>
    [
        .. (await RowsAsync(
            connection,
            """
            select seq_tup_read + idx_tup_fetch from pg_stat_xact_user_tables
            where relname in ('users', 'users_changes', 'users_history') order by relname
            """)).Select(rows => long.Parse(rows, CultureInfo.InvariantCulture)),
    ];

    private protected override async Task OpenAsync()
    {
        var connectionString = new NpgsqlConnectionStringBuilder(await PostgresServer.CreateDatabaseAsync()) { SearchPath = "elt" };
        _dataSource = NpgsqlDataSource.Create(connectionString);
        _destination = Create(_dataSource);
        await _destination.InitializeAsync();
    }

    private protected override void Use(DestinationOptions options) => _destination = Create(_dataSource, options);

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
        await using var connection = await _dataSource.OpenConnectionAsync();
        return await RowsAsync(connection, sql);
    }

    private static async Task<string[]> RowsAsync(NpgsqlConnection connection, string sql, params object[] values)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
            command.Parameters.Add(new() { Value = value });
        await using var row = await command.ExecuteReaderAsync();
        var rows = new List<string>();
        while (await row.ReadAsync())
            rows.Add(string.Join('|', Enumerable.Range(0, row.FieldCount).Select(i => row.IsDBNull(i) ? "-" : Convert.ToString(row.GetValue(i), CultureInfo.InvariantCulture))));
        return [.. rows];
    }

    private PostgresDestination Create(NpgsqlDataSource dataSource, DestinationOptions? options = null) =>
         new(dataSource, Workshop.Warehouse, Dataset.Users, Workshop.Thresholds, options ?? new());

    /// <summary>Returns when some session of the database waits for a lock.</summary>
    private Task WaitForLockAsync() => Eventually.TrueAsync(async () =>
        (await RowsAsync("select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")).Length > 0);
}
