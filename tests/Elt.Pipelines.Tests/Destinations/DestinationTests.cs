using Elt.Pipelines.Destinations;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Tests.Suite;
using Elt.Pipelines.Warehouse;
using Xunit;

namespace Elt.Pipelines.Tests.Destinations;

/// <summary>What every destination does. A subclass brings the store.</summary>
[Trait("promise", "P8")]
public abstract class DestinationTests : IAsyncLifetime
{
    private protected Workshop Workshop { get; } = new();

    public async Task InitializeAsync()
    {
        await Workshop.Warehouse.InitializeAsync();
        await OpenAsync();
    }

    public virtual Task DisposeAsync()
    {
        Workshop.Dispose();
        return Task.CompletedTask;
    }

    private protected abstract Task OpenAsync();

    /// <summary>Syncs a run in a transaction of its own.</summary>
    private protected abstract Task<SyncSummary> SyncAsync(string runId, IntegrationKey? integration = null);

    /// <summary>Rows of a query, their columns joined by <c>|</c>, NULL as <c>-</c>; <c>users</c> and <c>sync_stream</c> are found unqualified.</summary>
    private protected abstract Task<string[]> RowsAsync(string sql);

    /// <summary>A number per row that changes whenever the row is written.</summary>
    private protected abstract string RowVersion { get; }

    [Fact]
    [Trait("case", "2")]
    public async Task A_first_sync_loads_everything_and_an_unchanged_second_one_writes_no_row()
    {
        await Workshop.RunAsync("run-1", User.Many(1000));
        var first = await SyncAsync("run-1");
        var before = await VersionsAsync();

        await Workshop.RunAsync("run-2", User.Many(1000));
        var second = await SyncAsync("run-2");

        Assert.Equal(new SyncSummary(1000, 0, 1000, FullLoad: true), first);
        Assert.Equal(1000, first.Shipped);
        Assert.Equal(new SyncSummary(0, 0, 1000, FullLoad: false), second);
        Assert.Equal(before, await VersionsAsync());
        Assert.Equal(["2|run-2"], await RowsAsync("select last_seq, last_run_id from sync_stream"));
    }

    [Fact]
    public async Task Exactly_the_changes_of_a_run_arrive()
    {
        await RunAsync("run-1", [new User("1", null), new User("2", "B"), new User("3"), new User("4")]);
        var before = await VersionsAsync();

        var second = await RunAsync("run-2", [new User("1", "A"), new User("2", null, null), new User("4"), new User("5", More: "\"team\":\"x\"")]);

        Assert.Equal(new SyncSummary(3, 1, 4, FullLoad: false), second);
        Assert.Equal(
            ["1|A|mail@example.org|2", "2|-|-|2", "4|Name|mail@example.org|1", "5|Name|mail@example.org|2"],
            await RowsAsync("select external_id, name, email, last_seq from users order by external_id"));
        Assert.Equal(before.Single(row => row.StartsWith("4|", StringComparison.Ordinal)), (await VersionsAsync()).Single(row => row.StartsWith("4|", StringComparison.Ordinal)));
        Assert.Equal(Workshop.Rows("select id from users_latest order by external_id"), await RowsAsync("select id from users order by external_id"));
    }

    [Fact]
    public async Task Changes_of_a_run_that_was_applied_but_never_synced_are_shipped_by_the_next_one()
    {
        await RunAsync("run-1", User.Many(10));
        await Workshop.RunAsync("run-2", [.. User.Many(8), new User("new", "first"), new User("gone soon")]);
        await Workshop.RunAsync("run-3", [.. User.Many(8), new User("new", "second")]);
        await Workshop.ExtractAsync("run-4", User.Many(8));

        var third = await SyncAsync("run-3");

        Assert.Equal(new SyncSummary(1, 3, 9, FullLoad: false), third);
        Assert.Equal(["second"], await RowsAsync("select name from users where external_id = 'new'"));
        Assert.Equal(["9|3"], await RowsAsync("select count(*), (select last_seq from sync_stream) from users"));
    }

