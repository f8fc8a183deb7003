using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Elt.Service.Api;

namespace Elt.Benchmarks.Pipeline;

/// <summary>The service as a process of its own, on a journal and a destination in Postgres; it ends with this process.</summary>
internal sealed class ServiceUnderTest : IAsyncDisposable
{
    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(30);

    private readonly Process _process;
    private readonly HttpClient _http;

    private ServiceUnderTest(Process process, Uri url)
    {
        _process = process;
        _http = new HttpClient { BaseAddress = url, Timeout = Wait * 2 };
    }

    public static async Task<ServiceUnderTest> StartAsync(string data, string journal, string destination, CancellationToken ct)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardInput = true, RedirectStandardOutput = true };
        foreach (var argument in (string[])[typeof(ApiPath).Assembly.Location, "--data", data, "--urls", "http://127.0.0.1:0", "--schedule-cron", "none", "--log-level", "Warning", "--private-sources", "--stop-with-input"])
            start.ArgumentList.Add(argument);
        (start.Environment["ELT_POSTGRES"], start.Environment["ELT_DESTINATION"]) = (journal, destination);
        var process = Process.Start(start) ?? throw new InvalidOperationException("dotnet did not start.");
        var url = await process.StandardOutput.ReadLineAsync(ct) ?? throw new InvalidOperationException("The service did not start; its reason is above.");
        return new ServiceUnderTest(process, new Uri(url));
    }

    /// <summary>The most memory it ever held, in megabytes.</summary>
    public double PeakMegabytes => double.Parse(
        File.ReadLines($"/proc/{_process.Id}/status").First(line => line.StartsWith("VmHWM:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
        CultureInfo.InvariantCulture) / 1024;

    public async Task ConnectAsync(string organization, string integration, Uri endpoint, int pageSize, CancellationToken ct)
    {
        var data = JsonSerializer.SerializeToElement(new { permission_source_name = "Bench", api_endpoint = endpoint, page_size = pageSize });
        using var answer = await _http.PostAsJsonAsync(
            ApiPath.Integrations, new IntegrationView { Id = integration, OrganizationId = organization, Provider = "demo", ProviderData = data }, ApiJson.Options, ct);
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>Runs a workflow to its end and returns it and all below it.</summary>
    public async Task<IReadOnlyList<RunView>> RunAsync(string workflow, string id, object input, CancellationToken ct)
    {
        using var started = await _http.PostAsJsonAsync(
            ApiPath.Workflow(workflow), new StartRequest { Id = id, Input = JsonSerializer.SerializeToElement(input, ApiJson.Options) }, ApiJson.Options, ct);
        started.EnsureSuccessStatusCode();
        while (true)
        {
            using var answer = await _http.GetAsync(ApiPath.Result(id, Wait), ct);
            answer.EnsureSuccessStatusCode();
            if (answer.StatusCode == HttpStatusCode.OK)
                break;
        }
        var runs = (await _http.GetFromJsonAsync<RunList>($"{ApiPath.Workflows}?limit=1000&prefix={Uri.EscapeDataString(id)}", ApiJson.Options, ct))!.Workflows;
        var failed = runs.FirstOrDefault(run => run.Status != "SUCCESS");
        return failed is null ? runs : throw new InvalidOperationException($"{failed.Id} ended as {failed.Status}: {failed.Error?.Message}");
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
        _process.Dispose();
        _http.Dispose();
    }
}
