using Elt.Durable;
using Elt.Pipelines.Plans;
using Elt.Pipelines.Reviews;
using Elt.Pipelines.Tests.Suite;
using Elt.Pipelines.Warehouse;
using Xunit;

namespace Elt.Pipelines.Tests.Plans;

/// <summary>A plan tells what a run would do, and does nothing.</summary>
public sealed class PlanPipelineTests : IAsyncLifetime
{
    private static readonly string[] Tables =
        ["pipeline_runs", "users_staging", "extract_pages", "users_cdc", "users_latest", "users_quarantine", "delete_holds", "delete_hold_records"];

    private PipelineHost _host = null!;

    public async Task InitializeAsync() => _host = await PipelineHost.StartAsync();

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    public async Task A_plan_tells_what_changes_and_changes_nothing()
    {
        await _host.ConnectAsync(User.Many(100));
        await _host.RunAsync();
        await _host.ConnectAsync([new User("u000001", "Other", null), .. User.Many(97, from: 2), new User("new-1"), new User("new-2")]);
        var before = Content();

        var summary = await PlanAsync();

        Assert.Equal(new PlanSummary(100, 2, 1, 2, 0, 0), summary);
        Assert.Equal(
            ["DELETE u000099 ", "DELETE u000100 ", "INSERT new-1 ", "INSERT new-2 ", "UPDATE u000001 name,email"],
            Planned().Changes.Select(change => $"{change.Type} {change.ExternalId} {string.Join(',', change.ChangedFields)}"));
        Assert.Equal(before, Content());
        var run = await _host.RunAsync();
        Assert.Equal((2, 1, 2, 5), (run.Inserts, run.Updates, run.Deletes, run.Synced));
    }

    [Fact]
    public async Task A_plan_keeps_the_first_of_many_changes_and_counts_all()
    {
        await _host.ConnectAsync(User.Many(95));
        Assert.Equal(95, (await PlanAsync()).Inserts);
        Assert.Equal(User.Many(10).Select(user => user.Id), Planned().Changes.Select(change => change.ExternalId));
    }

    [Fact]
    public async Task A_run_that_is_under_way_is_not_fenced_by_a_plan()
    {
        await _host.ConnectAsync(User.Many(30));
        var (reached, open) = Gate();
        var running = _host.RunAsync("run");
        await reached.Task.WaitAsync(PipelineHost.Patience());

        Assert.Equal(30, (await PlanAsync()).Inserts);
        open.SetResult();

        Assert.Equal((30, 30), ((await running).Inserts, (await running).Synced));
    }

    [Fact]
    public async Task A_plan_says_that_a_run_was_applied_while_it_read()
    {
        await _host.ConnectAsync(User.Many(30));
        var (reached, open) = Gate();
        var planning = PlanAsync();
        await reached.Task.WaitAsync(PipelineHost.Patience());

        await _host.RunAsync("run");
        open.SetResult();

        Assert.Equal(new PlanSummary(30, 0, 0, 0, 0, 0, AppliedMeanwhile: "run"), await planning);
        Assert.Equal(["0"], _host.Warehouse("select count(*) from users_staging where workflow_id <> 'run'"));
    }

    [Fact]
    [Trait("promise", "P5")]
    public async Task A_plan_tells_of_deletes_that_would_be_held_and_uses_up_no_approval()
    {
        await _host.ConnectAsync(User.Many(100));
        await _host.RunAsync();
        await _host.ConnectAsync(User.Many(40));
        var held = await PlanAsync();
        Assert.Equal((0, 60, "60 of 100 records are more than 20 %"), (held.Deletes, held.DeletesHeld, held.HoldReason));
        Assert.Equal(Enumerable.Repeat("HELD", 10), Planned().Changes.Select(change => change.Type));
        Assert.Empty(_host.Get<DeleteReviews>().List(new ReviewFilter()).Items);

        await _host.RunAsync();
        await _host.Get<DeleteReviews>().ApproveAsync(Workshop.Okta, new HoldDecision(1, "ada"));
        Assert.Equal(60, (await PlanAsync()).Deletes);
        Assert.Equal(60, (await PlanAsync()).Deletes);
        Assert.Equal("approved", _host.Get<DeleteReviews>().List(new ReviewFilter()).Items[0].State);
        Assert.Equal(60, (await _host.RunAsync()).Deletes);
    }

