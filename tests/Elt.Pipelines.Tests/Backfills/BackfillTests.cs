using System.Text.Json;
using Elt.Durable;
using Elt.Pipelines.Backfills;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Reviews;
using Elt.Pipelines.Tests.Incremental;
using Elt.Pipelines.Tests.Suite;
using Elt.Testing;
using Npgsql;
using Xunit;
using static Elt.Pipelines.Tests.Backfills.DatedDirectory;

namespace Elt.Pipelines.Tests.Backfills;

/// <summary>What a backfill takes, and what it leaves alone.</summary>
public sealed class BackfillTests : IAsyncLifetime
{
    private DatedDirectory _directory = null!;

    public async Task InitializeAsync() => _directory = await DatedDirectory.StartAsync();

    public async Task DisposeAsync() => await _directory.DisposeAsync();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("promise", "P3")]
    public async Task Newer_rows_stay_older_ones_are_overwritten_missing_ones_come_and_none_goes(bool onPostgres)
    {
        var postgres = onPostgres ? await PostgresServer.CreateDatabaseAsync() : null;
        await using var directory = await DatedDirectory.StartAsync(postgres);
        await directory.LoadedAsync(At(5, "a"), At(5, "b"), At(5, "c"), At(5, "d"), At(null, "e", "Undated"), At(5, "only-here"));
        await directory.HoldsAsync(At(4, "a"), At(6, "b"), At(5, "c", "Repaired"), At(null, "d"), At(7, "e"), At(3, "new"), At(null, "new-undated"));

        var summary = await directory.BackfillAsync();

        Assert.Equal(new BackfillSummary("org-001", "okta", Read: 7, Inserts: 2, Updates: 2, LeftAlone: 3, Quarantined: 0, Latest: 8, Synced: 4), summary);
        string[] expected = ["a|Day 5", "b|Day 6", "c|Repaired", "d|Day 5", "e|Undated", "new|Day 3", "new-undated|Day ", "only-here|Day 5"];
        Assert.Equal(expected, directory.Latest());
        Assert.Equal(expected, await SyncedAsync(directory, postgres));
        Assert.Equal(new[] { "b", "c" }, directory.Host.Warehouse("select external_id from users_history where version = 2 order by external_id"));
    }

    [Fact]
    public async Task What_stayed_the_same_at_a_later_time_is_as_new_as_that_time()
    {
        await _directory.LoadedAsync(At(3, "a", "Same"));
        await _directory.LoadedAsync(At(9, "a", "Same"));
        await _directory.HoldsAsync(At(6, "a", "Between"));

        Assert.Equal((0, 1), Counted(await _directory.BackfillAsync()));
        Assert.Equal(["a|Same"], _directory.Latest());
    }

    [Fact]
    public async Task A_deleted_record_comes_back_only_when_it_was_changed_after_it_was_deleted()
    {
        await _directory.LoadedAsync(At(3, "old"), At(3, "back"), At(3, "stays"));
        await _directory.LoadedAsync(At(3, "stays"));
        var later = "\"changed\":\"2999-01-01T00:00:00Z\"";
        await _directory.HoldsAsync(At(4, "old"), At(null, "back", "Back", later), At(8, "stays", more: "\"gone\":true"));

        Assert.Equal((1, 2), Counted(await _directory.BackfillAsync()));
        Assert.Equal(["back|Back", "stays|Day 3"], _directory.Latest());
    }

    [Fact]
    public async Task Only_what_was_changed_in_the_range_is_read()
    {
        await _directory.HoldsAsync([.. Enumerable.Range(1, 25).Select(day => At(day, $"u{day:00}"))]);

        var summary = await _directory.BackfillAsync(from: 12, to: 15);

        Assert.Equal((3, 3, 3), (summary.Read, summary.Inserts, summary.Synced));
        Assert.Equal(["u12|Day 12", "u13|Day 13", "u14|Day 14"], _directory.Latest());
    }

    [Fact]
    [Trait("promise", "P1")]
    public async Task The_same_workflow_id_twice_reads_and_changes_nothing_again()
    {
        await _directory.HoldsAsync(At(3, "a"));
        var first = await _directory.BackfillAsync("backfill");
        await _directory.HoldsAsync(At(4, "a"), At(4, "b"));
        var requests = _directory.Host.Provider.Requests.Count;

        Assert.Equal(first, await _directory.BackfillAsync("backfill"));

        Assert.Equal(requests, _directory.Host.Provider.Requests.Count);
        Assert.Equal(["a|Day 3"], _directory.Latest());
    }

    [Fact]
    [Trait("promise", "P5")]
    public async Task Deletes_that_wait_for_a_person_wait_on()
    {
        await _directory.LoadedAsync([.. Enumerable.Range(1, 20).Select(i => At(1, $"u{i:00}"))]);
        await _directory.LoadedAsync(At(1, "u01"));

        await _directory.HoldsAsync(At(1, "u01"), At(1, "new"));
        Assert.Equal((1, 0), Counted(await _directory.BackfillAsync(from: 1, to: 2)));

        Assert.Equal("open", Assert.Single(_directory.Host.Get<DeleteReviews>().List(new ReviewFilter()).Items).State);
        Assert.Equal(21, _directory.Latest().Length);
    }

    [Fact]
    [Trait("promise", "P6")]
    public async Task Too_many_records_that_cannot_be_taken_stop_it_and_nothing_stays_behind()
    {
        await _directory.HoldsAsync(At(3, "a"), new User("b", Name: null), new User("c", Name: null));

        var error = await Assert.ThrowsAsync<WorkflowFailedException>(() => _directory.BackfillAsync());

        Assert.Contains("2 of the 3 records", error.Message, StringComparison.Ordinal);
        Assert.Empty(_directory.Latest());
        Assert.Equal(
            ["0"],
            _directory.Host.Warehouse("select (select count(*) from users_staging) + (select count(*) from backfill_runs) + (select count(*) from pipeline_runs)"));
    }

    [Fact]
    public async Task A_form_that_a_contract_freezes_stops_it_each_time_and_is_no_report_of_a_run()
    {
        await _directory.LoadedAsync(At(3, "a"));
        await _directory.HoldsAsync(At(4, "a", more: "\"nick\":1"));
        var integrations = _directory.Host.Get<IIntegrationStore>();
        var integration = (await integrations.FindAsync(Workshop.Okta))!;
        var contract = new Dictionary<string, JsonElement> { ["contract"] = JsonElement.Parse("""{"newField":"freeze"}""") };
        await integrations.UpsertAsync(integration with { ProviderData = integration.ProviderData with { Other = contract } });

        foreach (var _ in new[] { 1, 2 })
            Assert.Contains("schema_frozen: page 1", (await Assert.ThrowsAsync<WorkflowFailedException>(() => _directory.BackfillAsync())).Message, StringComparison.Ordinal);

        Assert.Equal(["a|Day 3"], _directory.Latest());
        Assert.Equal(["1"], _directory.Host.Warehouse("select run_seq from quality_runs"));
    }

    [Fact]
    public async Task A_source_that_does_not_say_when_records_were_changed_is_refused()
    {
        await _directory.Host.ConnectAsync(User.Many(5));

        var error = await Assert.ThrowsAsync<WorkflowFailedException>(() => _directory.BackfillAsync());

        Assert.Contains("The connector demo does not say when records were changed", error.Message, StringComparison.Ordinal);
        Assert.Empty(_directory.Host.Provider.Requests);
    }

    [Theory]
    [InlineData("2020-01-02", "2020-01-02", null, "to must be after from")]
    [InlineData("2020-01-02", null, 0, "requestsPerMinute must be 1 to 6000, it is 0")]
    [InlineData("yesterday", null, null, "Expected a time such as")]
    public async Task A_bad_input_is_refused_before_anything_starts(string from, string? to, int? requestsPerMinute, string message)
    {
        var input = JsonSerializer.SerializeToElement(new { organizationId = "org-001", connectedIntegrationId = "okta", from, to, requestsPerMinute });

        var error = await Assert.ThrowsAsync<PayloadException>(() => _directory.Host.Client.StartAsync("backfill", input));

        Assert.Contains(message, error.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_source_that_can_is_asked_since_the_time_and_no_cursor_moves()
    {
        await using var vendor = await SearchVendor.StartAsync();
        vendor.Change("a", SearchVendor.Noon);
        await vendor.Host.RunAsync("first");
        var cursor = vendor.Host.Warehouse("select * from reading_cursors");
        vendor.Change("late", SearchVendor.Noon.AddDays(-1));
        vendor.Change("later", SearchVendor.Noon.AddDays(1));
        vendor.Users.Remove("a");
        var requests = vendor.Requests.Count;

        var summary = await PipelineHost.ResultAsync(await vendor.Host.Client.StartAsync(new Backfill("org-001", "okta", SearchVendor.Noon.AddDays(-2))));

        Assert.Equal((2, 2, 3), (summary.Read, summary.Inserts, summary.Latest));
        Assert.Equal(["GET /api/v1/users?search=lastUpdated gt \"2019-12-31T11:49:59.999Z\"&limit=2"], vendor.Requests.Skip(requests));
        Assert.Equal(cursor, vendor.Host.Warehouse("select * from reading_cursors"));
        vendor.Change("b", SearchVendor.Noon);
        var next = await vendor.Host.RunAsync("next");
        Assert.Equal(("incremental", 1L), (next.Mode, next.Inserts));
    }

    private static (long Changed, long LeftAlone) Counted(BackfillSummary summary) => (summary.Inserts + summary.Updates, summary.LeftAlone);

    private static async Task<string[]> SyncedAsync(DatedDirectory directory, string? postgres)
    {
        if (postgres is null)
            return directory.Host.Destination("select external_id, name from users where deleted_at is null order by external_id");
        await using var source = NpgsqlDataSource.Create(postgres);
        await using var command = source.CreateCommand("select external_id || '|' || name from elt.users where deleted_at is null order by external_id");
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<string>();
        while (await reader.ReadAsync())
            rows.Add(reader.GetString(0));
        return [.. rows];
    }
}
