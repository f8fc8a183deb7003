using System.Globalization;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Tests.Sources.Connectors;
using Elt.Pipelines.Tests.Suite;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Elt.Pipelines.Tests.Incremental;

/// <summary>Changes since a time, from a vendor that behaves as Okta does: a search shows users of all states, the plain list none that are deprovisioned.</summary>
public sealed class SinceTests : IAsyncLifetime
{
    // Before any run: what is changed while a run reads is another matter.
    private static readonly DateTimeOffset Noon = new(2020, 1, 2, 12, 0, 0, TimeSpan.Zero);

    private readonly Dictionary<string, (string Status, string Name, DateTimeOffset Changed)> _users = [];
    private Vendor _vendor = null!;
    private PipelineHost _host = null!;

    public async Task InitializeAsync()
    {
        _vendor = await Vendor.StartAsync();
        _vendor.Answer = AnswerAsync;
        _host = await PipelineHost.StartAsync();
        await _host.Get<IIntegrationStore>().UpsertAsync(new ConnectedIntegration(
            Workshop.Okta.ConnectedIntegrationId, Workshop.Okta.OrganizationId, "okta",
            _vendor.Connect("okta", "/api/v1/users", pageSize: 2, ",\"incremental\":true").ProviderData));
    }

    public async Task DisposeAsync()
    {
        await _host.DisposeAsync();
        await _vendor.DisposeAsync();
    }

    [Fact]
    [Trait("case", "12")]
    [Trait("case", "61")]
    [Trait("promise", "P4")]
    public async Task Records_of_the_same_time_and_late_ones_within_the_lag_are_seen_and_what_did_not_change_stays()
    {
        foreach (var id in new[] { "a", "b", "c", "d" })
            Change(id, Noon);
        var first = await _host.RunAsync("first");

        Change("same-time", Noon);
        Change("late", Noon.AddMinutes(-9));
        Change("too-late", Noon.AddMinutes(-11));
        Change("a", Noon.AddSeconds(1), name: "Changed");
        Change("b", Noon.AddSeconds(1), status: "DEPROVISIONED");
        _users.Remove("c");
        var requests = _vendor.Requests.Count;
        var second = await _host.RunAsync("second");
        var asked = _vendor.Requests.Skip(requests).ToArray();
        var third = await _host.RunAsync("third");

        Assert.Equal(("full", 4L), (first.Mode, first.Inserts));
        Assert.Equal(("incremental", 2L, 1L, 1L, 5L), (second.Mode, second.Inserts, second.Updates, second.Deletes, second.Latest));
        Assert.Equal(["a|Changed L", "c|First L", "d|First L", "late|First L", "same-time|First L"], Latest());
        Assert.Equal("GET /api/v1/users?search=lastUpdated gt \"2020-01-02T11:50:00.000Z\"&limit=2", asked[0]);
        Assert.DoesNotContain(asked, request => request.Contains("filter", StringComparison.Ordinal));
        Assert.Equal((0L, 0L, 0L, 5L), (third.Inserts, third.Updates, third.Deletes, third.Latest));

        await _host.WriteWarehouseAsync("update reading_cursors set full_at = '2020-01-01T00:00:00.000Z'");
        var everything = await _host.RunAsync("everything");
        Assert.Equal(("full", 1L, 1L), (everything.Mode, everything.Inserts, everything.Deletes));
    }

    [Fact]
    [Trait("case", "62")]
    public async Task A_time_in_the_future_hides_no_change_and_no_answer_moves_the_cursor_back()
    {
        Change("a", Noon);
        Change("future", new DateTimeOffset(2999, 1, 1, 0, 0, 0, TimeSpan.Zero));
        await _host.RunAsync("first");
        var cursor = Cursor();
        Assert.InRange(cursor, Noon, TimeProvider.System.GetUtcNow());

        Change("b", cursor);
        Assert.Equal(("incremental", 1L), await RunAsync("second"));
        _users.Remove("future");
        _users.Remove("b");
        Assert.Equal(("incremental", 0L), await RunAsync("third"));
        Assert.Equal(3, Latest().Length);
        Assert.True(Cursor() >= cursor);
    }

    private async Task<(string Mode, long Inserts)> RunAsync(string id)
    {
        var summary = await _host.RunAsync(id);
        return (summary.Mode, summary.Inserts);
    }

    private void Change(string id, DateTimeOffset changed, string name = "First", string status = "ACTIVE") => _users[id] = (status, name, changed);

    private string[] Latest() => _host.Warehouse("select external_id, name from users_latest order by external_id");

    private DateTimeOffset Cursor() => DateTimeOffset.Parse(_host.Warehouse("select cursor from reading_cursors")[0], CultureInfo.InvariantCulture);

    private async Task AnswerAsync(HttpContext context)
    {
        var query = context.Request.Query;
        var (search, filter) = (query["search"].ToString(), query["filter"].ToString());
        var since = search.Length > 0 ? DateTimeOffset.Parse(search.Split('"')[1], CultureInfo.InvariantCulture) : DateTimeOffset.MinValue;
        var found = _users
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
