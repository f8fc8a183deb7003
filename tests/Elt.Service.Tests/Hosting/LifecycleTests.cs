using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Elt.Service.Api;
using Elt.Service.Demo;
using Elt.Testing;

namespace Elt.Service.Tests.Hosting;

public sealed class LifecycleTests : IDisposable
{
    private readonly TempFolder _data = new();

    public void Dispose() => _data.Dispose();

    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    public async Task A_signal_stops_cleanly_and_the_run_goes_on_after_the_next_start(string signal)
    {
        var gate = new Gate(pages: 2);
        await using var provider = await DemoProvider.StartAsync(new DemoProviderOptions { Users = 50, BeforeServe = gate.PassAsync });
        await using (var first = await ServiceProcess.StartAsync(_data.Path, ["--stop-grace", "0.5"]))
        {
            await first.ConnectAsync("org-001", "demo", provider.Endpoint("org-001", "demo"));
            await first.StartRunAsync("root-orchestration", "stopped", new { });
            await gate.Reached;
            var exitCode = await first.SignalAsync(signal);
            Assert.True(exitCode == 0, $"exit code {exitCode}: {first.Log}");
        }
        await gate.Abandoned;
        gate.Open();
        await using var second = await ServiceProcess.StartAsync(_data.Path);
        var result = await second.ResultAsync("stopped");
        Assert.Equal("SUCCESS", result.Status);
        Assert.Equal(0, provider.Requests.Counts().Sum(counts => counts.Repeated));
        Assert.Equal(0, (await second.GetAsync<RunView>(ApiPath.Workflow("stopped"))).Recoveries);
    }

    [Fact]
    public async Task The_end_of_its_input_stops_a_service_that_belongs_to_another_process()
    {
        await using var service = await ServiceProcess.StartAsync(_data.Path);
        Assert.Equal(0, await service.EndInputAsync());
    }

    [Fact]
    public async Task Health_names_the_part_that_fails_and_recovers_with_it()
    {
        await using var server = await PostgresServer.StartAsync();
        await using var service = await ServiceProcess.StartAsync(
            _data.Path, [], ("ELT_DESTINATION", await server.NewDatabaseAsync()));
        Assert.Equal((HttpStatusCode.OK, ""), await HealthAsync(service));

        await server.CrashAsync();
        var (status, failed) = await HealthAsync(service);
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "destination"), (status, failed));
        Assert.Equal(1, (await service.EltAsync("health")).ExitCode);
        using var ready = await service.Http.GetAsync($"{ApiPath.Health}/ready");
        Assert.Equal(HttpStatusCode.OK, ready.StatusCode);

        await server.RestartAsync();
        Assert.Equal((HttpStatusCode.OK, ""), await HealthAsync(service));
    }

    [Fact]
    public async Task A_journal_that_is_away_is_503_everywhere_but_alive()
    {
        await using var server = await PostgresServer.StartAsync();
        await using var service = await ServiceProcess.StartAsync(
            _data.Path, [], ("ELT_POSTGRES", await server.NewDatabaseAsync()));
        await server.CrashAsync();
        var (status, failed) = await HealthAsync(service);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        Assert.Contains("journal", failed, StringComparison.Ordinal);
        using var ready = await service.Http.GetAsync($"{ApiPath.Health}/ready");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
        using var live = await service.Http.GetAsync($"{ApiPath.Health}/live");
        Assert.Equal(HttpStatusCode.OK, live.StatusCode);
        using var runs = await service.Http.GetAsync(ApiPath.Workflows);
        var problem = (await runs.Content.ReadFromJsonAsync<ProblemView>(ApiJson.Options))!;
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "urn:elt:problem:unavailable"), (runs.StatusCode, problem.Type));
        Assert.DoesNotContain("   at ", problem.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Logs_are_single_lines_of_json_when_wanted()
    {
        await using var service = await ServiceProcess.StartAsync(_data.Path, ["--log-format", "json"]);
        await service.EndInputAsync();
        var lines = service.Log.Split('\n');
        Assert.All(lines, line => Assert.Equal(JsonValueKind.Object, JsonElement.Parse(line).ValueKind));
        Assert.Contains(lines, line => JsonElement.Parse(line).GetProperty("State").TryGetProperty("Urls", out _));
    }

    private static async Task<(HttpStatusCode Status, string Failed)> HealthAsync(ServiceProcess service)
    {
        using var answer = await service.Http.GetAsync(ApiPath.Health);
        var view = (await answer.Content.ReadFromJsonAsync<HealthView>(ApiJson.Options))!;
        Assert.All(view.Checks, check => Assert.Equal(check.Status == "ok", check.Reason is null));
        return (answer.StatusCode, string.Join(',', view.Checks.Where(check => check.Status != "ok").Select(check => check.Name)));
    }
}
