using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Elt.Service.Api;
using Elt.Service.Demo;

namespace Elt.Service.Tests.Demo;

public class DemoProviderTests
{
    private static readonly HttpClient Http = new();

    [Fact]
    public async Task The_same_page_is_the_same_page_in_every_process()
    {
        await using var first = await DemoProvider.StartAsync(new DemoProviderOptions { Users = 95, Seed = 7 });
        await using var second = await DemoProvider.StartAsync(new DemoProviderOptions { Users = 95, Seed = 7 });
        // Other requests in between must not matter: no draw depends on an earlier one.
        await PageTextAsync(first, "org-002", "two", 3, 50);
        foreach (var page in new[] { 1, 10, 4 })
            Assert.Equal(await PageTextAsync(first, "org-001", "one", page, 10), await PageTextAsync(second, "org-001", "one", page, 10));
    }

    [Fact]
    public void The_first_users_of_a_seed_never_change_between_versions()
    {
        var users = new DemoUsers(seed: 1, "org-001", "demo-001");
        Assert.Equal(
            [
                new("u-000001", "Luk Schuri", "luk.schuri.1@org-001.example", "Operations", "Direct Quality Supervisor", true),
                new("u-000002", "Joy Pacocha", "joy.pacocha.2@org-001.example", "People", "Chief Division Specialist", true),
            ],
            new[] { users.Make(1, default), users.Make(2, default) });
    }

    [Theory]
    [InlineData(2, "org-001", "one")]
    [InlineData(1, "org-002", "one")]
    [InlineData(1, "org-001", "two")]
    public void Seed_organization_and_integration_each_draw_other_users(int seed, string organization, string integration)
    {
        static string[] Names(DemoUsers users) => [.. Enumerable.Range(1, 20).Select(index => users.Make(index, default).Name)];
        Assert.NotEqual(Names(new DemoUsers(1, "org-001", "one")), Names(new DemoUsers(seed, organization, integration)));
    }

    [Theory]
    [InlineData(0, 10, 0, new[] { 0 })]
    [InlineData(1, 10, 1, new[] { 1, 0 })]
    [InlineData(20, 10, 2, new[] { 10, 10, 0 })]
    [InlineData(25, 10, 3, new[] { 10, 10, 5, 0 })]
    public async Task Pages_end_where_the_users_end(int users, int pageSize, int totalPages, int[] sizes)
    {
        await using var provider = await DemoProvider.StartAsync(new DemoProviderOptions { Users = users });
        for (var page = 1; page <= sizes.Length; page++)
        {
            var shown = await PageAsync(provider, "org-001", "one", page, pageSize);
            Assert.Equal((page, pageSize, users, totalPages, sizes[page - 1]), (shown.Page, shown.PageSize, shown.Total, shown.TotalPages, shown.Users.Count));
        }
    }

