using Elt.Pipelines.Backfills;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Tests.Sources;
using Elt.Pipelines.Tests.Suite;
using Elt.Testing;

namespace Elt.Pipelines.Tests.Backfills;

/// <summary>A directory that says when its users were changed, ten on a page, and a host that reads it.</summary>
internal sealed class DatedDirectory : IAsyncDisposable
{
    private readonly TempFolder _connectors;

    private DatedDirectory(PipelineHost host, TempFolder connectors) => (Host, _connectors) = (host, connectors);

    public PipelineHost Host { get; }

    public static async Task<DatedDirectory> StartAsync(string? postgres = null)
    {
        var connectors = new TempFolder();
        File.WriteAllText(connectors.File("dated.json"),
            """
            {
              "name": "dated",
              "pageSize": { "param": "page_size" },
              "pagination": { "type": "page", "pageParam": "page", "totalPagesPath": "/total_pages", "echoPath": "/page" },
              "records": {
                "path": "/users", "totalPath": "/total", "absence": "whenTotalHolds",
                "tombstones": [{ "path": "/gone", "values": ["true"], "state": "deleted" }]
              },
              "key": ["/id"],
              "updatedAt": { "path": "/changed" },
              "fields": { "name": { "from": ["/name"], "required": true }, "email": { "from": ["/email"] } },
              "ignore": ["changed", "gone"]
            }
            """);
        var host = await PipelineHost.StartAsync(
            options => options with { BackfillWait = TimeSpan.FromMilliseconds(5), Source = options.Source with { ConnectorFolder = connectors.Path } }, postgres);
        return new DatedDirectory(host, connectors);
    }

    /// <summary>A user that was changed on a day of January 2020, or at a time that its day does not say.</summary>
    public static User At(int? day, string id, string? name = null, string more = "") => new(id, name ?? $"Day {day}", More: string.Join(
        ',', new[] { day is null ? "" : $"\"changed\":\"2020-01-{day:00}T00:00:00Z\"", more }.Where(text => text.Length > 0)) is { Length: > 0 } members ? members : null);

    /// <summary>What the source has from now on.</summary>
    public Task HoldsAsync(params User[] users)
    {
        var demo = Host.Provider.Connect(Workshop.Okta, users);
        return Host.Get<IIntegrationStore>().UpsertAsync(new ConnectedIntegration(demo.Id, demo.OrganizationId, "dated", demo.ProviderData));
    }

    /// <summary>The source has them, and a run has read it.</summary>
    public async Task LoadedAsync(params User[] users)
    {
        await HoldsAsync(users);
        await Host.RunAsync();
    }

    public async Task<BackfillSummary> BackfillAsync(string? id = null, int from = 1, int? to = null, int? requestsPerMinute = null) =>
        await PipelineHost.ResultAsync(await Host.Client.StartAsync(Backfill(from, to, requestsPerMinute), id));

    public static Backfill Backfill(int from = 1, int? to = null, int? requestsPerMinute = null) => new(
        Workshop.Okta.OrganizationId, Workshop.Okta.ConnectedIntegrationId, Day(from), to is { } end ? Day(end) : null, requestsPerMinute, PagesPerBatch: 2);

    /// <summary>Users of latest as <c>id|name</c>.</summary>
    public string[] Latest() => Host.Warehouse("select external_id, name from users_latest order by external_id");

    /// <summary>Holds the first request for a page until the gate is opened; later requests pass.</summary>
    public (TaskCompletionSource Reached, TaskCompletionSource Open) Gate(int page)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var held = 0;
        Host.Provider.Instead = async (context, asked) =>
        {
            if (asked == page && Interlocked.Exchange(ref held, 1) == 0)
            {
                reached.SetResult();
                await open.Task.WaitAsync(context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            return false;
        };
        return (reached, open);
    }

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        _connectors.Dispose();
    }

    private static DateTimeOffset Day(int day) => new(2020, 1, day, 0, 0, 0, TimeSpan.Zero);
}
