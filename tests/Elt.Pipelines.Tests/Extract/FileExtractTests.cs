using Elt.Durable;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Orchestration;
using Elt.Pipelines.Tests.Sources.Files;
using Elt.Pipelines.Tests.Suite;
using Xunit;

namespace Elt.Pipelines.Tests.Extract;

/// <summary>Extracts of files, from the file to the destination.</summary>
public sealed class FileExtractTests : IAsyncLifetime
{
    private readonly Drawer _drawer = new();
    private PipelineHost _host = null!;

    public async Task InitializeAsync() =>
        _host = await PipelineHost.StartAsync(options => options with { Source = options.Source with { FileFolder = _drawer.Folder } });

    public async Task DisposeAsync()
    {
        await _host.DisposeAsync();
        _drawer.Dispose();
    }

    [Theory]
    [InlineData("users.csv")]
    [InlineData("users.csv.gz")]
    [Trait("promise", "P4")]
    public async Task A_file_is_loaded_its_changes_follow_and_bad_lines_are_in_quarantine(string name)
    {
        await ConnectAsync(Put(name, Lines(1, 40)));
        Assert.Equal((40, 40), await RunAsync("one"));

        Put(name, Lines(1, 40).Replace("20,User 20,u20@x.io\n", "20,User 20\n", StringComparison.Ordinal) + Lines(41, 45));
        Assert.Equal((44, 5), await RunAsync("two"));
        Assert.Equal(["20,User 20|Line 21: Expected 3 columns, found 2."], _host.Warehouse(
            "select raw, json_extract(reasons, '$[1].message') from users_quarantine"));
        Assert.Equal(["User 20"], _host.Warehouse("select name from users_latest where external_id = '20'"));
    }

    [Theory]
    [InlineData("users.csv")]
    [InlineData("users.csv.gz")]
    [Trait("promise", "P2")]
    public async Task A_restart_between_two_pages_loses_and_doubles_no_record(string name)
    {
        await ConnectAsync(Put(name, Lines(1, 40)));
        await StopBehindPageAsync("one", 3);

        Assert.Equal((40, 40), await RunAsync("one"));
        Assert.Equal(["40|40"], _host.Warehouse("select count(*), count(distinct external_id) from users_staging"));
    }

    [Fact]
    [Trait("promise", "P4")]
    public async Task A_file_that_changed_behind_a_restart_fails_the_run_and_the_next_one_reads_anew()
    {
        await ConnectAsync(Put("users.csv", Lines(1, 40)));
        await StopBehindPageAsync("one", 3);
        Put("users.csv", Lines(1, 39) + "40,Other,o@x.io\n");

        var error = await Assert.ThrowsAnyAsync<WorkflowFailedException>(() => RunAsync("one"));

        Assert.Contains("file_changed", error.ToString(), StringComparison.Ordinal);
        Assert.Equal(["0"], _host.Warehouse("select count(*) from users_latest"));
        Assert.Equal((40, 40), await RunAsync("two"));
    }

    /// <summary>Begins a run and restarts the host while the page is being asked for.</summary>
    private async Task StopBehindPageAsync(string id, int page)
    {
        var (reached, goOn) = (new TaskCompletionSource(), new TaskCompletionSource());
        _host.BeforePage = async asked =>
        {
            if (asked <= page)
                return;
            reached.TrySetResult();
            await goOn.Task;
        };
        await _host.Client.StartAsync(new EltPipeline(Workshop.Okta.OrganizationId, Workshop.Okta.ConnectedIntegrationId, 2, 2), id);
        await reached.Task.WaitAsync(PipelineHost.Patience());
        // Let go before it has stopped, the host could read on to the end.
        await _host.RestartAsync();
        _host.BeforePage = null;
        goOn.SetResult();
    }

    private string Put(string name, string lines)
    {
        var text = "id,name,email\n" + lines;
        return name.EndsWith(".gz", StringComparison.Ordinal) ? _drawer.Put(name, Drawer.Pack(text)) : _drawer.Put(name, text);
    }

    private static string Lines(int from, int to) =>
        string.Concat(Enumerable.Range(from, to - from + 1).Select(i => $"{i},User {i},u{i}@x.io\n"));

    private Task ConnectAsync(string address) => _host.Get<IIntegrationStore>().UpsertAsync(new ConnectedIntegration(
        Workshop.Okta.ConnectedIntegrationId, Workshop.Okta.OrganizationId, "file", Drawer.Connect(address, ",\"page_size\":7").ProviderData));

    private async Task<(long Staged, long Inserts)> RunAsync(string id)
    {
        var summary = await _host.RunAsync(id, batches: 2, pagesPerBatch: 2);
        return (summary.Staged, summary.Inserts);
    }
}
