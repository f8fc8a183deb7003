using System.Net;
using System.Text.Json;
using Elt.Service.Api;
using Elt.Service.Demo;
using Elt.Testing;

namespace Elt.Service.Tests.EndToEnd;

/// <summary>The quality of what was read, over the API and on the command line.</summary>
[Trait("promise", "P6")]
public sealed class QualityTests : IAsyncLifetime
{
    private readonly TempFolder _data = new();
    private DemoProvider _provider = null!;
    private ServiceProcess _service = null!;

    public async Task InitializeAsync()
    {
        _provider = await DemoProvider.StartAsync(new DemoProviderOptions { Users = 100 });
        _service = await ServiceProcess.StartAsync(_data.Path);
    }

    public async Task DisposeAsync()
    {
        await _service.DisposeAsync();
        await _provider.DisposeAsync();
        _data.Dispose();
    }

    [Fact]
    public async Task The_score_and_the_failed_rules_are_shown_by_pipeline_and_for_the_last_24_hours()
    {
        var empty = await _service.EltAsync("quality");
        Assert.Equal((0, ""), (empty.ExitCode, empty.Error));
        Assert.Contains("0 of 0 records valid", empty.Out, StringComparison.Ordinal);
        await ConnectAsync("org-001", """{"rules":[{"id":"mail","kind":"required","field":"email","severity":"error"}]}""");
        await ConnectAsync("org-002", """{"rules":[]}""");
        _provider.Directory("org-001", "demo").Apply(new DemoChange { Organization = "org-001", Integration = "demo", NullEmails = 3 });
        await _service.StartRunAsync("root-orchestration", "run", new { });
        var totals = (await _service.ResultAsync("run")).Result!.Value.GetProperty("totals");
        var missing = _provider.Directory("org-001", "demo").Page(1, 1000).Users.Count(user => user.Email is null);

        var quality = await _service.GetAsync<JsonElement>(ApiPath.Quality);

        var score = Math.Floor((200 - missing) * 50d) / 100;
        var day = quality.GetProperty("quality_metrics").GetProperty("last_24h");
        Assert.Equal((200, 200 - missing, score), (day.GetProperty("total_records").GetInt32(), day.GetProperty("valid_records").GetInt32(), day.GetProperty("quality_score").GetDouble()));
        Assert.Equal($$"""{"missing_fields":{{missing}},"invalid_types":0,"invalid_values":0,"duplicates":0,"broken_references":0,"new_fields":0,"unexpected_runs":0}""", day.GetProperty("issues").GetRawText());
        Assert.Equal((score, missing), (totals.GetProperty("quality_score").GetDouble(), totals.GetProperty("quality_issues").GetInt32()));
        var pipelines = quality.GetProperty("by_pipeline").EnumerateArray().ToArray();
        Assert.Equal(["org-001/demo Test directory", "org-002/demo Test directory"], pipelines.Select(p => $"{p.GetProperty("pipeline_id")} {p.GetProperty("pipeline_name")}"));
        Assert.Equal((100 - missing, missing), (pipelines[0].GetProperty("quality_score").GetDouble(), pipelines[0].GetProperty("issues").GetInt32()));
        var weighted = Math.Floor((3 * (100 - missing) + 4 * 100) * 100 / 7d) / 100;
        Assert.Equal(weighted, pipelines[0].GetProperty("weighted_score").GetDouble());
        Assert.Equal($$"""{"completeness":{{100 - missing}},"validity":100,"uniqueness":null,"freshness":null}""", pipelines[0].GetProperty("dimensions").GetRawText());
        Assert.Equal(score, day.GetProperty("dimensions").GetProperty("completeness").GetDouble());
        Assert.Equal(("mail", "quarantine"), (Failed(pipelines[0], "rule"), Failed(pipelines[0], "action")));

        var shown = await _service.EltAsync("quality", "--organization", "org-001");
        Assert.Equal((0, ""), (shown.ExitCode, shown.Error));
        Assert.Matches($@"org-001/demo\s+{100 - missing}\.00\s+{weighted:0.00}\s+100\s+{missing}\s.*mail \(email\) {missing}", shown.Out);
        Assert.Contains($"(completeness {100 - missing}.00, validity 100.00, uniqueness -, freshness -)", shown.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("org-002", shown.Out, StringComparison.Ordinal);
        Assert.Equal("org-002/demo\n", (await _service.EltAsync("quality", "--organization", "org-002", "-o", "id")).Out);
        Assert.Equal(100, JsonElement.Parse((await _service.EltAsync("quality", "--organization", "org-002", "-o", "json")).Out)
            .GetProperty("quality_metrics").GetProperty("last_24h").GetProperty("quality_score").GetDouble());
        using var refused = await _service.Http.GetAsync($"{ApiPath.Quality}?state=open");
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
    }

    [Fact]
    public async Task Rules_that_cannot_be_used_are_refused_when_the_integration_is_added()
    {
        var refused = await Assert.ThrowsAsync<HttpRequestException>(() => ConnectAsync("org-001", """{"rules":[{"id":"x","kind":"regex","pattern":"(","field":"name"}]}"""));

        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
    }

    private static string? Failed(JsonElement pipeline, string member) => pipeline.GetProperty("failed_rules")[0].GetProperty(member).GetString();

    private async Task ConnectAsync(string organization, string quality)
    {
        var data = JsonSerializer.SerializeToElement(new
        {
            permission_source_name = "Test directory", api_endpoint = _provider.Endpoint(organization, "demo"), quality = JsonElement.Parse(quality),
        });
        using var answer = await _service.PostAsync(
            ApiPath.Integrations, new IntegrationView { Id = "demo", OrganizationId = organization, Provider = "demo", ProviderData = data });
        answer.EnsureSuccessStatusCode();
    }
}