    [Theory]
    [InlineData("page=0")]
    [InlineData("page=x")]
    [InlineData("page_size=0")]
    [InlineData("page_size=51")]
    public async Task A_bad_parameter_is_refused(string query)
    {
        await using var provider = await DemoProvider.StartAsync(new DemoProviderOptions { MaxPageSize = 50 });
        using var answer = await Http.GetAsync(new Uri($"{provider.Endpoint("org-001", "one")}?{query}"));
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task A_change_touches_exactly_the_users_it_names()
    {
        await using var provider = await DemoProvider.StartAsync(new DemoProviderOptions { Users = 300 });
        var before = (await PageAsync(provider, "org-001", "one", 1, 1000)).Users.ToDictionary(user => user.Id);
        var change = new DemoChange { Organization = "org-001", Integration = "one", Add = 3, Change = 5, Remove = 4, NullEmails = 6, FillEmails = 2 };
        var answer = await Http.PostAsJsonAsync(new Uri(provider.Url, "control/change"), change, ApiJson.Options);
        var changed = (await answer.Content.ReadFromJsonAsync<DemoChanged>(ApiJson.Options))!;
        var after = (await PageAsync(provider, "org-001", "one", 1, 1000)).Users.ToDictionary(user => user.Id);

        Assert.Equal((299, 3, 5, 4, 6, 2), (changed.Total, changed.Added.Count, changed.Changed.Count, changed.Removed.Count, changed.NulledEmails.Count, changed.FilledEmails.Count));
        Assert.Equal(changed.Added, after.Keys.Except(before.Keys).Order());
        Assert.Equal(changed.Removed, before.Keys.Except(after.Keys).Order());
        var different = before.Keys.Intersect(after.Keys).Where(id => before[id] != after[id]).ToList();
        Assert.Equal(changed.Changed.Concat(changed.NulledEmails).Concat(changed.FilledEmails).Order(), different.Order());
        Assert.All(changed.Changed, id => Assert.NotEqual(before[id].Name, after[id].Name));
        Assert.All(changed.NulledEmails, id => Assert.True(before[id].Email is not null && after[id].Email is null));
        Assert.All(changed.FilledEmails, id => Assert.True(before[id].Email is null && after[id].Email is not null));
        Assert.Equal(300, (await PageAsync(provider, "org-001", "two", 1, 1)).Total);
    }

    [Fact]
    public async Task More_than_there_is_cannot_be_removed()
    {
        await using var provider = await DemoProvider.StartAsync(new DemoProviderOptions { Users = 5 });
        var change = new DemoChange { Organization = "org-001", Integration = "one", Remove = 6 };
        using var answer = await Http.PostAsJsonAsync(new Uri(provider.Url, "control/change"), change, ApiJson.Options);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal(5, (await PageAsync(provider, "org-001", "one", 1, 10)).Total);
    }

    [Fact]
    public async Task Requests_are_counted_by_integration()
    {
        await using var provider = await DemoProvider.StartAsync(new DemoProviderOptions());
        foreach (var page in new[] { 1, 2, 2, 2 })
            await PageTextAsync(provider, "org-001", "one", page, 10);
        await PageTextAsync(provider, "org-002", "one", 1, 10);
        var counts = await Http.GetFromJsonAsync<RequestCounts[]>(new Uri(provider.Url, "control/requests"), ApiJson.Options);
        Assert.Equal([new("org-001", "one", 4, 4, 0, 2, 2), new("org-002", "one", 1, 1, 0, 1, 0)], counts!);
    }

    [Fact]
    public async Task Failures_and_rate_limits_are_refusals_that_are_counted_apart()
    {
        await using var failing = await DemoProvider.StartAsync(new DemoProviderOptions { FailRate = 1 });
        using var failed = await Http.GetAsync(new Uri(failing.Endpoint("org-001", "one")));
        Assert.Equal(HttpStatusCode.InternalServerError, failed.StatusCode);
        Assert.Equal((0, 1), failing.Requests.Counts().Select(counts => (counts.Served, counts.Refused)).Single());

        await using var limited = await DemoProvider.StartAsync(new DemoProviderOptions { RateLimit = 1 });
        using var first = await Http.GetAsync(new Uri(limited.Endpoint("org-001", "one")));
        using var second = await Http.GetAsync(new Uri(limited.Endpoint("org-001", "one")));
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.TooManyRequests), (first.StatusCode, second.StatusCode));
        Assert.Equal(TimeSpan.FromSeconds(1), second.Headers.RetryAfter?.Delta);
    }

    private static Task<string> PageTextAsync(DemoProvider provider, string organization, string integration, int page, int pageSize) =>
        Http.GetStringAsync(new Uri($"{provider.Endpoint(organization, integration)}?page={page}&page_size={pageSize}"));

    private static async Task<DemoPage> PageAsync(DemoProvider provider, string organization, string integration, int page, int pageSize) =>
        JsonSerializer.Deserialize<DemoPage>(await PageTextAsync(provider, organization, integration, page, pageSize), ApiJson.Options)!;
}
