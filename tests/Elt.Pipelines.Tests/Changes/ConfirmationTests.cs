using Elt.Durable;
using Elt.Pipelines.Changes;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Orchestration;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Staging;
using Elt.Pipelines.Tests.Sources;
using Elt.Pipelines.Tests.Suite;
using Xunit;

namespace Elt.Pipelines.Tests.Changes;

/// <summary>Where a record can move to a page that was read before, its absence is no proof.</summary>
[Trait("promise", "P7")]
public sealed class ConfirmationTests
{
    private static readonly User[] Ten = User.Many(10);
    private static readonly User[] Nine = Ten[..9];

    [Fact]
    public async Task A_missing_record_is_deleted_when_a_second_complete_run_misses_it_and_only_once()
    {
        using var workshop = await Workshop.CreateAsync();
        await RunAsync(workshop, "run-1", Ten);

        var second = await RunAsync(workshop, "run-2", Nine);
        var third = await RunAsync(workshop, "run-3", Nine);
        var fourth = await RunAsync(workshop, "run-4", Nine);

        Assert.Equal(new DetectSummary(9, 0, 0, 0, 0) { DeletesUnconfirmed = 1, UnconfirmedReason = second.UnconfirmedReason }, second);
        Assert.Contains("can move", second.UnconfirmedReason, StringComparison.Ordinal);
        Assert.Equal(new DetectSummary(9, 0, 0, 1, 0), third);
        Assert.Equal(new DetectSummary(9, 0, 0, 0, 0), fourth);
        Assert.Equal(["1|0", "0|0"], workshop.Rows("select deletes_unconfirmed, unconfirmed_reason is null from pipeline_runs where run_seq = 2 union all select 0, count(*) from users_missing"));
    }

    [Fact]
    [Trait("case", "28")]
    public async Task A_live_record_that_moved_to_a_page_that_was_read_is_not_deleted_however_often_that_happens()
    {
        using var workshop = await Workshop.CreateAsync();
        await RunAsync(workshop, "run-1", Ten);
        User[] skipped = [.. Ten[..5], .. Ten[6..]];
        for (var run = 2; run < 8; run += 2)
        {
            Assert.Equal(1, (await RunAsync(workshop, $"run-{run}", skipped)).DeletesUnconfirmed);
            Assert.Equal(new DetectSummary(10, 0, 0, 0, 0), await RunAsync(workshop, $"run-{run + 1}", Ten));
        }

        Assert.Equal(["10"], workshop.Rows("select count(*) from users_latest"));
        Assert.Equal(["10"], workshop.Rows("select count(*) from users_cdc"));
    }

    [Fact]
    public async Task A_run_that_detects_again_misses_a_record_once()
    {
        using var workshop = await Workshop.CreateAsync();
        await RunAsync(workshop, "run-1", Ten);
        await StageAsync(workshop, "run-2", Nine);

        for (var i = 0; i < 3; i++)
            Assert.Equal((0, 1), await DetectAsync("run-2"));
        await workshop.ApplyAsync("run-2");

        Assert.Equal((0, 1), await DetectAsync("run-2"));
        Assert.Equal(["10"], workshop.Rows("select count(*) from users_latest"));

        async Task<(long, long)> DetectAsync(string runId) => await workshop.DetectAsync(runId) is var detected ? (detected.Deletes, detected.DeletesUnconfirmed) : default;
    }

