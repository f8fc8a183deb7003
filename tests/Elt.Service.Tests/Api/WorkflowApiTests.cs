using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Elt.Service.Api;

namespace Elt.Service.Tests.Api;

public class WorkflowApiTests(ServiceFixture fixture) : IClassFixture<ServiceFixture>
{
    private const string Input = """{"organizationId":"org-001","connected_integration_id":"demo"}""";
    private readonly ServiceProcess _service = fixture.Service;

    [Fact]
    public async Task A_start_is_202_and_the_same_id_again_is_200_with_its_state()
    {
        var body = $$"""{"id":"again","input":{{Input}}}""";
        Assert.Equal(HttpStatusCode.Accepted, (await PostAsync("elt-pipeline", body)).Status);
        var result = await _service.ResultAsync("again");
        var (status, answer) = await PostAsync("elt_pipeline_workflow", body);
        Assert.Equal((HttpStatusCode.OK, "SUCCESS"), (status, answer.GetProperty("status").GetString()));
        Assert.Equal("elt-pipeline", answer.GetProperty("workflow").GetString());
        Assert.Equal(JsonSerializer.Serialize(result), JsonSerializer.Serialize(await _service.ResultAsync("again")));
    }

    [Fact]
    public async Task A_delayed_run_waits_and_its_result_is_202_until_then()
    {
        Assert.Equal(HttpStatusCode.Accepted, (await PostAsync("elt-pipeline", $$"""{"id":"later","delay_seconds":3600,"input":{{Input}}}""")).Status);
        using var answer = await _service.Http.GetAsync($"{ApiPath.Workflow("later")}/result?wait=50ms");
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
        var run = await _service.GetAsync<RunView>(ApiPath.Workflow("later"));
        Assert.Equal("ENQUEUED", run.Status);
        Assert.Equal(run.CreatedAt.AddHours(1), run.DueAt!.Value, TimeSpan.FromSeconds(10));
        var pending = await _service.GetAsync<RunList>($"{ApiPath.Workflows}?status=pending&name=elt_pipeline_workflow");
        Assert.Contains("later", pending.Workflows.Select(listed => listed.Id));
        Assert.DoesNotContain("SUCCESS", pending.Workflows.Select(listed => listed.Status));
    }

    [Theory]
    [InlineData(404, "unknown-workflow", "no-such-workflow", "{}")]
    [InlineData(400, "bad-input", "elt-pipeline", "{}")]
    [InlineData(400, "bad-input", "elt-pipeline", """{"input":{"organization_id":1,"connected_integration_id":"x"}}""")]
    [InlineData(400, "bad-input", "elt-pipeline", """{"input":{"organization_id":" ","connected_integration_id":"x"}}""")]
    [InlineData(400, "bad-request", "elt-pipeline", """{"identifier":"x"}""")]
    [InlineData(400, "bad-request", "root-orchestration", """{"id":""}""")]
    [InlineData(400, "bad-request", "root-orchestration", """{"delay_seconds":-1}""")]
    [InlineData(400, "bad-request", "root-orchestration", """{"id":""")]
    [InlineData(400, "bad-request", "root-orchestration", "[]")]
    public async Task A_bad_start_is_a_problem_of_a_stable_type(int status, string type, string workflow, string body)
    {
        var (code, problem) = await PostAsync(workflow, body);
        Assert.Equal((status, $"urn:elt:problem:{type}"), ((int)code, problem.GetProperty("type").GetString()));
        Assert.NotEqual("", problem.GetProperty("detail").GetString());
    }

    [Theory]
    [InlineData("colour=red", "'colour': there is no such filter; expected status, name, prefix, parent, queue, limit.")]
    [InlineData("limit=1001", "'limit': expected a number from 1 to 1000, found '1001'.")]
    public async Task A_filter_that_is_not_one_is_refused(string query, string detail)
    {
        using var answer = await _service.Http.GetAsync($"{ApiPath.Workflows}?{query}");
        Assert.Equal((HttpStatusCode.BadRequest, detail), (answer.StatusCode, (await answer.Content.ReadFromJsonAsync<ProblemView>(ApiJson.Options))!.Detail));
    }

    [Fact]
    public async Task A_conflict_is_409_and_says_what_differs()
    {
        await PostAsync("elt-pipeline", $$"""{"id":"conflict","input":{{Input}}}""");
        var (code, problem) = await PostAsync("root-orchestration", """{"id":"conflict"}""");
        Assert.Equal((HttpStatusCode.Conflict, "urn:elt:problem:conflict"), (code, problem.GetProperty("type").GetString()));
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    public async Task A_form_of_another_site_starts_nothing(string contentType)
    {
        using var body = new StringContent("""{"id":"forged"}""", Encoding.UTF8, contentType);
        using var answer = await _service.Http.PostAsync(ApiPath.Workflow("root-orchestration"), body);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, answer.StatusCode);
        using var run = await _service.Http.GetAsync(ApiPath.Workflow("forged"));
        Assert.Equal(HttpStatusCode.NotFound, run.StatusCode);
    }

    [Fact]
    public async Task A_name_that_only_resolves_to_this_machine_is_refused()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, ApiPath.Integrations) { Headers = { Host = "elt.example" } };
        using var answer = await _service.Http.SendAsync(request);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    private async Task<(HttpStatusCode Status, JsonElement Answer)> PostAsync(string workflow, string json)
    {
        using var body = new StringContent(json, Encoding.UTF8, "application/json");
        using var answer = await _service.Http.PostAsync(ApiPath.Workflow(workflow), body);
        return (answer.StatusCode, await answer.Content.ReadFromJsonAsync<JsonElement>());
    }
}
