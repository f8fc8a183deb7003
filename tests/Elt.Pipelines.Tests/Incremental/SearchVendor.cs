using System.Globalization;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Tests.Sources.Connectors;
using Elt.Pipelines.Tests.Suite;
using Microsoft.AspNetCore.Http;

namespace Elt.Pipelines.Tests.Incremental;

/// <summary>
/// A vendor that behaves as Okta does, and a host that reads it incrementally: a search shows users of all states that were changed since a time, the plain list none
/// that are deprovisioned.
/// </summary>
internal sealed class SearchVendor : IAsyncDisposable
{
    // Before any run: what is changed while a run reads is another matter.
    public static readonly DateTimeOffset Noon = new(2020, 1, 2, 12, 0, 0, TimeSpan.Zero);

    private readonly Vendor _vendor;

    private SearchVendor(Vendor vendor, PipelineHost host)
    {
        (_vendor, Host) = (vendor, host);
        vendor.Answer = AnswerAsync;
    }

    public PipelineHost Host { get; }

    public Dictionary<string, (string Status, string Name, DateTimeOffset Changed)> Users { get; } = [];

    /// <summary>Method, path and query of each request.</summary>
    public IReadOnlyCollection<string> Requests => _vendor.Requests;

    public static async Task<SearchVendor> StartAsync()
    {
        var vendor = new SearchVendor(await Vendor.StartAsync(), await PipelineHost.StartAsync());
        await vendor.Host.Get<IIntegrationStore>().UpsertAsync(new ConnectedIntegration(
            Workshop.Okta.ConnectedIntegrationId, Workshop.Okta.OrganizationId, "okta",
            vendor._vendor.Connect("okta", "/api/v1/users", pageSize: 2, ",\"incremental\":true").ProviderData));
        return vendor;
    }

    public void Change(string id, DateTimeOffset changed, string name = "First", string status = "ACTIVE") => Users[id] = (status, name, changed);

    public string[] Latest() => Host.Warehouse("select external_id, name from users_latest order by external_id");

    public DateTimeOffset Cursor() => DateTimeOffset.Parse(Host.Warehouse("select cursor from reading_cursors")[0], CultureInfo.InvariantCulture);

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        await _vendor.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var query = context.Request.Query;
        var (search, filter) = (query["search"].ToString(), query["filter"].ToString());
        var since = search.Length > 0 ? DateTimeOffset.Parse(search.Split('"')[1], CultureInfo.InvariantCulture) : DateTimeOffset.MinValue;
        var found = Users
            .Where(user => search.Length > 0 ? user.Value.Changed > since : filter.Length > 0 == (user.Value.Status == "DEPROVISIONED"))
            .OrderBy(user => user.Key, StringComparer.Ordinal)
            .SkipWhile(user => string.CompareOrdinal(user.Key, query["after"]) <= 0)
            .ToList();
        var page = found.Take(int.Parse(query["limit"]!, CultureInfo.InvariantCulture)).ToList();
        if (page.Count < found.Count)
        {
            var kept = search.Length > 0 ? $"search={Uri.EscapeDataString(search)}&" : filter.Length > 0 ? $"filter={Uri.EscapeDataString(filter)}&" : "";
            context.Response.Headers.Append("Link", $"<{_vendor.Address}/api/v1/users?{kept}limit=2&after={page[^1].Key}>; rel=\"next\"");
        }
        await Vendor.WriteAsync(context, $"[{string.Join(',', page.Select(user => Shown(user.Key, user.Value.Status, user.Value.Name, user.Value.Changed)))}]");
    }

    private static string Shown(string id, string status, string name, DateTimeOffset changed) =>
        $$$"""{"id":"{{{id}}}","status":"{{{status}}}","lastUpdated":"{{{changed.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss.fff'Z'}}}","profile":{"firstName":"{{{name}}}","lastName":"L"}}""";
}