    [Fact]
    [Trait("promise", "P4")]
    public async Task A_run_that_is_not_complete_neither_confirms_nor_forgets()
    {
        using var workshop = await Workshop.CreateAsync();
        await RunAsync(workshop, "run-1", Ten);
        await RunAsync(workshop, "run-2", Nine);
        await workshop.AcquireAsync("run-3");
        await workshop.StageAsync("run-3", Workshop.Page(1, Ten, totalPages: 2) with { Absence = AbsenceProof.AfterTwoRuns });
        await Assert.ThrowsAsync<IncompleteExtractException>(() => workshop.DetectAsync("run-3"));
        await StageAsync(workshop, "run-4", [.. Nine, new User(null)]);
        var unreadable = await workshop.DetectAsync("run-4");

        Assert.Equal((0, 1, 0), (unreadable.Deletes, unreadable.DeletesHeld, unreadable.DeletesUnconfirmed));
        Assert.Equal(["u000010|1"], workshop.Rows("select external_id, runs from users_missing"));
        Assert.Equal(1, (await RunAsync(workshop, "run-5", Nine)).Deletes);
    }

    [Fact]
    [Trait("case", "13")]
    public async Task A_record_that_the_source_says_is_gone_needs_no_second_run()
    {
        using var workshop = await Workshop.CreateAsync();
        await RunAsync(workshop, "run-1", Ten);
        await workshop.AcquireAsync("run-2");
        var page = Workshop.Page(1, Ten[..8], totalPages: 1);
        await workshop.StageAsync("run-2", page with
        {
            Absence = AbsenceProof.AfterTwoRuns,
            Records = [.. page.Records, new SourceRecord("u000009", []) { State = RecordState.Removed }],
        });

        var second = await workshop.DetectAsync("run-2");

        Assert.Equal((1, 1), (second.Deletes, second.DeletesUnconfirmed));
        Assert.Equal(["DELETE|u000009|-"], workshop.ChangesOf("run-2"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("promise", "P5")]
    public async Task Many_missing_records_are_held_at_once_and_are_confirmed_meanwhile(bool proven)
    {
        using var workshop = await Workshop.CreateAsync();
        await RunAsync(workshop, "run-1", User.Many(100));

        var second = proven ? await workshop.RunAsync("run-2", User.Many(50)) : await RunAsync(workshop, "run-2", User.Many(50));

        Assert.Equal((0, 50, 0), (second.Deletes, second.DeletesHeld, second.DeletesUnconfirmed));
        Assert.Equal(["50|1"], workshop.Rows("select count(*), max(runs) from users_missing"));
    }

    [Fact]
    [Trait("promise", "P11")]
    public async Task Other_integrations_confirm_nothing()
    {
        using var workshop = await Workshop.CreateAsync();
        IntegrationKey[] keys = [new("org-001", "okta"), new("org-002", "okta"), new("org-001", "google")];
        foreach (var key in keys)
        {
            await RunAsync(workshop, "run-1", Ten, key);
            Assert.Equal(1, (await RunAsync(workshop, "run-2", Nine, key)).DeletesUnconfirmed);
        }

        Assert.Equal(1, (await RunAsync(workshop, "run-3", Nine, keys[1])).Deletes);
        Assert.Equal(["org-002|okta|9"], workshop.Rows("select organization_id, connected_integration_id, count(*) from users_latest group by 1, 2 having count(*) < 10"));
    }

    [Theory]
    [InlineData(10, 9, false)]
    [InlineData(9, 9, true)]
    [InlineData(9, null, false)]
    [Trait("case", "30")]
    public async Task A_total_that_is_declared_on_each_page_and_holds_proves_that_nothing_moved(int first, int? second, bool proven)
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.RunAsync("run-1", Ten);
        await workshop.AcquireAsync("run-2");
        await workshop.StageAsync("run-2", Workshop.Page(1, Ten[..5], 2, first));
        await workshop.StageAsync("run-2", Workshop.Page(2, Ten[6..], 2, second));

        var detected = await workshop.DetectAsync("run-2");
        await workshop.ApplyAsync("run-2");
        var third = await workshop.RunAsync("run-3", [.. Ten[..5], .. Ten[6..]]);

        Assert.Equal(proven ? (1, 0) : (0, 1), (detected.Deletes, detected.DeletesUnconfirmed));
        Assert.Equal(proven ? 0 : 1, third.Deletes);
        if (first != 9)
            Assert.Contains("total changed from 9 to 10", detected.UnconfirmedReason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("demo", AbsenceProof.WhenTotalHolds)]
    [InlineData("github-org-members", AbsenceProof.AfterTwoRuns)]
    [InlineData("google-workspace", AbsenceProof.AtOnce)]
    [InlineData("microsoft-graph", AbsenceProof.AtOnce)]
    [InlineData("okta", AbsenceProof.AtOnce)]
    [InlineData("scim2", AbsenceProof.AfterTwoRuns)]
    [InlineData("scim2-cursor", AbsenceProof.AtOnce)]
    [InlineData("slack", AbsenceProof.AtOnce)]
    public void The_paging_of_a_connector_decides_what_absence_proves(string provider, object absence)
    {
        var manifest = DemoPages.Connectors.Of(new ConnectedIntegration("1", "org", provider, DemoPages.Integration.ProviderData)).Manifest;

        Assert.Equal(absence, manifest.Records.Absence ?? manifest.Pagination.Absence);
    }

    [Fact]
    public async Task A_source_with_page_numbers_that_declares_no_total_is_read_twice_before_it_deletes()
    {
        await using var host = await PipelineHost.StartAsync();
        host.Provider.DeclaresTotals = false;
        await host.ConnectAsync(User.Many(25));
        await host.RunAsync();
        await host.ConnectAsync(User.Many(24));

        var second = (await PipelineHost.ResultAsync(await host.Client.StartAsync(new RootOrchestration()))).Totals;
        var third = await host.RunAsync();

        Assert.Equal((0, 1, 25), (second.Deletes, second.DeletesUnconfirmed, second.Latest));
        Assert.Equal((1, 0, 24, 1), (third.Deletes, third.DeletesUnconfirmed, third.Latest, third.Synced));
    }

    [Fact]
    [Trait("case", "28")]
    [Trait("case", "30")]
    public async Task A_user_deleted_while_the_source_is_read_costs_no_other_user_its_record()
    {
        await using var host = await PipelineHost.StartAsync();
        await host.ConnectAsync(User.Many(50));
        await host.RunAsync();
        host.Provider.Instead = (_, page) =>
        {
            // User 1 was on page 1, which is read: user 21 moves to page 2, which is read too.
            if (page == 3)
                host.Provider.Users[Provider.PathOf(Workshop.Okta)] = User.Many(49, from: 2);
            return Task.FromResult(false);
        };

        var second = await host.RunAsync(batches: 1, pagesPerBatch: 10);
        var third = await host.RunAsync();

        Assert.Equal((49, 0, 1, 50), (second.Staged, second.Deletes, second.DeletesUnconfirmed, second.Latest));
        Assert.Equal((49, 1, 49), (third.Staged, third.Deletes, third.Latest));
        Assert.Equal(["DELETE|u000001"], host.Warehouse("select change_type, external_id from users_cdc where change_type <> 'INSERT'"));
    }

    private static async Task<DetectSummary> RunAsync(Workshop workshop, string runId, User[] users, IntegrationKey? key = null)
    {
        await StageAsync(workshop, runId, users, key);
        var detected = await workshop.DetectAsync(runId, key);
        await workshop.ApplyAsync(runId, key);
        return detected;
    }

    /// <summary>Stages two pages of a source that counts by page numbers and declares nothing.</summary>
    private static async Task StageAsync(Workshop workshop, string runId, User[] users, IntegrationKey? key = null)
    {
        await workshop.AcquireAsync(runId, key);
        var half = users.Length / 2;
        await workshop.StageAsync(runId, Workshop.Page(1, users[..half], 2) with { Absence = AbsenceProof.AfterTwoRuns }, key);
        await workshop.StageAsync(runId, Workshop.Page(2, users[half..], 2) with { Absence = AbsenceProof.AfterTwoRuns }, key);
    }
}
