using Elt.Durable;
using Elt.Pipelines.Backfills;
using Elt.Pipelines.Extract;
using Elt.Pipelines.Tests.Suite;
using Elt.Testing;
using Xunit;
using static Elt.Pipelines.Tests.Backfills.DatedDirectory;

namespace Elt.Pipelines.Tests.Backfills;

/// <summary>A backfill beside runs and other backfills, through restarts, and at its own pace.</summary>
public sealed class BackfillRunTests : IAsyncLifetime
{
    private DatedDirectory _directory = null!;

    private PipelineHost Host => _directory.Host;

    public async Task InitializeAsync() => _directory = await DatedDirectory.StartAsync();

    public async Task DisposeAsync() => await _directory.DisposeAsync();

    [Fact]
    [Trait("promise", "P8")]
    public async Task A_run_that_comes_and_goes_while_a_backfill_reads_is_not_superseded_and_its_rows_stay()
    {
        await _directory.HoldsAsync([.. Enumerable.Range(1, 12).Select(i => At(3, $"u{i:00}"))]);
        var (reached, open) = _directory.Gate(page: 2);
        var backfill = _directory.BackfillAsync("backfill");
        await reached.Task.WaitAsync(PipelineHost.Patience());

        await _directory.HoldsAsync([.. Enumerable.Range(1, 11).Select(i => At(5, $"u{i:00}"))]);
        var run = await Host.RunAsync("run");
        open.SetResult();
        var summary = await backfill.WaitAsync(PipelineHost.Patience());

        Assert.Equal((11, 11), (run.Inserts, run.Synced));
        Assert.Equal((0, 10), (summary.Updates, summary.LeftAlone));
        Assert.Equal(Enumerable.Range(1, 11).Select(i => $"u{i:00}|Day 5"), _directory.Latest());
        Assert.Equal(["run|run", "backfill|backfill"], Host.Warehouse("select workflow_id, kind from pipeline_runs order by run_seq"));
    }

    [Fact]
    [Trait("promise", "P8")]
    public async Task A_backfill_waits_for_the_run_that_is_under_way()
    {
        await _directory.HoldsAsync([.. Enumerable.Range(1, 12).Select(i => At(3, $"u{i:00}"))]);
        var (reached, open) = _directory.Gate(page: 2);
        var run = Host.RunAsync("run");
        await reached.Task.WaitAsync(PipelineHost.Patience());
        var backfill = await Host.Client.StartAsync(Backfill(), "backfill");
        Assert.Equal("run", await Host.Client.GetEventAsync<string>("backfill", BackfillWorkflow.WaitsFor, TimeSpan.FromSeconds(60)));

        Assert.Empty(_directory.Latest());
        open.SetResult();

        Assert.Equal((12, 12), ((await run.WaitAsync(PipelineHost.Patience())).Inserts, (await PipelineHost.ResultAsync(backfill)).Read));
        Assert.Equal(["run|applied", "backfill|applied"], Host.Warehouse("select workflow_id, state from pipeline_runs order by run_seq"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("promise", "P8")]
    public async Task A_backfill_whose_rows_a_later_run_has_shipped_ends_well_and_names_it(bool onPostgres)
    {
        if (onPostgres)
        {
            await _directory.DisposeAsync();
            _directory = await DatedDirectory.StartAsync(await PostgresServer.CreateDatabaseAsync());
        }
        await _directory.HoldsAsync([.. Enumerable.Range(1, 12).Select(i => At(3, $"u{i:00}"))]);
        var merged = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Host.BeforeSync = run => run == "backfill" && merged.TrySetResult() ? open.Task : Task.CompletedTask;
        var backfill = _directory.BackfillAsync("backfill");
        await merged.Task.WaitAsync(PipelineHost.Patience());

        var run = await Host.RunAsync("run");
        open.SetResult();
        var summary = await backfill.WaitAsync(PipelineHost.Patience());

        Assert.Equal((0, 12), (run.Inserts, run.Synced));
        Assert.Equal((12, 0, "run"), (summary.Inserts, summary.Synced, summary.DeliveredBy));
        Assert.Equal(12, Assert.Single((await Host.Get<PipelineDatabases>().CountTablesAsync()).Integrations).Destination);
    }

    [Fact]
    public async Task A_run_that_has_failed_is_not_waited_for()
    {
        await _directory.HoldsAsync(At(3, "a"));
        Host.Provider.Instead = (context, _) =>
        {
            context.Response.StatusCode = 404;
            return Task.FromResult(true);
        };
        await Assert.ThrowsAsync<WorkflowFailedException>(() => Host.RunAsync("run"));
        Host.Provider.Instead = (_, _) => Task.FromResult(false);

        Assert.Equal(1, (await _directory.BackfillAsync()).Inserts);
    }

    [Fact]
    public async Task A_second_backfill_is_refused_until_the_first_has_ended_however_it_ended()
    {
        await _directory.HoldsAsync([.. Enumerable.Range(1, 12).Select(i => At(3, $"u{i:00}"))]);
        var (reached, _) = _directory.Gate(page: 2);
        var first = await Host.Client.StartAsync(Backfill(), "first");
        await reached.Task.WaitAsync(PipelineHost.Patience());

        var error = await Assert.ThrowsAsync<WorkflowFailedException>(() => _directory.BackfillAsync("second"));
        Assert.Contains("Backfill 'first' of org-001/okta is under way.", error.Message, StringComparison.Ordinal);

        await Host.Client.CancelAsync("first");
        await Assert.ThrowsAsync<WorkflowFailedException>(() => PipelineHost.ResultAsync(first));
        Assert.Equal(12, (await _directory.BackfillAsync("third")).Inserts);
        Assert.Equal(["third"], Host.Warehouse("select distinct workflow_id from users_staging"));
    }

    [Fact]
    [Trait("promise", "P2")]
    public async Task A_backfill_goes_on_after_a_restart_and_fetches_no_page_twice()
    {
        await _directory.HoldsAsync([.. Enumerable.Range(1, 35).Select(i => At(3, $"u{i:00}"))]);
        var (reached, _) = _directory.Gate(page: 3);
        var run = await Host.Client.StartAsync(Backfill(requestsPerMinute: 6000), "backfill");
        await reached.Task.WaitAsync(PipelineHost.Patience());

        await Host.RestartAsync();

        Assert.Equal(35, (await _directory.BackfillAsync("backfill", requestsPerMinute: 6000)).Inserts);
        Assert.Equal([1, 2, 3, 3, 4], Host.Provider.Requests.Select(request => request.Page));
        Assert.Equal("backfill", run.WorkflowId);
    }

    [Fact]
    public async Task With_a_limit_pages_come_one_after_another_with_a_durable_pause_before_each_but_the_first()
    {
        await _directory.HoldsAsync([.. Enumerable.Range(1, 55).Select(i => At(3, $"u{i:00}"))]);

        await _directory.BackfillAsync("backfill", requestsPerMinute: 6000);

        var steps = new List<string>();
        foreach (var batch in (await Host.Client.ListAsync(new RunFilter { Workflow = "extract-and-load-batch" })).OrderBy(batch => batch.Id, StringComparer.Ordinal))
            steps.AddRange((await Host.Client.ListStepsAsync(batch.Id)).Select(step => step.Key));
        Assert.Equal(Enumerable.Range(1, 6).SelectMany(page => new[] { $"pause-{page:00000}", $"page-{page:00000}" }).Skip(1), steps);
        Assert.Equal(Enumerable.Range(1, 6), Host.Provider.Requests.Select(request => request.Page));
        Assert.Equal(TimeSpan.FromSeconds(2), new Pace(30).Pause);
    }
}
