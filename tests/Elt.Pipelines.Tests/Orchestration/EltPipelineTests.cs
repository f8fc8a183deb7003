using System.Text.Json;
using Elt.Durable;
using Elt.Pipelines.Faults;
using Elt.Pipelines.Datasets;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Orchestration;
using Elt.Pipelines.Tests.Sources;
using Elt.Pipelines.Tests.Suite;
using Elt.Pipelines.Warehouse;
using Elt.Testing;
using Xunit;

namespace Elt.Pipelines.Tests.Orchestration;

public sealed class EltPipelineTests
{
    [Fact]
    public async Task Users_go_from_the_source_to_the_destination()
    {
        await using var host = await PipelineHost.StartAsync();
        await host.ConnectAsync(User.Many(1000));

        var first = await host.RunAsync();
        var second = await host.RunAsync();

        Assert.Equal(new PipelineSummary("org-001", "okta", 1000, 1000, 0, 0, 0, 1000, 1000), first);
        Assert.Equal(new PipelineSummary("org-001", "okta", 1000, 0, 0, 0, 0, 1000, 0), second);
        Assert.Equal(
            new IntegrationCounts("users", "org-001", "okta", 1000, 1000, 1000, 1000),
            Assert.Single((await host.Get<PipelineDatabases>().CountTablesAsync()).Integrations));
    }

    [Fact]
    public async Task Journal_integrations_and_destination_may_share_a_postgres()
    {
        await using var host = await PipelineHost.StartAsync(postgres: await PostgresServer.CreateDatabaseAsync());
        await host.ConnectAsync(User.Many(95));

        var first = await host.RunAsync();
        await host.ConnectAsync([.. User.Many(93), new User("new"), new User("u000094", null)]);
        var second = await host.RunAsync();

        Assert.Equal((95, 95, 95), (first.Staged, first.Inserts, first.Synced));
        Assert.Equal(new PipelineSummary("org-001", "okta", 95, 1, 1, 1, 0, 95, 3), second);
        var tables = await host.Get<PipelineDatabases>().CountTablesAsync();
        Assert.Equal(1, tables.ConnectedIntegrations);
        Assert.Equal(new IntegrationCounts("users", "org-001", "okta", 95, 98, 95, 95), Assert.Single(tables.Integrations));
    }

    [Fact]
    [Trait("promise", "P1")]
    [Trait("case", "53")]
    public async Task The_same_workflow_id_twice_gives_the_same_result_and_changes_nothing()
    {
        await using var host = await PipelineHost.StartAsync();
        await host.ConnectAsync(User.Many(100));
        var first = await host.RunAsync("run-x");
        await host.ConnectAsync(User.Many(150));
        var requests = host.Provider.Requests.Count;

        var second = await host.RunAsync("run-x");

        Assert.Equal(first, second);
        Assert.Equal(requests, host.Provider.Requests.Count);
        Assert.Equal(["100"], host.Warehouse("select count(*) from users_latest"));
    }

    [Theory]
    [InlineData(25, 2, 2, 2)]
    [InlineData(25, 1, 1, 10)]
    [InlineData(25, 10, 10, 10)]
    [InlineData(25, 3, 2, 5)]
    [InlineData(25, 2, 3, 1)]
    [InlineData(20, 10, 1, 10)]
    [InlineData(0, 10, 10, 10)]
    public async Task Each_page_is_asked_for_once_and_none_past_the_end(int users, int batches, int pagesPerBatch, int pageSize)
    {
        await using var host = await PipelineHost.StartAsync();
        await host.ConnectAsync(User.Many(users), pageSize: pageSize);

        var summary = await host.RunAsync(batches: batches, pagesPerBatch: pagesPerBatch);

        Assert.Equal((users, users), (summary.Staged, summary.Latest));
        var pages = Math.Max(1, (users + pageSize - 1) / pageSize);
        Assert.Equal(Enumerable.Range(1, pages), host.Provider.Requests.Select(r => r.Page).Order());
    }

    [Theory]
    [InlineData(25, 2, 2, 2)]
    [InlineData(20, 10, 10, 10)]
    [InlineData(0, 10, 10, 10)]
    public async Task A_source_that_does_not_say_how_much_it_has_is_read_to_its_first_empty_page(int users, int batches, int pagesPerBatch, int pageSize)
    {
        await using var host = await PipelineHost.StartAsync();
        host.Provider.DeclaresTotals = false;
        await host.ConnectAsync(User.Many(users), pageSize: pageSize);

        Assert.Equal(users, (await host.RunAsync(batches: batches, pagesPerBatch: pagesPerBatch)).Latest);

        var pages = (users + pageSize - 1) / pageSize;
        Assert.Equal(Enumerable.Range(1, pages + 1), host.Provider.Requests.Select(r => r.Page));
    }

