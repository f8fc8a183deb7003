using System.Net;
using System.Net.Http.Json;
using Elt.Service.Api;

namespace Elt.Service.Tests.Api;

public class RunIdTests(ServiceFixture fixture) : IClassFixture<ServiceFixture>
{
    private readonly ServiceProcess _service = fixture.Service;

    [Theory]
    [InlineData("daily-elt/2026-11-21T05:20Z/root-orchestration")]
    [InlineData("a%2Fb")]
    [InlineData("a/steps")]
    [InlineData("a//b/")]
    [InlineData("a/../b")]
    [InlineData("a?b=c#d&e+f")]
    [InlineData("ünï/cödé 漢字")]
    [InlineData("quote'\"\\back")]
    public async Task Any_id_survives_the_way_through_a_path(string id)
    {
        await _service.StartRunAsync("elt-pipeline", id, new { OrganizationId = "org-001", ConnectedIntegrationId = "demo" });
        Assert.Equal(id, (await _service.ResultAsync(id)).Id);
        Assert.Equal(id, (await _service.GetAsync<RunView>(ApiPath.Workflow(id))).Id);
        Assert.NotEmpty((await _service.GetAsync<StepList>(ApiPath.Steps(id))).Steps);
        Assert.Equal(id, (await _service.EltAsync("status", id, "-o", "id")).Out.TrimEnd('\n'));
    }

    [Fact]
    public async Task An_unescaped_slash_is_answered_with_what_to_do()
    {
        using var answer = await _service.Http.GetAsync($"{ApiPath.Workflows}/daily-elt/2026/root");
        var problem = (await answer.Content.ReadFromJsonAsync<ProblemView>(ApiJson.Options))!;
        Assert.Equal((HttpStatusCode.NotFound, "application/problem+json"), (answer.StatusCode, answer.Content.Headers.ContentType?.MediaType));
        Assert.Contains("%2F", problem.Detail, StringComparison.Ordinal);
    }
}
