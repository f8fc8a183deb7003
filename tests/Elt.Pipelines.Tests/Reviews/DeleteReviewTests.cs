using Elt.Durable.Ledger;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Reviews;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Staging;
using Elt.Pipelines.Tests.Suite;
using Xunit;

namespace Elt.Pipelines.Tests.Reviews;

/// <summary>Mass deletes wait for a person, and a decision is about the records that the person was shown.</summary>
[Trait("promise", "P5")]
public sealed class DeleteReviewTests : IAsyncLifetime
{
    private static readonly IntegrationKey Okta = Workshop.Okta;

    private Workshop _workshop = null!;
    private SqliteDatabase _journal = null!;
    private DeleteReviews _reviews = null!;

    public async Task InitializeAsync()
    {
        _workshop = await Workshop.CreateAsync();
        _journal = new SqliteDatabase(_workshop.File("journal.db"));
        var integrations = new SqliteIntegrationStore(_journal);
        await integrations.InitializeAsync();
        var data = ProviderData.Parse("""{"permission_source_name":"Okta","api_endpoint":"http://127.0.0.1:9/users"}""");
        await integrations.UpsertAsync(new ConnectedIntegration(Okta.ConnectedIntegrationId, Okta.OrganizationId, "demo", data));
        _reviews = new DeleteReviews(_workshop.Warehouse, integrations, TimeProvider.System);
    }