    [Fact]
    [Trait("promise", "P2")]
    public async Task A_page_that_was_staged_before_the_crash_is_not_fetched_again()
    {
        await using var host = await PipelineHost.StartAsync();
        await host.ConnectAsync(User.Many(50));
        var reached = new TaskCompletionSource();
        host.Provider.Instead = async (context, page) =>
        {
            if (page != 3)
                return false;
            reached.TrySetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return true;
        };
        var run = await host.Client.StartAsync(new EltPipeline("org-001", "okta"), "run-x");
        await reached.Task.WaitAsync(PipelineHost.Patience());

        host.Provider.Instead = (_, _) => Task.FromResult(false);
        await host.RestartAsync();
        var summary = await host.RunAsync("run-x");

        Assert.Equal((50, 50, 50), (summary.Staged, summary.Inserts, summary.Synced));
        Assert.Equal([1, 2, 3, 3, 4, 5], host.Provider.Requests.Select(r => r.Page));
        Assert.Equal(["50"], host.Warehouse("select count(*) from users_staging"));
    }

    [Fact]
    [Trait("promise", "P2")]
    public async Task A_page_that_is_staged_but_not_in_the_journal_is_not_fetched_again()
    {
        await using var host = await PipelineHost.StartAsync();
        await host.ConnectAsync(User.Many(30));
        var warehouse = host.Get<WarehouseFile>();
        var stages = host.Get<PipelineStages>().Of("users");
        await warehouse.Database.WriteAsync(t => stages.Runs.Acquire(t, Workshop.Okta, "run-x"), default);
        await stages.Staging.StageAsync(
            Workshop.Okta, "run-x", Workshop.Page(2, User.Many(10, from: 11), 3, 30), () => { }, default);

        var summary = await host.RunAsync("run-x");

        Assert.Equal(30, summary.Staged);
        Assert.Equal([1, 3], host.Provider.Requests.Select(r => r.Page));
    }

    [Fact]
    public async Task Injected_failures_of_source_and_database_change_no_number()
    {
        await using var host = await PipelineHost.StartAsync(options => options with
        {
            Faults = new FaultOptions { ApiFailureRate = 0.1, DatabaseFailureRate = 0.4, CrashAfterBatch = 0 },
        });
        await host.ConnectAsync(User.Many(300));

        var summary = await host.RunAsync();

        Assert.Equal(new PipelineSummary("org-001", "okta", 300, 300, 0, 0, 0, 300, 300), summary);
        Assert.Equal(30, host.Provider.Requests.Count);
        var pages = await host.Client.ListAsync(new RunFilter { Workflow = "extract-and-load-batch" });
        var attempts = 0;
        foreach (var batch in pages)
            attempts += (await host.Client.ListStepsAsync(batch.Id)).Sum(step => step.Attempts);
        Assert.True(attempts > 30, $"{attempts} attempts for 30 pages: nothing was injected.");
    }

    [Fact]
    [Trait("promise", "P8")]
    [Trait("case", "56")]
    [Trait("case", "57")]
    public async Task A_run_that_is_superseded_while_it_reads_ends_as_error_and_writes_nothing()
    {
        await using var host = await PipelineHost.StartAsync();
        await host.ConnectAsync(User.Many(20));
        TaskCompletionSource reached = new(), release = new();
        host.Provider.Instead = async (_, page) =>
        {
            if (page == 2 && reached.TrySetResult())
                await release.Task;
            return false;
        };
        var old = await host.Client.StartAsync(new EltPipeline("org-001", "okta"), "old");
        await reached.Task.WaitAsync(PipelineHost.Patience());

        var newer = await host.RunAsync("new");
        release.SetResult();
        var error = await Assert.ThrowsAsync<WorkflowFailedException>(() => PipelineHost.ResultAsync(old));

        Assert.Equal(20, newer.Latest);
        Assert.Contains("superseded by run 'new'", error.Message, StringComparison.Ordinal);
        Assert.Equal(["new"], host.Warehouse("select distinct workflow_id from users_cdc"));
        Assert.Equal(["acquired", "applied"], host.Warehouse("select state from pipeline_runs order by run_seq"));
    }

