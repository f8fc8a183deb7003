using Elt.Durable;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Orchestration;
using Elt.Pipelines.Tests.Sources.Connectors;
using Elt.Pipelines.Tests.Suite;
using Elt.Testing;
using Xunit;

namespace Elt.Pipelines.Tests.Extract;

/// <summary>Extracts whose pages follow one another, from the source to the destination.</summary>
public sealed class CursorExtractTests : IAsyncLifetime
{
    private readonly TempFolder _connectors = new();
    private Vendor _vendor = null!;
    private PipelineHost _host = null!;

    public async Task InitializeAsync()
    {
        _vendor = await Vendor.StartAsync();
        _host = await PipelineHost.StartAsync(options => options with { Source = options.Source with { ConnectorFolder = _connectors.Path } });
    }

    public async Task DisposeAsync()
    {
        await _host.DisposeAsync();
        await _vendor.DisposeAsync();
        _connectors.Dispose();
    }

    [Fact]
    public async Task Pages_follow_one_another_through_all_batches()
    {
        await ConnectAsync("scim2-cursor");
        Serve(pages: 25);

        var summary = await _host.RunAsync("run", batches: 2, pagesPerBatch: 4);

        Assert.Equal((25, 25, 25), (summary.Staged, summary.Inserts, summary.Latest));
        Assert.Equal(Enumerable.Range(0, 25).Select(page => page == 0 ? "" : $"c{page}"), Cursors());
        Assert.Equal(["25"], _host.Warehouse("select count(*) from extract_pages where is_last = (page = 25)"));
    }

    [Fact]
    [Trait("promise", "P2")]
    public async Task A_cursor_survives_a_restart_and_no_page_is_read_twice()
    {
        await ConnectAsync("scim2-cursor");
        var (reached, goOn) = (new TaskCompletionSource(), new TaskCompletionSource());
        Serve(pages: 6, before: async page =>
        {
            if (page != 3 || goOn.Task.IsCompleted)
                return;
            reached.TrySetResult();
            await goOn.Task;
        });

        await _host.Client.StartAsync(new EltPipeline("org-001", "okta", 2, 2), "run");
        await reached.Task.WaitAsync(PipelineHost.Patience());
        var restart = _host.RestartAsync();
        goOn.SetResult();
        await restart;
        var summary = await _host.RunAsync("run", batches: 2, pagesPerBatch: 2);

        Assert.Equal(6, summary.Latest);
        Assert.Equal(["", "c1", "c2", "c3", "c4", "c5"], Cursors().Distinct());
        Assert.True(Cursors().Count() <= 7);
    }

    [Theory]
    [Trait("promise", "P9")]
    [InlineData("Case_31_the_next_token_repeats", "c1", "c1")]
    [InlineData("Case_31_a_cycle_of_two", "c1", "c2", "c1")]
    [InlineData("Case_31_a_cycle_of_three_over_two_batches", "c1", "c2", "c3", "c1")]
    public async Task Case_31_a_source_that_pages_in_a_circle_fails_the_run(string @case, params string[] next)
    {
        await ConnectAsync("scim2-cursor");
        _vendor.Answer = context => Vendor.WriteAsync(context, $$"""{"Resources":[],"nextCursor":"{{next[Math.Min(_vendor.Requests.Count, next.Length) - 1]}}"}""");

        var error = await Assert.ThrowsAnyAsync<WorkflowFailedException>(() => _host.RunAsync("run", pagesPerBatch: 2));

        Assert.True(error.ToString().Contains("pagination_loop", StringComparison.Ordinal), $"{@case}: {error}");
        Assert.Equal(next.Length, _vendor.Requests.Count);
    }

    [Fact]
    public async Task A_run_keeps_the_connector_that_it_began_with_when_a_deploy_changes_it()
    {
        WriteConnector(name: "/userName");
        await ConnectAsync("own");
        var (reached, goOn) = (new TaskCompletionSource(), new TaskCompletionSource());
        Serve(pages: 4, before: async page =>
        {
            if (page != 2 || goOn.Task.IsCompleted)
                return;
            reached.TrySetResult();
            await goOn.Task;
        });
        await _host.RestartAsync();

        await _host.Client.StartAsync(new EltPipeline("org-001", "okta"), "run");
        await reached.Task.WaitAsync(PipelineHost.Patience());
        WriteConnector(name: "/nick");
        var restart = _host.RestartAsync();
        goOn.SetResult();
        await restart;
        await _host.RunAsync("run");

        Assert.Equal(["u0", "u1", "u2", "u3"], _host.Warehouse("select name from users_latest order by external_id"));
        await _host.RunAsync("next");
        Assert.Equal(["n0", "n1", "n2", "n3"], _host.Warehouse("select name from users_latest order by external_id"));
    }

    private Task ConnectAsync(string provider)
    {
        var integration = _vendor.Connect(provider, "/scim/Users");
        return _host.Get<IIntegrationStore>().UpsertAsync(
            new ConnectedIntegration(Workshop.Okta.ConnectedIntegrationId, Workshop.Okta.OrganizationId, provider, integration.ProviderData));
    }

    private void WriteConnector(string name) => File.WriteAllText(_connectors.File("own.json"), $$"""
        {"name":"own","pagination":{"type":"cursor","path":"/nextCursor","param":"cursor","first":""},"records":{"path":"/Resources"},
         "key":["/id"],"fields":{"name":{"from":["{{name}}"] } },"ignore":["nick","userName"]}
        """);

    private void Serve(int pages, Func<int, Task>? before = null) => _vendor.Answer = async context =>
    {
        var page = context.Request.Query["cursor"] == "" ? 0 : int.Parse(context.Request.Query["cursor"].ToString()[1..]);
        if (before is not null)
            await before(page);
        var next = page + 1 < pages ? $",\"nextCursor\":\"c{page + 1}\"" : "";
        await Vendor.WriteAsync(context, $$"""{"totalResults":{{pages}},"Resources":[{"id":"{{page}}","userName":"u{{page}}","nick":"n{{page}}"}]{{next}}}""");
    };

    private IEnumerable<string> Cursors() => _vendor.Requests.Select(request => request.Split("cursor=")[1].Split('&')[0]);
}