    public Task DisposeAsync()
    {
        _journal.Dispose();
        _workshop.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task Case_15_an_empty_source_deletes_nothing_and_the_hold_is_listed()
    {
        await _workshop.RunAsync("run-1", User.Many(1000));
        var held = await _workshop.RunAsync("run-2", []);
        Assert.Equal((0, 1000), (held.Deletes, held.DeletesHeld));
        var hold = Assert.Single(Listed());
        Assert.Equal(
            ("org-001", "okta", 1, "run-2", 1000, 1000, 1.0, "open"),
            (hold.OrganizationId, hold.ConnectedIntegrationId, hold.Hold, hold.RunId, hold.Records, hold.Existing, hold.Share, hold.State));
        Assert.Equal(held.HoldReason, hold.Reason);
        Assert.Equal(["u000001", "u000002", "u000003", "u000004", "u000005"], hold.Sample);
    }

    [Fact]
    public async Task Case_16_a_fifth_is_deleted_and_one_more_is_held()
    {
        await _workshop.RunAsync("run-1", User.Many(1000));
        Assert.Equal(201, (await _workshop.RunAsync("run-2", User.Many(799))).DeletesHeld);
        Assert.Equal(200, (await _workshop.RunAsync("run-3", User.Many(800))).Deletes);
        Assert.Empty(Listed());
        Assert.Equal("resolved", Assert.Single(Listed("resolved")).State);
    }

    [Fact]
    public async Task Approved_records_that_are_still_gone_are_deleted_by_the_next_run_once()
    {
        await HoldAsync();
        var approved = await ApproveAsync(1, "They left.");
        Assert.Equal(("approved", "ada", "They left."), (approved.State, approved.DecidedBy, approved.Note));

        Assert.Equal((60, 0), await DeletesAsync("run-3", User.Many(40)));
        Assert.Equal((0, 0), await DeletesAsync("run-4", User.Many(40)));

        Assert.Equal(("applied", "run-3"), (Listed("applied")[0].State, Listed("applied")[0].ClosedByRun));
        Assert.Equal(["40"], _workshop.Rows("select count(*) from users_latest"));
    }

    [Fact]
    [Trait("promise", "P11")]
    public async Task All_open_holds_are_approved_at_once_of_one_organization_or_of_all()
    {
        await HoldAsync();
        Assert.Equal(new BulkOutcome(0, 0), await _reviews.ApproveAllAsync(new BulkDecision("ada") { OrganizationId = "org-002" }));
        Assert.Equal(new BulkOutcome(0, 0), await _reviews.ApproveAllAsync(new BulkDecision("ada") { ConnectedIntegrationId = "other" }));
        Assert.Equal(new BulkOutcome(1, 60), await _reviews.ApproveAllAsync(new BulkDecision("ada") { DryRun = true }));
        Assert.Equal("open", Assert.Single(Listed()).State);

        Assert.Equal(new BulkOutcome(1, 60), await _reviews.ApproveAllAsync(new BulkDecision("ada") { OrganizationId = "org-001", Note = "They left." }));
        Assert.Equal(new BulkOutcome(0, 0), await _reviews.ApproveAllAsync(new BulkDecision("bob")));

        Assert.Equal(("approved", "ada", "They left."), Listed().Select(hold => (hold.State, hold.DecidedBy, hold.Note)).Single());
        Assert.Equal((60, 0), await DeletesAsync("run-3", User.Many(40)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("promise", "P7")]
    public async Task Approved_records_wait_for_no_further_run_where_paging_can_drift(bool unreadable)
    {
        await _workshop.RunAsync("run-1", User.Many(100));
        Assert.Equal((0, 60), await DriftAsync("run-2"));
        await ApproveAsync(1);
        Assert.Equal((60, 0), await DriftAsync("run-3"));

        async Task<(long, long)> DriftAsync(string runId)
        {
            var page = Workshop.Page(1, [.. User.Many(40), .. unreadable ? [new User(null)] : Array.Empty<User>()], totalPages: 1);
            await _workshop.AcquireAsync(runId);
            await _workshop.StageAsync(runId, page with { Absence = AbsenceProof.AfterTwoRuns });
            var detected = await _workshop.DetectAsync(runId);
            await _workshop.ApplyAsync(runId);
            return (detected.Deletes, detected.DeletesHeld);
        }
    }

    [Fact]
    [Trait("promise", "P7")]
    public async Task An_approval_waits_with_deletes_that_a_second_run_must_confirm()
    {
        await _workshop.RunAsync("run-1", User.Many(100));
        Assert.Equal((0, 60, 0), await DriftAsync("run-2", [.. User.Many(40), new User(null)]));
        await ApproveAsync(1);

        Assert.Equal((0, 0, 60), await DriftAsync("run-3", User.Many(40)));
        Assert.Equal(("approved", null), (Assert.Single(Listed()).State, Listed()[0].ClosedByRun));
        Assert.Equal((60, 0, 0), await DriftAsync("run-4", User.Many(40)));

        Assert.Empty(Listed());
        Assert.Equal("run-4", Assert.Single(Listed("applied")).ClosedByRun);
        Assert.Equal((0, 0, 0), await DriftAsync("run-5", User.Many(40)));

        async Task<(long, long, long)> DriftAsync(string runId, User[] users)
        {
            await _workshop.AcquireAsync(runId);
            await _workshop.StageAsync(runId, Workshop.Page(1, users, totalPages: 1) with { Absence = AbsenceProof.AfterTwoRuns });
            var detected = await _workshop.DetectAsync(runId);
            await _workshop.ApplyAsync(runId);
            return (detected.Deletes, detected.DeletesHeld, detected.DeletesUnconfirmed);
        }
    }

    [Fact]
    [Trait("case", "18")]
    public async Task Case_18_records_that_are_back_after_the_approval_stay()
    {
        await HoldAsync();
        await ApproveAsync(1);
        Assert.Equal((0, 0), await DeletesAsync("run-3", User.Many(100)));
        Assert.Equal("resolved", Assert.Single(Listed("resolved")).State);
        Assert.Equal((0, 60), await DeletesAsync("run-4", User.Many(40)));
    }

    [Fact]
    public async Task Of_the_approved_records_only_those_that_are_still_gone_are_deleted()
    {
        await HoldAsync();
        await ApproveAsync(1);
        Assert.Equal((50, 0), await DeletesAsync("run-3", User.Many(50)));
        Assert.Equal((0, 50), await DeletesAsync("run-4", []));
    }

    [Fact]
    public async Task Many_more_records_than_were_approved_are_held_again()
    {
        await HoldAsync();
        await ApproveAsync(1);
        Assert.Equal((0, 75), await DeletesAsync("run-3", User.Many(25)));
        var again = Assert.Single(Listed());
        Assert.Equal((2, "open", 75), (again.Hold, again.State, again.Records));
        Assert.Contains("15 of them are not among those that ada approved", again.Reason, StringComparison.Ordinal);
        Assert.Equal("lapsed", Listed("lapsed")[0].State);
        Assert.Equal((0, 75), await DeletesAsync("run-4", User.Many(25)));
    }

    [Fact]
    public async Task As_many_others_as_were_approved_are_held_again()
    {
        await HoldAsync();
        await ApproveAsync(1);
        Assert.Equal((0, 60), await DeletesAsync("run-3", User.Many(40, from: 61)));
    }

    [Fact]
    public async Task A_few_more_than_were_approved_go_as_they_would_without_it()
    {
        await HoldAsync();
        await ApproveAsync(1);
        Assert.Equal((62, 0), await DeletesAsync("run-3", User.Many(38)));
    }

    [Fact]
    public async Task A_rejected_hold_deletes_nothing_and_the_next_run_holds_again()
    {
        await HoldAsync();
        Assert.Equal("rejected", (await _reviews.RejectAsync(Okta, new HoldDecision(1, "ada"))).State);
        Assert.Empty(Listed());
        Assert.Equal((0, 60), await DeletesAsync("run-3", User.Many(40)));
        Assert.Equal((2, "run-3"), (Listed()[0].Hold, Listed()[0].RunId));
    }

    [Fact]
    public async Task Each_run_that_holds_replaces_the_hold_that_was_shown_before()
    {
        await HoldAsync();
        var since = Listed()[0].Since;
        await _workshop.RunAsync("run-3", User.Many(10));

        var error = await Assert.ThrowsAsync<ReviewConflictException>(() => ApproveAsync(1));

        Assert.Contains("replaced by what run 'run-3' found gone. Hold 2 of 90 records is open", error.Message, StringComparison.Ordinal);
        Assert.Equal((2, 90, since), (Listed()[0].Hold, Listed()[0].Records, Listed()[0].Since));
        Assert.Equal(["90"], _workshop.Rows("select count(*) from delete_hold_records"));
    }

    [Fact]
    public async Task What_was_decided_is_not_decided_again()
    {
        await HoldAsync();
        await ApproveAsync(1);
        Assert.Contains("was approved by ada", (await Assert.ThrowsAsync<ReviewConflictException>(() => ApproveAsync(1))).Message, StringComparison.Ordinal);
        await _reviews.RejectAsync(Okta, new HoldDecision(1, "bob"));
        Assert.Contains("was rejected by bob", (await Assert.ThrowsAsync<ReviewConflictException>(() => ApproveAsync(1))).Message, StringComparison.Ordinal);
        Assert.Equal((0, 60), await DeletesAsync("run-3", User.Many(40)));
        await Assert.ThrowsAsync<ReviewNotFoundException>(() => ApproveAsync(9));
        await Assert.ThrowsAsync<IntegrationNotFoundException>(() => _reviews.ApproveAsync(new IntegrationKey("org-002", "okta"), new HoldDecision(2, "ada")));
    }

    [Fact]
    public async Task Of_many_approvals_at_once_one_is_taken()
    {
        await HoldAsync();
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            try
            {
                return (await ApproveAsync(1)).State;
            }
            catch (ReviewConflictException)
            {
                return "refused";
            }
        })));
        Assert.Equal((1, 7), (outcomes.Count(o => o == "approved"), outcomes.Count(o => o == "refused")));
    }

    [Fact]
    public async Task An_incomplete_extract_uses_up_no_approval()
    {
        await HoldAsync();
        await ApproveAsync(1);
        await _workshop.AcquireAsync("run-3");
        await _workshop.StageAsync("run-3", Workshop.Page(1, User.Many(20), totalPages: 2));
        await Assert.ThrowsAsync<IncompleteExtractException>(() => _workshop.DetectAsync("run-3"));
        Assert.Equal((60, 0), await DeletesAsync("run-4", User.Many(40)));
    }

    [Fact]
    public async Task An_approval_that_a_superseded_run_had_used_serves_the_run_after_it()
    {
        await HoldAsync();
        await ApproveAsync(1);
        await _workshop.ExtractAsync("run-3", User.Many(40));
        Assert.Equal(60, (await _workshop.DetectAsync("run-3")).Deletes);
        Assert.Equal(60, (await _workshop.DetectAsync("run-3")).Deletes);
        Assert.Equal((60, 0), await DeletesAsync("run-4", User.Many(40)));
        await Assert.ThrowsAsync<Elt.Pipelines.Warehouse.StaleRunException>(() => _workshop.ApplyAsync("run-3"));
        Assert.Equal("run-4", Listed("applied")[0].ClosedByRun);
    }

    [Fact]
    public async Task The_run_that_holds_does_not_delete_when_it_detects_anew_after_the_approval()
    {
        await _workshop.RunAsync("run-1", User.Many(100));
        await _workshop.ExtractAsync("run-2", User.Many(40));
        Assert.Equal(60, (await _workshop.DetectAsync("run-2")).DeletesHeld);
        await ApproveAsync(1);
        Assert.Equal(60, (await _workshop.DetectAsync("run-2")).DeletesHeld);
        Assert.Equal("approved", Listed()[0].State);
    }

    [Fact]
    public async Task Absence_that_proves_nothing_waits_although_the_records_were_approved()
    {
        await HoldAsync();
        await ApproveAsync(1);
        Assert.Equal((0, 60), await DeletesAsync("run-3", [new User(null), .. User.Many(40)]));
        Assert.Equal("approved", Assert.Single(Listed()).State);
        Assert.Equal((60, 0), await DeletesAsync("run-4", User.Many(40)));
    }

    [Fact]
    public async Task An_approval_of_absence_that_proves_nothing_is_enough_for_just_those_records()
    {
        await _workshop.RunAsync("run-1", User.Many(100));
        Assert.Equal((0, 1), await DeletesAsync("run-2", [new User(null), .. User.Many(99)]));
        await ApproveAsync(1);
        Assert.Equal((0, 2), await DeletesAsync("run-3", [new User(null), .. User.Many(98)]));
        await ApproveAsync(2);
        Assert.Equal((2, 0), await DeletesAsync("run-4", [new User(null), .. User.Many(98)]));
    }

    [Fact]
    [Trait("promise", "P11")]
    public async Task A_decision_is_about_one_integration()
    {
        var other = new IntegrationKey("org-002", "okta");
        await HoldAsync();
        await _workshop.RunAsync("other-1", User.Many(100), other);
        await _workshop.RunAsync("other-2", User.Many(40), other);
        Assert.Equal(["org-001", "org-002"], Listed().Select(hold => hold.OrganizationId));
        Assert.Equal("org-002", Assert.Single(_reviews.List(new ReviewFilter { OrganizationId = "org-002" }).Items).OrganizationId);

        await ApproveAsync(1);

        Assert.Equal(60, (await _workshop.RunAsync("other-3", User.Many(40), other)).DeletesHeld);
        Assert.Equal((60, 0), await DeletesAsync("run-3", User.Many(40)));
    }

    [Fact]
    [Trait("promise", "P11")]
    public async Task Records_that_are_held_of_another_organization_under_the_same_number_are_not_approved()
    {
        var other = new IntegrationKey("org-002", "okta");
        await HoldAsync();
        await _workshop.RunAsync("other-1", User.Many(100), other);
        Assert.Equal(60, (await _workshop.RunAsync("other-2", User.Many(40, from: 61), other)).DeletesHeld);
        await ApproveAsync(1);
        Assert.Equal((0, 60), await DeletesAsync("run-3", User.Many(40, from: 61)));
    }

    [Fact]
    public async Task Pages_follow_one_another_without_gap_and_repeat()
    {
        foreach (var organization in new[] { "b", "a", "c" })
        {
            foreach (var (run, users) in new[] { ("1", User.Many(100)), ("2", []) })
                await _workshop.RunAsync($"{organization}-{run}", users, new IntegrationKey(organization, "x"));
        }
        var first = _reviews.List(new ReviewFilter { Limit = 2 });
        var second = _reviews.List(new ReviewFilter { Limit = 2, Cursor = first.NextCursor });
        Assert.Equal(["a", "b", "c"], first.Items.Concat(second.Items).Select(hold => hold.OrganizationId));
        Assert.Null(second.NextCursor);
        Assert.Throws<FormatException>(() => _reviews.List(new ReviewFilter { Cursor = "nonsense" }));
    }

    private async Task HoldAsync()
    {
        await _workshop.RunAsync("run-1", User.Many(100));
        Assert.Equal((0, 60), await DeletesAsync("run-2", User.Many(40)));
    }

    private Task<DeleteHold> ApproveAsync(long hold, string? note = null) => _reviews.ApproveAsync(Okta, new HoldDecision(hold, "ada", note));

    private async Task<(long Deleted, long Held)> DeletesAsync(string runId, User[] users)
    {
        var detected = await _workshop.RunAsync(runId, users);
        return (detected.Deletes, detected.DeletesHeld);
    }

    private IReadOnlyList<DeleteHold> Listed(params string[] states) => _reviews.List(new ReviewFilter { States = states }).Items;
}
