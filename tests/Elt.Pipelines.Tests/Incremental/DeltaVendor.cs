using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Orchestration;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Tests.Sources;
using Elt.Pipelines.Tests.Sources.Connectors;
using Elt.Pipelines.Tests.Suite;
using Elt.Testing;
using Microsoft.AspNetCore.Http;

namespace Elt.Pipelines.Tests.Incremental;

/// <summary>
/// A directory that tells of changes in rounds, as Microsoft Graph does, and a host that reads it with the shipped connector: a round goes over pages whose addresses
/// hold a token, and its last page gives the address of the next round.
/// </summary>
internal sealed class DeltaVendor : IAsyncDisposable
{
    private readonly TempFolder _connectors;
    private readonly Vendor _vendor;
    private readonly ConcurrentDictionary<string, (string Next, string[][] Pages)> _rounds = new();

    private DeltaVendor(Vendor vendor, PipelineHost host, TempFolder connectors)
    {
        (_vendor, Host, _connectors) = (vendor, host, connectors);
        vendor.Answer = AnswerAsync;
    }

    public PipelineHost Host { get; }

    /// <summary>What is not kept any more: <c>token</c>, or <c>token.page</c> for a page within a round.</summary>
    public ConcurrentDictionary<string, (int Status, string Code)> Expired { get; } = new();

    /// <summary>What was asked for: <c>token.page</c>, from page 1; the first round's token is empty.</summary>
    public ConcurrentQueue<string> Asked { get; } = new();

    public static async Task<DeltaVendor> StartAsync(Func<PipelineOptions, PipelineOptions>? configure = null)
    {
        var vendor = await Vendor.StartAsync();
        var connectors = new TempFolder();
        var shipped = vendor.Connect("microsoft-graph", "/v1.0/users");
        var manifest = JsonNode.Parse(DemoPages.Connectors.Of(shipped).Json)!;
        manifest["auth"] = JsonNode.Parse("""{"type":"none"}""");
        File.WriteAllText(connectors.File("microsoft-graph.json"), manifest.ToJsonString());
        configure ??= options => options;
        var host = await PipelineHost.StartAsync(options => configure(options with { Source = options.Source with { ConnectorFolder = connectors.Path } }));
        var directory = new DeltaVendor(vendor, host, connectors);
        await directory.ConnectAsync();
        return directory;
    }

    /// <summary>Connects the standard integration to it.</summary>
    public Task ConnectAsync(int pageSize = 100, string more = "") => Host.Get<IIntegrationStore>().UpsertAsync(new ConnectedIntegration(
        Workshop.Okta.ConnectedIntegrationId, Workshop.Okta.OrganizationId, "microsoft-graph",
        _vendor.Connect("microsoft-graph", "/v1.0/users", pageSize, ",\"incremental\":true" + more).ProviderData));

    /// <summary>What it answers to a token: pages of items, and the token of the round after it.</summary>
    public void Round(string token, string next, params string[][] pages) => _rounds[token] = (next, pages);

    public async Task<PipelineSummary> RunAsync(string id, bool full = false) => await PipelineHost.ResultAsync(await Host.Client.StartAsync(
        new EltPipeline(Workshop.Okta.OrganizationId, Workshop.Okta.ConnectedIntegrationId, PagesPerBatch: 2, Full: full), id));

    public static string Present(string id, string name = "Name") => $$"""{"id":"{{id}}","displayName":"{{name}}"}""";

    public static string Removed(string id, string reason = "changed") => $$$"""{"id":"{{{id}}}","@removed":{"reason":"{{{reason}}}"}}""";

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        await _vendor.DisposeAsync();
        _connectors.Dispose();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var query = context.Request.Query;
        var skip = query["$skiptoken"].ToString().Split('.');
        var (token, page) = skip.Length == 2 ? (skip[0], int.Parse(skip[1], CultureInfo.InvariantCulture)) : (query["$deltatoken"].ToString(), 1);
        Asked.Enqueue($"{token}.{page}");
        // Options are for the first request of the first round, and the size of a page is for no request at all.
        var isFirst = token.Length == 0 && page == 1;
        if (context.Request.Path != "/v1.0/users/delta" || query.ContainsKey("$top") || query.ContainsKey("$select") != isFirst)
            await Vendor.WriteAsync(context, """{"error":{"code":"Request_BadRequest"}}""", 400);
        else if (Expired.TryGetValue(page == 1 ? token : $"{token}.{page}", out var expired))
            await Vendor.WriteAsync(context, $$$"""{"error":{"code":"{{{expired.Code}}}"}}""", expired.Status);
        else if (!_rounds.TryGetValue(token, out var round))
            await Vendor.WriteAsync(context, """{"error":{"code":"Authorization_RequestDenied"}}""", 403);
        else
            await Vendor.WriteAsync(context, Page(token, page, round.Next, round.Pages));
    }

    private string Page(string token, int page, string next, string[][] pages)
    {
        var address = $"{_vendor.Address}/v1.0/users/delta?";
        var link = page < pages.Length ? $"\"@odata.nextLink\":\"{address}$skiptoken={token}.{page + 1}\"" : $"\"@odata.deltaLink\":\"{address}$deltatoken={next}\"";
        return $$$"""{"value":[{{{string.Join(',', pages[page - 1])}}}],{{{link}}}}""";
    }
}
