using System.Diagnostics;
using System.Text.Json;
using Elt.Service.Demo;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Elt.Service.Tests.Cli;

public class ExitCodeTests(ServiceFixture fixture) : IClassFixture<ServiceFixture>
{
    private readonly ServiceProcess _service = fixture.Service;

    [Fact]
    public async Task A_run_that_succeeds_is_0_and_its_result_is_on_stdout()
    {
        var ran = await _service.EltAsync("start", "elt_pipeline_workflow", "organization_id=org-001", "connected_integration_id=demo", "--wait", "-o", "json");
        Assert.Equal((0, ""), (ran.ExitCode, ran.Error));
        Assert.Equal(30, JsonElement.Parse(ran.Out).GetProperty("result").GetProperty("staged").GetInt32());
    }

    [Fact]
    public async Task A_run_that_fails_is_1_and_says_why_on_stderr()
    {
        var failed = await _service.EltAsync("start", "elt-pipeline", "organization_id=org-001", "connected_integration_id=missing", "--wait");
        Assert.Equal(1, failed.ExitCode);
        Assert.Contains("'org-001' has no connected integration 'missing'", failed.Error, StringComparison.Ordinal);
        Assert.Contains("ERROR", failed.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", failed.Out + failed.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("no option '--bogus'", "start", "elt-pipeline", "--bogus")]
    [InlineData("'batches' is not key=value", "start", "root-orchestration", "batches")]
    [InlineData("'batches' is given twice", "start", "root-orchestration", "batches=1", "batches=2")]
    [InlineData("--timeout goes with --wait", "start", "root-orchestration", "--timeout", "1s")]
    [InlineData("--timeout is a duration", "result", "x", "--timeout", "soon")]
    [InlineData("no filter 'colour'", "list", "colour=red")]
    [InlineData("no status 'GREEN'", "list", "status=GREEN")]
    [InlineData("'limit': expected a number", "list", "limit=0")]
    [InlineData("--output is table, json, jsonl, id", "list", "-o", "xml")]
    [InlineData("--url is an address", "list", "--url", "nowhere")]
    [InlineData("'organization_id': missing", "start", "elt-pipeline")]
    [InlineData("'num_batches': expected a whole number", "start", "root-orchestration", "num_batches=ten")]
    [InlineData("'colour': there is no such member", "start", "root-orchestration", "colour=red")]
    [InlineData("batches must be 1 to 10000", "start", "root-orchestration", "batches=0")]
    [InlineData("Unrecognized command", "frobnicate")]
    public async Task What_cannot_be_understood_is_2(string reason, params string[] arguments)
    {
        var refused = await _service.EltAsync(arguments);
        Assert.Equal((2, ""), (refused.ExitCode, refused.Out));
        Assert.Contains(reason, refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_id_that_belongs_to_another_input_is_2()
    {
        string[] start = ["start", "elt-pipeline", "organization_id=org-001", "connected_integration_id=demo", "--id", "taken"];
        Assert.Equal(0, (await _service.EltAsync([.. start, "batches=2", "--wait"])).ExitCode);
        var refused = await _service.EltAsync([.. start, "batches=3"]);
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("batches", refused.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://127.0.0.1:1")]
    [InlineData("http://elt.invalid")]
    public async Task A_service_that_is_not_there_is_3(string url)
    {
        foreach (var command in new[] { new[] { "list" }, ["health"], ["result", "x", "--wait"] })
        {
            var missed = await Programs.EltAsync(new Uri(url), command);
            Assert.Equal((3, ""), (missed.ExitCode, missed.Out));
            Assert.Contains("Is the service running?", missed.Error, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("There are: apply-to-latest, backfill, detect-changes, elt-pipeline,", "start", "no-such-workflow")]
    [InlineData("There is no run 'no/such run'", "status", "no/such run")]
    [InlineData("There is no run 'none'", "steps", "none")]
    [InlineData("There is no run 'none'", "result", "none")]
    public async Task What_does_not_exist_is_4(string reason, params string[] arguments)
    {
        var missed = await _service.EltAsync(arguments);
        Assert.Equal((4, ""), (missed.ExitCode, missed.Out));
        Assert.Contains(reason, missed.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wait_that_is_over_before_the_run_is_5_and_the_run_goes_on()
    {
        var gate = new Gate(pages: 1);
        await using var provider = await DemoProvider.StartAsync(new DemoProviderOptions { Users = 30, BeforeServe = gate.PassAsync });
        await _service.ConnectAsync("org-005", "held", provider.Endpoint("org-005", "held"));

        var late = await _service.EltAsync(
            "start", "elt-pipeline", "organization_id=org-005", "connected_integration_id=held", "--id", "held", "--wait", "--timeout", "500ms");
        Assert.Equal((5, ""), (late.ExitCode, late.Out));
        Assert.Contains("It goes on", late.Error, StringComparison.Ordinal);
        Assert.Equal(5, (await _service.EltAsync("result", "held")).ExitCode);

        gate.Open();
        Assert.Equal(0, (await _service.EltAsync("result", "held", "--wait")).ExitCode);
    }

    [Theory]
    [InlineData(6, 200, """{"id":"x","workflow":"w","status":"CANCELLED","result":null,"error":{"type":"t","message":"by hand"}}""")]
    [InlineData(1, 200, """{"id":"x","workflow":"w","status":"MAX_RECOVERY_ATTEMPTS_EXCEEDED","result":null,"error":null}""")]
    [InlineData(7, 401, """{"type":"urn:elt:problem:unauthorized","title":"Who are you?","status":401}""")]
    [InlineData(7, 403, """{"type":"urn:elt:problem:forbidden","title":"Not yours.","status":403}""")]
    [InlineData(3, 503, """{"type":"urn:elt:problem:unavailable","title":"A database does not answer.","status":503}""")]
    [InlineData(3, 200, "<html>another service</html>")]
    public async Task Answers_of_any_service_become_exit_codes(int exitCode, int status, string body)
    {
        await using var app = await AnsweringAsync("http://127.0.0.1:0", status, body, () => { });
        Assert.Equal(exitCode, (await Programs.EltAsync(new Uri(app.Urls.Single()), "result", "x")).ExitCode);
    }

    [Fact]
    public async Task A_wait_outlasts_a_restart_of_the_service()
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var asks = 0;
        string url;
        Process waiting;

        // Who asks a second time has had the first answer.
        void Ask()
        {
            if (Interlocked.Increment(ref asks) == 2)
                asked.SetResult();
        }

        await using (var before = await AnsweringAsync("http://127.0.0.1:0", 202, """{"id":"x","workflow":"w","status":"RUNNING"}""", Ask))
        {
            url = before.Urls.Single();
            waiting = Programs.Start("elt", ["result", "x", "--wait", "-o", "id"], ("ELT_URL", url));
            await asked.Task;
        }
        await using var after = await AnsweringAsync(url, 200, """{"id":"x","workflow":"w","status":"SUCCESS","result":null,"error":null}""", () => { });
        await waiting.WaitForExitAsync();
        Assert.Equal((0, "x\n", ""), (waiting.ExitCode, await waiting.StandardOutput.ReadToEndAsync(), await waiting.StandardError.ReadToEndAsync()));
        waiting.Dispose();
    }

    [Fact]
    public async Task Ctrl_C_detaches_and_the_run_goes_on()
    {
        var gate = new Gate(pages: 1);
        await using var provider = await DemoProvider.StartAsync(new DemoProviderOptions { Users = 30, BeforeServe = gate.PassAsync });
        await _service.ConnectAsync("org-006", "held", provider.Endpoint("org-006", "held"));
        using var waiting = Programs.Start(
            "elt", ["start", "elt-pipeline", "organization_id=org-006", "connected_integration_id=held", "--id", "detached", "--wait"], ("ELT_URL", _service.Url.AbsoluteUri));
        await gate.Reached;

        await Signals.SendAsync(waiting.Id, "INT");
        await waiting.WaitForExitAsync();
        Assert.Equal(130, waiting.ExitCode);
        Assert.Contains("Run 'detached' goes on; look at it with: elt status detached", await waiting.StandardError.ReadToEndAsync(), StringComparison.Ordinal);

        gate.Open();
        Assert.Equal("SUCCESS", (await _service.ResultAsync("detached")).Status);
    }

    /// <summary>A service that answers everything alike.</summary>
    private static async Task<WebApplication> AnsweringAsync(string url, int status, string body, Action asked)
    {
        var app = WebApplication.CreateSlimBuilder().Build();
        app.Urls.Add(url);
        app.MapFallback(() =>
        {
            asked();
            return Results.Text(body, "application/json", statusCode: status);
        });
        await app.StartAsync();
        return app;
    }
}
