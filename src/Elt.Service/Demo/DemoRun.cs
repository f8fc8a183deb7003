using System.Globalization;
using System.Text.Json;
using Elt.Service.Api;
using Elt.Service.Hosting;

namespace Elt.Service.Demo;

/// <summary>The demo from start to end: processes, integrations, one run of all of them, a report that is checked.</summary>
internal sealed class DemoRun(DemoOptions options, TimeProvider time)
{
    private static readonly TimeSpan Round = TimeSpan.FromMilliseconds(500);

    /// <summary>Workflows that only wait for those inside them.</summary>
    private static readonly string[] Outer = ["elt-pipeline", "extract-and-load"];

    private readonly DemoProgress _progress = new(time);
    private readonly string _runId = string.Create(CultureInfo.InvariantCulture, $"demo-{time.GetUtcNow():yyyyMMdd'T'HHmmss.fff'Z'}");

    /// <returns>The exit code: 0 only when every integration succeeded and all counts agree.</returns>
    public async Task<int> RunAsync(CancellationToken ct)
    {
        StartErrors.ProbeData(options.Data);
        await using var provider = await StartProviderAsync(ct);
        await using var service = await ServiceSupervisor.StartAsync(StartServiceAsync, FirstUrl(), options.Chaos, ct);
        using var client = new DemoClient(service.Url, time);
        _progress.Say($"Service at {service.Url} (process {service.ProcessId}), demo provider at {provider.Url} (process {provider.Id}); data in {options.Data}");

        using var ended = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var watch = service.WatchAsync(ended.Token);
        var work = WorkAsync(client, provider.Url, service, ended.Token);
        // Whichever comes first: the end of the work, or the service's death.
        var first = await Task.WhenAny(work, watch);
        await ended.CancelAsync();
        await Task.WhenAll(work, watch).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await first;
        var exitCode = await work;
        if (options.Keep && exitCode == 0)
            Leave(service, provider);
        return exitCode;
    }

    private async Task<int> WorkAsync(DemoClient client, Uri provider, ServiceSupervisor service, CancellationToken ct)
    {
        await SeedAsync(client, provider, ct);
        if (options.Serve)
        {
            _progress.Say("Ready. Start a run with: scripts/elt start root-orchestration --wait    Ctrl-C ends service and provider.");
            await Task.Delay(Timeout.InfiniteTimeSpan, time, ct);
        }
        var begun = time.GetTimestamp();
        await client.StartAsync("root-orchestration", _runId, new { options.Batches, options.PagesPerBatch }, ct);
        _progress.Say($"Run {_runId}");
        var result = await WatchRunAsync(client, provider, service, begun, ct);
        var syncs = await client.ListBelowAsync(_runId, "name=sync-onward", ct);
        return Report(result, syncs, service, time.GetElapsedTime(begun));
    }

    /// <summary>Connects the demo's integrations, those of earlier runs on this data directory too: the provider's port is another one now.</summary>
    private async Task SeedAsync(DemoClient client, Uri provider, CancellationToken ct)
    {
        var wanted = Enumerable.Range(1, options.Integrations)
            .Select(number => (Organization: DemoOptions.OrganizationId(number), Id: DemoOptions.IntegrationId(number)));
        var earlier = (await client.ListIntegrationsAsync(ct)).Integrations
            .Where(integration => DemoOptions.IsDemo(integration.Id))
            .Select(integration => (Organization: integration.OrganizationId, integration.Id));
        foreach (var (organization, id) in wanted.Union(earlier))
        {
            var data = new
            {
                permission_source_name = $"Demo directory of {organization}",
                api_endpoint = DemoProvider.Endpoint(provider, organization, id),
                page_size = options.PageSize,
            };
            await client.UpsertAsync(
                new IntegrationView { Id = id, OrganizationId = organization, Provider = "demo", ProviderData = JsonSerializer.SerializeToElement(data) }, ct);
        }
    }

    private async Task<ResultView> WatchRunAsync(DemoClient client, Uri provider, ServiceSupervisor service, long begun, CancellationToken ct)
    {
        using var requests = new HttpClient { BaseAddress = provider };
        while (true)
        {
            if (await client.FindResultAsync(_runId, Round, ct) is { } result)
                return result;
            var counts = await requests.GetFromJsonAsync<RequestCounts[]>("control/requests", ApiJson.Options, ct);
            var going = (await client.ListBelowAsync(_runId, "status=PENDING", ct)).GroupBy(run => run.Workflow)
                .Where(group => !Outer.Contains(group.Key)).Select(group => $"{group.Count()} × {group.Key}");
            _progress.Update(string.Create(
                CultureInfo.InvariantCulture,
                $"{time.GetElapsedTime(begun):m\\:ss}  {counts!.Sum(count => count.DistinctPages):N0} pages fetched  {string.Join(", ", going)}  {Restarts(service)}"));
        }
    }