    [Fact]
    [Trait("promise", "P6")]
    public async Task A_plan_counts_what_cannot_be_taken_and_puts_nothing_into_quarantine()
    {
        await _host.ConnectAsync([new User(null), .. User.Many(29)]);
        Assert.Equal((29, 1), ((await PlanAsync()).Inserts, (await PlanAsync()).Quarantined));
        Assert.Equal(["0"], _host.Warehouse("select count(*) from users_quarantine"));
    }

    [Fact]
    [Trait("promise", "P7")]
    public async Task A_plan_does_not_count_among_the_runs_that_confirm_an_absence()
    {
        _host.Provider.DeclaresTotals = false;
        await _host.ConnectAsync(User.Many(30));
        await _host.RunAsync();
        await _host.ConnectAsync(User.Many(29));
        foreach (var plan in new[] { await PlanAsync(), await PlanAsync() })
            Assert.Equal((0, 1), (plan.Deletes, plan.DeletesUnconfirmed));
        Assert.Equal(0, (await _host.RunAsync()).Deletes);
        Assert.Equal(1, (await PlanAsync()).Deletes);
        Assert.Equal(1, (await _host.RunAsync()).Deletes);
    }

    [Fact]
    [Trait("promise", "P4")]
    public async Task A_plan_of_an_incomplete_source_fails_and_leaves_nothing()
    {
        await _host.ConnectAsync(User.Many(30));
        _host.Provider.Instead = async (http, page) =>
        {
            if (page < 3)
                return false;
            http.Response.StatusCode = 404;
            await http.Response.CompleteAsync();
            return true;
        };
        await Assert.ThrowsAsync<WorkflowFailedException>(PlanAsync);
        Assert.All(Content(), table => Assert.EndsWith(" 0", table.Split('\n')[0], StringComparison.Ordinal));
        Assert.Equal(["0"], _host.Warehouse("select count(*) from plan_runs"));
        Assert.Throws<ReviewNotFoundException>(Planned);
    }

    [Fact]
    public async Task A_newer_plan_takes_the_place_of_one_that_still_reads()
    {
        await _host.ConnectAsync(User.Many(30));
        var (reached, open) = Gate();
        var older = PlanAsync();
        await reached.Task.WaitAsync(PipelineHost.Patience());
        Assert.Equal(30, (await PlanAsync()).Inserts);
        open.SetResult();
        Assert.Contains("plan that is over", (await Assert.ThrowsAsync<WorkflowFailedException>(() => older)).Message, StringComparison.Ordinal);
        Assert.Equal(10, Planned().Changes.Count);
        Assert.Equal(["0"], _host.Warehouse("select count(*) from users_staging"));
    }

    /// <summary>Holds the first request for page 2 until the gate is opened; later requests pass.</summary>
    private (TaskCompletionSource Reached, TaskCompletionSource Open) Gate()
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var held = 0;
        _host.Provider.Instead = async (_, page) =>
        {
            if (page == 2 && Interlocked.Exchange(ref held, 1) == 0)
            {
                reached.SetResult();
                await open.Task;
            }
            return false;
        };
        return (reached, open);
    }

    private async Task<PlanSummary> PlanAsync() => await PipelineHost.ResultAsync(
        await _host.Client.StartAsync(new PlanPipeline(Workshop.Okta.OrganizationId, Workshop.Okta.ConnectedIntegrationId)));

    private PipelinePlan Planned() => PipelinePlan.Get(_host.Get<WarehouseFile>(), Workshop.Okta);

    /// <summary>Number and content of the rows of each table that runs write.</summary>
    private string[] Content() =>
        [.. Tables.Select(table => _host.Warehouse($"select * from {table}")).Zip(Tables, (rows, table) => $"{table} {rows.Length}\n{string.Join('\n', rows)}")];
}
