using Elt.Durable.Ledger;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Reviews;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Tests.Suite;
using Elt.Pipelines.Warehouse;
using Xunit;

namespace Elt.Pipelines.Tests.Reviews;

/// <summary>What a person does with records that could not be taken.</summary>
[Trait("promise", "P6")]
public sealed class QuarantineReviewTests : IAsyncLifetime
{
    private static readonly RecordProblem BadEmail = new("type", "email", "Expected text, found object.");
    private static readonly RecordProblem NoName = new("required", "name", "Expected a value, found none.");

    private Workshop _workshop = null!;
    private SqliteDatabase _journal = null!;
    private SqliteIntegrationStore _integrations = null!;
    private QuarantineReviews _reviews = null!;

    public async Task InitializeAsync()
    {
        _workshop = await Workshop.CreateAsync();
        _journal = new SqliteDatabase(_workshop.File("journal.db"));
        _integrations = new SqliteIntegrationStore(_journal);
        await _integrations.InitializeAsync();
        await ConnectAsync("true");
        _reviews = new QuarantineReviews(Dataset.Users, _workshop.Warehouse, _integrations, new ConnectorLibrary(Dataset.Users), TimeProvider.System);
    }

    public Task DisposeAsync()
    {
        _journal.Dispose();
        _workshop.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    [Trait("promise", "P14")]
    public async Task A_list_holds_all_reasons_and_the_content_only_who_asks_for_one_record()
    {
        await RunAsync("run-1", Bad("u-01", BadEmail, NoName));
        var listed = Assert.Single(List());
        Assert.Equal(("id:u-01", "open", "run-1", 1, null), (listed.Key, listed.State, listed.RunId, listed.Runs, listed.Raw));
        Assert.Equal(["type email", "required name"], listed.Reasons.Select(reason => $"{reason.Rule} {reason.Field}"));
        Assert.Equal("""{"id":"u-01","name":"Ada"}""", _reviews.Get(Workshop.Okta, "id:u-01").Raw);
        Assert.Throws<ReviewNotFoundException>(() => _reviews.Get(Workshop.Okta, "id:u-02"));
        Assert.Throws<ReviewNotFoundException>(() => _reviews.Get(new IntegrationKey("org-002", "okta"), "id:u-01"));
    }

    [Fact]
    public async Task A_discarded_record_stays_away_while_its_reasons_are_the_same_and_counts_as_seen()
    {
        await RunAsync("run-0");
        await RunAsync("run-1", Bad("u-01", BadEmail));
        var discarded = await _reviews.DiscardAsync(Workshop.Okta, "id:u-01", "ada");
        Assert.Equal(("discarded", "ada"), (discarded.State, discarded.DecidedBy));

        Assert.Equal((0, 1), Counts(await RunAsync("run-2", Bad("u-01", BadEmail))));
        Assert.Empty(List());
        Assert.Equal(["20"], _workshop.Rows("select count(*) from users_latest"));
        Assert.Equal(("discarded", 2), (List("discarded")[0].State, List("discarded")[0].Runs));

        await RunAsync("run-3", Bad("u-01", NoName));
        Assert.Equal(("open", null), (Assert.Single(List()).State, List()[0].DecidedBy));
    }

    [Fact]
    public async Task A_discarded_record_that_was_well_in_between_is_open_again()
    {
        await RunAsync("run-1", Bad("u-01", BadEmail));
        await _reviews.DiscardAsync(Workshop.Okta, "id:u-01", "ada");
        await RunAsync("run-2");
        Assert.Equal("resolved", Assert.Single(List("resolved")).State);
        await RunAsync("run-3", Bad("u-01", BadEmail));
        Assert.Equal("open", Assert.Single(List()).State);
    }

    [Fact]
    [Trait("promise", "P11")]
    public async Task All_open_records_are_discarded_at_once_of_one_integration_or_rule_or_of_all()
    {
        await RunAsync("run-1", Bad("u-01", BadEmail), Bad("u-02", NoName));
        await _reviews.DiscardAsync(Workshop.Okta, "id:u-02", "bob");
        await RunAsync("run-2", Bad("u-01", BadEmail), Bad("u-02", NoName));
        foreach (var none in new[] { new BulkDecision("ada") { OrganizationId = "org-002" }, new BulkDecision("ada") { ConnectedIntegrationId = "other" } })
            Assert.Equal(new BulkOutcome(0, 0), await _reviews.DiscardAllAsync(none));
        Assert.Equal(new BulkOutcome(0, 0), await _reviews.DiscardAllAsync(new BulkDecision("ada"), rule: "required"));
        Assert.Equal(new BulkOutcome(1, 1), await _reviews.DiscardAllAsync(new BulkDecision("ada") { DryRun = true }, rule: "type"));
        Assert.Equal("id:u-01", Assert.Single(List()).Key);

        Assert.Equal(new BulkOutcome(1, 1), await _reviews.DiscardAllAsync(new BulkDecision("ada") { OrganizationId = "org-001", ConnectedIntegrationId = "okta" }));

        Assert.Empty(List());
        Assert.Equal(["ada", "bob"], List("discarded").Select(record => record.DecidedBy));
        Assert.Equal((0, 2), Counts(await RunAsync("run-3", Bad("u-01", BadEmail), Bad("u-02", NoName))));
    }

    [Fact]
    public async Task A_record_that_maps_without_problems_now_waits_for_the_next_run()
    {
        await RunAsync("run-1", Bad("u-01", BadEmail));
        var still = await _reviews.ReplayAsync(Workshop.Okta, "id:u-01", "ada");
        Assert.Equal(("open", "required", null), (still.State, Assert.Single(still.Reasons).Rule, still.DecidedBy));

        await ConnectAsync("false");
        var replayed = await _reviews.ReplayAsync(Workshop.Okta, "id:u-01", "ada");
        Assert.Equal(("replayed", "ada"), (replayed.State, replayed.DecidedBy));
        Assert.Equal("replayed", Assert.Single(List()).State);

        await RunAsync("run-2");
        Assert.Empty(List());
    }

    [Fact]
    public async Task A_replayed_record_that_comes_with_problems_all_the_same_is_open_again()
    {
        await RunAsync("run-1", Bad("u-01", BadEmail));
        await ConnectAsync("false");
        await _reviews.ReplayAsync(Workshop.Okta, "id:u-01", "ada");
        await RunAsync("run-2", Bad("u-01", BadEmail));
        Assert.Equal(("open", null), (Assert.Single(List()).State, List()[0].DecidedBy));
    }

    [Fact]
    public async Task What_was_decided_is_not_decided_again()
    {
        await RunAsync("run-1", Bad("u-01", BadEmail), new SourceRecord(null, [null, null, null]) { Raw = null });
        await _reviews.DiscardAsync(Workshop.Okta, "id:u-01", "ada");
        foreach (var decide in new[] { _reviews.DiscardAsync, (Func<IntegrationKey, string, string, CancellationToken, Task<QuarantinedRecord>>)_reviews.ReplayAsync })
        {
            var error = await Assert.ThrowsAsync<ReviewConflictException>(() => decide(Workshop.Okta, "id:u-01", "bob", default));
            Assert.Contains("discarded by ada", error.Message, StringComparison.Ordinal);
        }
        var tooLarge = await Assert.ThrowsAsync<ReviewConflictException>(() => _reviews.ReplayAsync(Workshop.Okta, "at:run-1/1/0", "bob"));
        Assert.Contains("too large", tooLarge.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ReviewNotFoundException>(() => _reviews.DiscardAsync(Workshop.Okta, "id:u-99", "bob"));
    }

    [Fact]
    public async Task Pages_follow_one_another_without_gap_and_repeat()
    {
        await RunAsync("run-1", Bad("u-01", BadEmail), Bad("u-02", BadEmail));
        var first = _reviews.List(new ReviewFilter { Limit = 1 });
        var second = _reviews.List(new ReviewFilter { Limit = 1, Cursor = first.NextCursor });
        Assert.Equal(["id:u-01", "id:u-02"], first.Items.Concat(second.Items).Select(record => record.Key));
        Assert.Null(second.NextCursor);
    }

    private static (long Deletes, long Quarantined) Counts(Elt.Pipelines.Changes.DetectSummary detected) => (detected.Deletes, detected.Quarantined);

    private static SourceRecord Bad(string id, params RecordProblem[] problems) =>
        new(id, ["Other", null, null]) { Problems = problems, Raw = $$"""{"id":"{{id}}","name":"Ada"}""" };

    private IReadOnlyList<QuarantinedRecord> List(params string[] states) => _reviews.List(new ReviewFilter { States = states }).Items;

    private Task ConnectAsync(string isRequired) => _integrations.UpsertAsync(new ConnectedIntegration(
        Workshop.Okta.ConnectedIntegrationId, Workshop.Okta.OrganizationId, "rest", ProviderData.Parse(
            """
            {"permission_source_name":"Okta","api_endpoint":"http://127.0.0.1:9/users","connector":{"name":"own","pagination":{"type":"none"},
              "records":{"path":"/users"},"key":["/id"],"fields":{"name":{"from":["/name"]},"email":{"from":["/email"],EMAIL}}}}
            """.Replace("EMAIL", $"\"required\":{isRequired}", StringComparison.Ordinal))));

    /// <summary>A run that reads twenty users, the given ones in place of those of their ids.</summary>
    private async Task<Elt.Pipelines.Changes.DetectSummary> RunAsync(string runId, params SourceRecord[] bad)
    {
        var good = Enumerable.Range(1, 20).Select(number => $"u-{number:00}").Where(id => bad.All(record => record.ExternalId != id))
            .Select(id => new SourceRecord(id, [$"Name {id}", $"{id}@example.org", null]));
        await _workshop.AcquireAsync(runId);
        await _workshop.StageAsync(runId, new SourcePage(1, [.. bad.OrderBy(record => record.ExternalId is not null), .. good], IsLast: true, 1, null));
        var detected = await _workshop.DetectAsync(runId);
        await _workshop.ApplyAsync(runId);
        return detected;
    }
}