    [Fact]
    public async Task A_run_ships_nothing_of_the_runs_after_it()
    {
        await RunAsync("run-1", User.Many(3));
        await Workshop.RunAsync("run-2", User.Many(4));
        await Workshop.RunAsync("run-3", User.Many(5));

        Assert.Equal(4, (await SyncAsync("run-2")).Rows);
        Assert.Equal(new SyncSummary(1, 0, 5, FullLoad: false), await SyncAsync("run-3"));
    }

    [Fact]
    [Trait("case", "56")]
    public async Task An_older_run_that_wakes_up_writes_nothing()
    {
        await RunAsync("run-1", User.Many(3));
        await Workshop.RunAsync("old", User.Many(4));
        await RunAsync("new", [.. User.Many(3), new User("u000004", "newer")]);
        var before = await VersionsAsync();

        var stale = await Assert.ThrowsAsync<StaleRunException>(() => SyncAsync("old"));

        Assert.Contains("superseded by run 'new'", stale.Message, StringComparison.Ordinal);
        Assert.Equal(before, await VersionsAsync());
        Assert.Equal(["3|new"], await RowsAsync("select last_seq, last_run_id from sync_stream"));
    }

    [Fact]
    public async Task A_sync_again_writes_no_row()
    {
        await RunAsync("run-1", User.Many(3));
        await RunAsync("run-2", User.Many(5));
        var before = await VersionsAsync();

        Assert.Equal(new SyncSummary(0, 0, 5, FullLoad: false), await SyncAsync("run-2"));
        Assert.Equal(before, await VersionsAsync());
    }

    [Fact]
    public async Task A_run_that_is_not_applied_is_not_synced()
    {
        await Workshop.ExtractAsync("run-1", User.Many(3));
        await Workshop.DetectAsync("run-1");

        await Assert.ThrowsAsync<RunStateException>(() => SyncAsync("run-1"));

        Assert.Equal(["0"], await RowsAsync("select count(*) from users"));
        Assert.Empty(await RowsAsync("select * from sync_stream"));
    }

    [Fact]
    public async Task A_lost_destination_is_loaded_in_full()
    {
        await RunAsync("run-1", User.Many(100));
        await RowsAsync("delete from sync_stream");
        await RowsAsync("delete from users where external_id > 'u000010'");
        await RowsAsync("insert into users (organization_id, connected_integration_id, external_id, id, last_seq, updated_at) "
            + "values ('org-001', 'okta', 'ghost', '00000000-0000-0000-0000-000000000001', 1, '2026-01-01')");
        var kept = await VersionsAsync("where external_id <= 'u000010' and external_id <> 'ghost'");

        var second = await RunAsync("run-2", User.Many(100));

        Assert.Equal(new SyncSummary(100, 1, 100, FullLoad: true), second);
        Assert.Equal(["100"], await RowsAsync("select count(*) from users"));
        Assert.Equal(kept, await VersionsAsync("where external_id <= 'u000010'"));
    }

    [Fact]
    public async Task A_new_warehouse_takes_over_with_a_full_load_whatever_its_numbers_are()
    {
        await RunAsync("run-1", User.Many(10));
        await RunAsync("run-2", User.Many(11));
        await Workshop.Warehouse.Database.WriteAsync(
            transaction => transaction.Execute(
                """
                delete from pipeline_runs; delete from users_latest; delete from users_cdc; delete from users_staging; delete from extract_pages;
                update warehouse_identity set warehouse_id = 'another'
                """),
            default);

        var taken = await RunAsync("run-x", User.Many(12));

        Assert.Equal(new SyncSummary(12, 0, 12, FullLoad: true), taken);
        Assert.Equal(["another|1|run-x"], await RowsAsync("select warehouse_id, last_seq, last_run_id from sync_stream"));
    }