    private int Report(ResultView result, IReadOnlyList<RunView> syncs, ServiceSupervisor service, TimeSpan took)
    {
        if (result.Status != "SUCCESS")
            throw new StartException($"Run {_runId} ended as {result.Status}: {result.Error?.Message} The service's log: {LogFile("service")}");
        var outcomes = result.Result!.Value.GetProperty("integrations").Deserialize<IntegrationOutcome[]>(ApiJson.Options)!;
        var report = new DemoReport(options.Users, outcomes, LoadedInFull(syncs), took.TotalSeconds);
        _progress.Clear();
        if (options.Json)
            Console.Out.WriteLine(report.ToJson());
        else
            Console.Out.WriteLine($"\n{report.ToTable()}\n");
        var wrong = report.Disagreements().ToList();
        if (outcomes.Length < options.Integrations)
            wrong.Add($"{options.Integrations} integrations are connected, {outcomes.Length} were run.");
        if (options.Chaos && service.Restarts == 0)
            wrong.Add("The service did not crash, though it should have.");
        foreach (var line in wrong)
            _progress.Say($"Wrong: {line}");
        if (outcomes.Sum(outcome => outcome.DeletesHeld) is > 0 and var held)
            _progress.Say(string.Create(CultureInfo.InvariantCulture, $"{held:N0} users are gone from the provider; so many at once are not deleted before a person has looked."));
        _progress.Say(string.Create(CultureInfo.InvariantCulture, $"{(wrong.Count == 0 ? "All counts agree" : "Failed")} after {took.TotalSeconds:0.0} s. {Restarts(service)}"));
        return wrong.Count == 0 ? 0 : 1;
    }

    /// <summary>Integrations that the destination did not follow before: all their rows were shipped, changed or not.</summary>
    private static HashSet<(string Organization, string Integration)> LoadedInFull(IReadOnlyList<RunView> syncs) =>
    [
        .. from sync in syncs
           where sync.Result is { } summary && summary.GetProperty("full_load").GetBoolean()
           select (sync.Input.GetProperty("organization_id").GetString()!, sync.Input.GetProperty("connected_integration_id").GetString()!),
    ];

    private static string Restarts(ServiceSupervisor service) => service.Restarts switch
    {
        0 => "",
        1 => "The service crashed once and was started again.  ",
        var times => $"The service crashed {times} times and was started again.  ",
    };

    private void Leave(ServiceSupervisor service, ChildProcess provider)
    {
        service.Keep();
        provider.Keep();
        _progress.Say($"Left running: {service.Url} and the demo provider. End them with: kill {service.ProcessId} {provider.Id}");
    }

    private Task<ChildProcess> StartProviderAsync(CancellationToken ct) => ChildProcess.StartAsync(
        "The demo provider",
        [
            "demo-provider", "--port", "0", "--users", Text(options.Users), "--seed", Text(options.Seed), "--max-page-size", "100000",
            "--fail-rate", "0", "--rate-limit", "0",
        ],
        LogFile("provider"), options.Keep, ct);

    private Task<ChildProcess> StartServiceAsync(string url, CancellationToken ct)
    {
        string[] chaos =
        [
            "--api-failures", "0.02", "--database-failures", "0.4", "--crash", "0.05",
            "--crash-after-batch", Text(Math.Min(5, options.LastBatch)),
            "--crash-once-marker", Path.Combine(options.Data, $"{_runId}.crashed"),
        ];
        // The run of a schedule that falls into this one would supersede it.
        string[] schedule = options.Serve ? [] : ["--schedule-cron", "none"];
        return ChildProcess.StartAsync(
            "The service", ["--data", options.Data, "--urls", url, "--private-sources", .. schedule, .. options.Chaos ? chaos : []], LogFile("service"), options.Keep, ct);
    }

    private string FirstUrl() => options switch
    {
        { Serve: true } => "http://localhost:8080",
        { Keep: true } when FreePort.Is(8080) => "http://localhost:8080",
        _ => "http://127.0.0.1:0",
    };

    private string? LogFile(string process) => options.Serve ? null : Path.Combine(options.Data, $"{process}.log");

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
