using Xunit;

namespace Elt.Pipelines.Tests.Incremental;

/// <summary>Changes since a time, from a vendor that behaves as Okta does: a search shows users of all states, the plain list none that are deprovisioned.</summary>
public sealed class SinceTests : IAsyncLifetime
{
    private SearchVendor _vendor = null!;

    public async Task InitializeAsync() => _vendor = await SearchVendor.StartAsync();

    public async Task DisposeAsync() => await _vendor.DisposeAsync();

    [Fact]
    [Trait("case", "12")]
    [Trait("case", "61")]
    [Trait("promise", "P4")]
    public async Task Records_of_the_same_time_and_late_ones_within_the_lag_are_seen_and_what_did_not_change_stays()
    {
        foreach (var id in new[] { "a", "b", "c", "d" })
            _vendor.Change(id, SearchVendor.Noon);
        var first = await _vendor.Host.RunAsync("first");

        _vendor.Change("same-time", SearchVendor.Noon);
        _vendor.Change("late", SearchVendor.Noon.AddMinutes(-9));
        _vendor.Change("too-late", SearchVendor.Noon.AddMinutes(-11));
        _vendor.Change("a", SearchVendor.Noon.AddSeconds(1), name: "Changed");
        _vendor.Change("b", SearchVendor.Noon.AddSeconds(1), status: "DEPROVISIONED");
        _vendor.Users.Remove("c");
        var requests = _vendor.Requests.Count;
        var second = await _vendor.Host.RunAsync("second");
        var asked = _vendor.Requests.Skip(requests).ToArray();
        var third = await _vendor.Host.RunAsync("third");

        Assert.Equal(("full", 4L), (first.Mode, first.Inserts));
        Assert.Equal(("incremental", 2L, 1L, 1L, 5L), (second.Mode, second.Inserts, second.Updates, second.Deletes, second.Latest));
        Assert.Equal(["a|Changed L", "c|First L", "d|First L", "late|First L", "same-time|First L"], _vendor.Latest());
        Assert.Equal("GET /api/v1/users?search=lastUpdated gt \"2020-01-02T11:50:00.000Z\"&limit=2", asked[0]);
        Assert.DoesNotContain(asked, request => request.Contains("filter", StringComparison.Ordinal));
        Assert.Equal((0L, 0L, 0L, 5L), (third.Inserts, third.Updates, third.Deletes, third.Latest));

        await _vendor.Host.WriteWarehouseAsync("update reading_cursors set full_at = '2020-01-01T00:00:00.000Z'");
        var everything = await _vendor.Host.RunAsync("everything");
        Assert.Equal(("full", 1L, 1L), (everything.Mode, everything.Inserts, everything.Deletes));
    }

    [Fact]
    [Trait("case", "62")]
    public async Task A_time_in_the_future_hides_no_change_and_no_answer_moves_the_cursor_back()
    {
        _vendor.Change("a", SearchVendor.Noon);
        _vendor.Change("future", new DateTimeOffset(2999, 1, 1, 0, 0, 0, TimeSpan.Zero));
        await _vendor.Host.RunAsync("first");
        var cursor = _vendor.Cursor();
        Assert.InRange(cursor, SearchVendor.Noon, TimeProvider.System.GetUtcNow());

        _vendor.Change("b", cursor);
        Assert.Equal(("incremental", 1L), await RunAsync("second"));
        _vendor.Users.Remove("future");
        _vendor.Users.Remove("b");
        Assert.Equal(("incremental", 0L), await RunAsync("third"));
        Assert.Equal(3, _vendor.Latest().Length);
        Assert.True(_vendor.Cursor() >= cursor);
    }

    private async Task<(string Mode, long Inserts)> RunAsync(string id)
    {
        var summary = await _vendor.Host.RunAsync(id);
        return (summary.Mode, summary.Inserts);
    }
}