    [Fact]
    [Trait("promise", "P5")]
    public async Task A_full_load_that_would_delete_many_rows_is_refused_and_writes_nothing()
    {
        await RunAsync("run-1", User.Many(100));
        await RowsAsync("delete from sync_stream");
        await Workshop.Warehouse.Database.WriteAsync(transaction => transaction.Execute("delete from users_latest where external_id > 'u000050'"), default);
        await Workshop.RunAsync("run-2", User.Many(50));

        var refused = await Assert.ThrowsAsync<DestinationSurplusException>(() => SyncAsync("run-2"));

        Assert.Contains("50 records of org-001/okta", refused.Message, StringComparison.Ordinal);
        Assert.Equal(["100"], await RowsAsync("select count(*) from users"));
        Assert.Empty(await RowsAsync("select * from sync_stream"));
    }

    [Fact]
    public async Task Many_changes_arrive_like_few()
    {
        var users = User.Many(5000);
        await RunAsync("run-1", users);

        var changed = users.Skip(400).Select((user, i) => i % 2 == 0 ? user with { Name = null, More = "\"n\":1" } : user).Concat(User.Many(1000, from: 9001)).ToArray();
        var second = await RunAsync("run-2", changed);

        Assert.Equal(new SyncSummary(3300, 400, 5600, FullLoad: false), second);
        Assert.Equal(["2300"], await RowsAsync("select count(*) from users where name is null"));
        Assert.Equal(["2300|1"], await RowsAsync("select count(*), min(last_seq) from users where last_seq = 1"));
        Assert.Equal(
            Workshop.Rows("select external_id, id, name, email from users_latest order by external_id"),
            await RowsAsync("select external_id, id, name, email from users order by external_id"));
    }

    [Fact]
    [Trait("promise", "P11")]
    [Trait("case", "51")]
    [Trait("case", "52")]
    public async Task Organizations_and_integrations_do_not_touch_each_other()
    {
        IntegrationKey[] keys = [new("org-001", "okta"), new("org-002", "okta"), new("org-001", "google")];
        foreach (var key in keys)
            await RunAsync($"first-{key}", User.Many(3), key);

        await RunAsync("second", User.Many(2), keys[1]);

        Assert.Equal(
            ["org-001|google|3", "org-001|okta|3", "org-002|okta|2"],
            await RowsAsync("select organization_id, connected_integration_id, count(*) from users group by 1, 2 order by 1, 2"));
    }

    [Theory]
    [InlineData(3)]
    [InlineData(2500)]
    [Trait("promise", "P13")]
    [Trait("case", "46")]
    [Trait("case", "47")]
    public async Task Any_text_arrives_as_it_came_and_what_cannot_be_stored_is_replaced(int changes)
    {
        await RunAsync("run-1", []);
        var users = User.Many(changes);
        users[0] = users[0] with { Name = "😀 שלום \t\"\\ é", Email = "\0x", More = """ "bio":"a\u0000b\ud800","big":1e400,"deep":{"\u0000":[null,true]} """ };

        var second = await RunAsync("run-2", users);

        Assert.Equal(changes, second.Shipped);
        Assert.Equal(["😀 שלום \t\"\\ é|\uFFFDx"], await RowsAsync("select name, email from users where external_id = 'u000001'"));
        Assert.Equal(
            ["""{"big":"1e400","bio":"a�b�","deep":{"�":[null,true]}}"""],
            (await RowsAsync("select attributes from users where external_id = 'u000001'")).Select(json => json.Replace(" ", "", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Rows_are_counted_by_integration()
    {
        await RunAsync("run-1", User.Many(3));
        await RunAsync("run-2", User.Many(2), new IntegrationKey("org-002", "okta"));

        var counts = await Destination.CountAsync();
        await Destination.CheckAsync();

        Assert.Equal(2, counts.Count);
        Assert.Equal(3, counts[Workshop.Okta]);
    }

    private protected abstract IDestination Destination { get; }

    private protected async Task<SyncSummary> RunAsync(string runId, User[] users, IntegrationKey? integration = null)
    {
        await Workshop.RunAsync(runId, users, integration, pageSize: 1000);
        return await SyncAsync(runId, integration);
    }

    private Task<string[]> VersionsAsync(string where = "") => RowsAsync($"select external_id, {RowVersion} from users {where} order by external_id");
}
