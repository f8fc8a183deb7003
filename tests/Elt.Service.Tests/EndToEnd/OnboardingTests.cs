using System.Net.Http.Json;
using System.Text.Json;
using Elt.Service.Api;
using Elt.Testing;

namespace Elt.Service.Tests.EndToEnd;

/// <summary>Onboarding and backfills, on the command line and over HTTP.</summary>
public sealed class OnboardingTests(ServiceFixture fixture) : IClassFixture<ServiceFixture>
{
    private const string Dated =
        """
        {
          "name": "dated", "pageSize": { "param": "page_size" },
          "pagination": { "type": "page", "pageParam": "page", "totalPagesPath": "/total_pages" },
          "records": { "path": "/users" }, "key": ["/id"], "updatedAt": { "path": "/changed" }, "fields": { "name": { "from": ["/name"] } }
        }
        """;

    private readonly ServiceProcess _service = fixture.Service;

    [Fact]
    public async Task An_organization_is_onboarded_and_what_fails_is_named_with_exit_code_1()
    {
        await ConnectAsync("org-101", "good", fixture.Provider.Endpoint("org-101", "good"), "--state", "pending");
        await ConnectAsync("org-101", "wrong", new Uri(new Uri(fixture.Provider.Endpoint("org-101", "wrong")), "/nothing-here").ToString(), "--state", "pending");

        var onboarded = await _service.EltAsync("onboard", "org-101", "--id", "onboarding", "--wait", "-o", "json");

        Assert.Equal(1, onboarded.ExitCode);
        Assert.Equal("1 integration is not onboarded; the result says why.\n", onboarded.Error);
        Assert.Equal(
            ["good onboarded active", "wrong check_failed pending"],
            JsonElement.Parse(onboarded.Out).GetProperty("result").GetProperty("integrations").EnumerateArray()
                .Select(one => string.Join(' ', new[] { "connected_integration_id", "outcome", "state" }.Select(name => one.GetProperty(name).GetString()))));
        var listed = (await _service.EltAsync("integrations")).Out;
        Assert.Matches(@"good\s+org-101\s+demo\s+users\s+active\s", listed);
        Assert.Matches(@"wrong\s+org-101\s+demo\s+users\s+pending\s+GET .* answered 404: correct the integration's api_endpoint", listed);
        await _service.ConnectAsync("org-101", "wrong", fixture.Provider.Endpoint("org-101", "wrong"));
        Assert.Equal((0, ""), Ended(await _service.EltAsync("onboard", "org-101", "--integration", "wrong", "--wait")));
    }

    [Fact]
    public async Task A_range_is_backfilled()
    {
        using var folder = new TempFolder();
        await File.WriteAllTextAsync(folder.File("connector.json"), Dated);
        await _service.EltAsync(
            "integrations", "add", "--id", "dated", "--organization", "org-102", "--provider", "rest", "permission_source_name=Dated", "--state", "paused",
            $"api_endpoint={fixture.Provider.Endpoint("org-102", "dated")}", $"connector=@{folder.File("connector.json")}");

        string[] line = ["backfill", "org-102/dated", "--from", "2020-01-01", "--to", "2021-01-01", "--requests-per-minute", "6000", "--id", "backfill", "--wait", "-o", "json"];
        var result = JsonElement.Parse((await _service.EltAsync(line)).Out).GetProperty("result");

        Assert.Equal((30, 30), (result.GetProperty("inserts").GetInt32(), result.GetProperty("synced").GetInt32()));
        var input = (await _service.GetAsync<RunView>(ApiPath.Workflow("backfill"))).Input;
        Assert.Equal("2020-01-01T00:00:00Z", input.GetProperty("from").GetString());
        var refused = await _service.EltAsync("backfill", "org-001/demo", "--from", "2020-01-01", "--wait");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("The connector demo does not say when records were changed", refused.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(404, "onboardings", """{"organization_id":"org-999"}""", "Organization 'org-999' has no connected integration.")]
    [InlineData(404, "onboardings", """{"organization_id":"org-001","integrations":["gone"]}""", "has no connected integration 'gone'")]
    [InlineData(404, "backfills", """{"organization_id":"org-001","connected_integration_id":"gone","from":"2020-01-01"}""", "has no connected integration 'gone'")]
    [InlineData(400, "backfills", """{"organization_id":"org-001","connected_integration_id":"demo"}""", "'from': missing")]
    [InlineData(400, "backfills", """{"organization_id":"org-001","connected_integration_id":"demo","from":"soon"}""", "Expected a time such as 2026-01-31")]
    [InlineData(400, "backfills", """{"organization_id":"org-001","connected_integration_id":"demo","from":"2020-01-01","id":" "}""", "'id': expected 1 to 500")]
    [InlineData(400, "integrations", """{"id":"x","organization_id":"o","provider":"demo","provider_data":{"permission_source_name":"X","api_endpoint":"http://x"},"state":"asleep"}""", "no state 'asleep'; expected active, pending, needs_reauth, paused")]
    public async Task What_cannot_be_started_or_connected_is_a_problem(int status, string path, string body, string detail)
    {
        using var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        using var answer = await _service.Http.PostAsync($"/api/v1/{path}", content);
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Contains(detail, (await answer.Content.ReadFromJsonAsync<ProblemView>(ApiJson.Options))!.Detail, StringComparison.Ordinal);
    }

    private async Task ConnectAsync(string organization, string id, string endpoint, params string[] more) => Assert.Equal((0, ""), Ended(await _service.EltAsync(
        ["integrations", "add", "--id", id, "--organization", organization, "--provider", "demo", "permission_source_name=Demo", $"api_endpoint={endpoint}", .. more])));

    private static (int, string) Ended(ProgramResult result) => (result.ExitCode, result.Error);
}