    [Theory]
    [InlineData("<html>maintenance</html>", "a web page")]
    [InlineData("""{"page":3,"total_pages":3,"users":"none"}""", "without the list 'users'")]
    public async Task A_source_that_answers_garbage_ends_the_run_with_nothing_applied(string garbage, string message)
    {
        await using var host = await PipelineHost.StartAsync();
        await host.ConnectAsync(User.Many(30));
        host.Provider.Instead = async (context, page) =>
        {
            if (page == 3)
                await Provider.WriteAsync(context, garbage);
            return page == 3;
        };

        var error = await Assert.ThrowsAsync<WorkflowFailedException>(() => host.RunAsync("run-x"));

        Assert.Equal(RunStatus.Error, error.Status);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Equal(["0"], host.Warehouse("select (select count(*) from users_cdc) + (select count(*) from users_latest)"));
        Assert.Equal(0, (await host.Get<PipelineDatabases>().CountTablesAsync()).Integrations.Sum(counts => counts.Destination));
    }

    [Fact]
    public async Task An_integration_that_does_not_exist_is_a_clear_error()
    {
        await using var host = await PipelineHost.StartAsync();

        var error = await Assert.ThrowsAsync<WorkflowFailedException>(() => host.RunAsync());

        Assert.Contains("Organization 'org-001' has no connected integration 'okta'. 'elt integrations' lists", error.Message, StringComparison.Ordinal);
        Assert.Empty(host.Warehouse("select * from pipeline_runs"));
    }

    [Theory]
    [InlineData("""{"organizationId":" ","connectedIntegrationId":"okta"}""", "organizationId must not be blank")]
    [InlineData("""{"organizationId":"org-001","connectedIntegrationId":"okta","batches":0}""", "batches must be 1 to 10000, it is 0")]
    [InlineData("""{"organizationId":"org-001","connectedIntegrationId":"okta","pagesPerBatch":10001}""", "pagesPerBatch must be 1 to 10000")]
    [InlineData("""{"organizationId":"org-001"}""", "connectedIntegrationId")]
    [InlineData("""{"organizationId":"org-001","connectedIntegrationId":"okta","pages":3}""", "pages")]
    public async Task A_bad_input_is_refused_before_anything_starts(string input, string message)
    {
        await using var host = await PipelineHost.StartAsync();

        var error = await Assert.ThrowsAsync<PayloadException>(() => host.Client.StartAsync("elt-pipeline", JsonDocument.Parse(input).RootElement));

        Assert.Contains(message, error.Message, StringComparison.OrdinalIgnoreCase);
        Assert.Empty(await host.Client.ListAsync(new RunFilter()));
    }

    [Fact]
    public async Task Each_stage_can_be_started_by_hand()
    {
        await using var host = await PipelineHost.StartAsync();
        await host.ConnectAsync(User.Many(120));

        var extracted = await PipelineHost.ResultAsync(await host.Client.StartAsync(new Elt.Pipelines.Extract.ExtractAndLoad("org-001", "okta", 5, 20), "by-hand"));
        var detected = await PipelineHost.ResultAsync(await host.Client.StartAsync(new DetectChanges("org-001", "okta")));
        var applied = await PipelineHost.ResultAsync(await host.Client.StartAsync(new ApplyToLatest("org-001", "okta")));
        var synced = await PipelineHost.ResultAsync(await host.Client.StartAsync(new SyncOnward("org-001", "okta", "by-hand")));

        Assert.Equal((12, 120), (extracted.Pages, extracted.Staged));
        Assert.Equal(120, detected.Inserts);
        Assert.Equal(120, applied.Latest);
        Assert.Equal(120, synced.Rows);
    }

    [Fact]
    [Trait("promise", "P14")]
    public async Task The_journal_holds_no_personal_data()
    {
        await using var host = await PipelineHost.StartAsync();
        await host.ConnectAsync([.. User.Many(30).Select(u => u with { Name = "Grace Hopper", Email = "grace@secret.example" })]);
        await host.RunAsync("run-x");

        var runs = await host.Client.ListAsync(new RunFilter());
        var journal = new List<string?>();
        foreach (var run in runs)
        {
            journal.AddRange([run.Input, run.Output]);
            journal.AddRange((await host.Client.ListStepsAsync(run.Id)).Select(step => step.Result));
        }

        Assert.Equal(6, runs.Count);
        Assert.All(journal.OfType<string>(), text => Assert.DoesNotMatch("(?i)grace|u0000", text));
    }
}
