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

    /// <summary>Goes on with other options on the same tables.</summary>
    private protected abstract void Use(DestinationOptions options);

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
        await AssertHistoryIsInStepAsync();
        Assert.Equal(
            ["DELETE|400", "INSERT|1000", "UPDATE|2300"],
            await RowsAsync("select change_type, count(*) from users_changes where run_id = 'run-2' group by 1 order by 1"));
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

        var counts = await Destination.CountAsync("users");
        await Destination.CheckAsync();

        Assert.Equal(2, counts.Count);
        Assert.Equal(3, counts[Workshop.Okta]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2500)]
    public async Task Each_change_is_told_once_with_what_it_changed_and_history_keeps_each_version(int others)
    {
        var more = User.Many(others, from: 100_001);
        await RunAsync("run-1", [new User("1", "A"), new User("2", "B", More: "\"n\":1"), new User("3", null), .. more]);
        await RunAsync("run-2", [new User("1", "A"), new User("2", "B", null, "\"n\":2"), .. more]);
        await RunAsync("run-3", [new User("1", "A"), new User("2", "B", null, "\"n\":2"), new User("3", "C"), .. more.Select(user => user with { Name = "new" })]);

        Assert.Equal(
            [
                "run-1|1|INSERT|-|{\"name\":\"A\",\"email\":\"mail@example.org\",\"attributes\":null}",
                "run-1|2|INSERT|-|{\"name\":\"B\",\"email\":\"mail@example.org\",\"attributes\":{\"n\":1}}",
                "run-1|3|INSERT|-|{\"name\":null,\"email\":\"mail@example.org\",\"attributes\":null}",
                "run-2|2|UPDATE|{\"email\":\"mail@example.org\",\"attributes\":{\"n\":1}}|{\"email\":null,\"attributes\":{\"n\":2}}",
                "run-2|3|DELETE|{\"name\":null,\"email\":\"mail@example.org\",\"attributes\":null}|-",
                "run-3|3|INSERT|-|{\"name\":\"C\",\"email\":\"mail@example.org\",\"attributes\":null}",
            ],
            await ToldAsync("where external_id < 'u'"));
        Assert.Equal(
            ["1|1|A|1|run-1", "2|1|B|0|run-1", "2|2|B|1|run-2", "3|1|-|0|run-1", "3|2|C|1|run-3"],
            await RowsAsync("select external_id, version, name, case when is_current then 1 else 0 end, run_id from users_history where external_id < 'u' order by 1, 2"));
        await AssertHistoryIsInStepAsync();
        Assert.Equal(
            [$"{6 + (2 * others)}|{6 + (2 * others)}|1|{6 + (2 * others)}"],
            await RowsAsync("select count(*), max(change_id), min(change_id), (select last_change_id from sync_stream) from users_changes"));
    }

    [Fact]
    public async Task A_sync_again_tells_nothing_and_opens_no_version()
    {
        await RunAsync("run-1", User.Many(3));
        await RunAsync("run-2", [.. User.Many(2), new User("u000003", "other")]);
        var before = (await ToldAsync(), await RowsAsync($"select external_id, version, {HistoryVersion} from users_history order by 1, 2"));

        await SyncAsync("run-2");
        await RowsAsync("delete from sync_stream");
        await SyncAsync("run-2");

        Assert.Equal(before.Item1, await ToldAsync());
        Assert.Equal(before.Item2, await RowsAsync($"select external_id, version, {HistoryVersion} from users_history order by 1, 2"));
    }

    [Fact]
    public async Task A_full_load_tells_what_it_changes_with_numbers_that_go_on()
    {
        await RunAsync("run-1", User.Many(20));
        await RowsAsync("delete from sync_stream");
        await RowsAsync("update users set external_id = 'ghost' where external_id = 'u000007'");
        await RowsAsync("update users set name = 'drifted' where external_id = 'u000008'");

        await RunAsync("run-2", User.Many(20));

        Assert.Equal(
            ["DELETE|ghost", "INSERT|u000007", "UPDATE|u000008"],
            await RowsAsync("select change_type, external_id from users_changes where run_id = 'run-2' order by 1"));
        Assert.Equal(["21|23"], await RowsAsync("select min(change_id), max(change_id) from users_changes where run_id = 'run-2'"));
        await AssertHistoryIsInStepAsync();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2500)]
    public async Task A_soft_delete_keeps_the_row_and_a_record_that_comes_back_is_restored(int others)
    {
        User[] Others(string name) => [.. User.Many(others, from: 100_001).Select(user => user with { Name = name })];
        Use(new DestinationOptions { DeleteMode = DeleteMode.Soft });
        await RunAsync("run-1", [.. User.Many(4), .. Others("first")]);
        var gone = await RunAsync("run-2", [.. User.Many(3), .. Others("second")]);

        Assert.Equal(new SyncSummary(others, 1, 3 + others, FullLoad: false), gone);
        Assert.Equal(["u000004|User 4|2"], await RowsAsync("select external_id, name, last_seq from users where deleted_at is not null"));
        Assert.Equal(3 + others, (await Destination.CountAsync("users"))[Workshop.Okta]);
        Assert.Equal(["DELETE"], await RowsAsync("select change_type from users_changes where run_id = 'run-2' and external_id < 'u1'"));
        await AssertHistoryIsInStepAsync();

        var back = await RunAsync("run-3", [.. User.Many(4), .. Others("third")]);

        Assert.Equal(new SyncSummary(1 + others, 0, 4 + others, FullLoad: false), back);
        Assert.Equal([$"0|{4 + others}"], await RowsAsync("select count(deleted_at), count(*) from users"));
        Assert.Equal(["run-3|u000004|RESTORE|{}|{}"], await ToldAsync("where run_id = 'run-3' and external_id < 'u1'"));
        Assert.Equal(["2|run-3"], await RowsAsync("select version, run_id from users_history where external_id = 'u000004' and valid_to is null"));
        await AssertHistoryIsInStepAsync();
    }

    [Fact]
    public async Task A_full_load_marks_surplus_rows_as_deleted_once()
    {
        Use(new DestinationOptions { DeleteMode = DeleteMode.Soft });
        await RunAsync("run-1", User.Many(20));
        await RowsAsync("delete from sync_stream");
        await RowsAsync("update users set external_id = 'ghost' where external_id = 'u000007'");
        Assert.Equal(1, (await RunAsync("run-2", User.Many(20))).Deleted);
        await RowsAsync("delete from sync_stream");

        Assert.Equal(new SyncSummary(20, 0, 20, FullLoad: true), await RunAsync("run-3", User.Many(20)));
        Assert.Equal(["ghost"], await RowsAsync("select external_id from users where deleted_at is not null"));
        Assert.Empty(await ToldAsync("where run_id = 'run-3'"));
        await AssertHistoryIsInStepAsync();
    }

    [Fact]
    public async Task History_that_is_switched_on_later_begins_with_the_rows_there_are()
    {
        await RunAsync("run-1", User.Many(5));
        Use(new DestinationOptions { History = false });
        await RunAsync("run-2", [.. User.Many(4), new User("u000006", "new")]);
        Assert.Equal(["5|5"], await RowsAsync("select count(*), (select count(*) from users_changes) from users_history"));

        Use(new DestinationOptions());
        await RunAsync("run-3", [.. User.Many(4), new User("u000006", "new")]);

        Assert.Equal(["5|5"], await RowsAsync("select count(*), (select max(change_id) from users_changes) from users"));
        Assert.Equal(["u000006|1|run-3"], await RowsAsync("select external_id, version, run_id from users_history where run_id <> 'run-1'"));
        await AssertHistoryIsInStepAsync();
    }

    private protected abstract IDestination Destination { get; }

    private protected async Task<SyncSummary> RunAsync(string runId, User[] users, IntegrationKey? integration = null)
    {
        await Workshop.RunAsync(runId, users, integration, pageSize: 1000);
        return await SyncAsync(runId, integration);
    }

    /// <summary>A number per version of a row that changes whenever the version is written.</summary>
    private protected abstract string HistoryVersion { get; }

    private async Task<string[]> ToldAsync(string where = "") =>
        [.. (await RowsAsync($"select run_id, external_id, change_type, before, after from users_changes {where} order by run_id, external_id"))
            .Select(row => string.Join('|', row.Split('|').Select(InOrder)))];

    // Postgres keeps members in an order of its own.
    private static string InOrder(string text) => !text.StartsWith('{') ? text : "{" + string.Join(',', System.Text.Json.JsonDocument.Parse(text).RootElement
        .EnumerateObject().OrderBy(member => Array.IndexOf(new[] { "name", "email", "attributes" }, member.Name))
        .Select(member => $"\"{member.Name}\":{member.Value.GetRawText().Replace(" ", "", StringComparison.Ordinal)}")) + "}";

    private async Task AssertHistoryIsInStepAsync()
    {
        const string Columns = "organization_id, connected_integration_id, external_id, id, name, email, attributes";
        Assert.Equal(
            await RowsAsync($"select {Columns} from users where deleted_at is null order by 1, 2, 3"),
            await RowsAsync($"select {Columns} from users_history where valid_to is null order by 1, 2, 3"));
        Assert.Empty(await RowsAsync("select external_id from users_history group by 1 having count(*) <> max(version)"));
    }

    private Task<string[]> VersionsAsync(string where = "") => RowsAsync($"select external_id, {RowVersion} from users {where} order by external_id");
}
