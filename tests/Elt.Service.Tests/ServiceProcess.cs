using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json;
using Elt.Service.Api;

namespace Elt.Service.Tests;

/// <summary>A service in a process of its own, on a free port. It ends with the tests, also when they are killed.</summary>
internal sealed class ServiceProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly ConcurrentQueue<string> _log = new();
    private readonly Task _reading;

    private ServiceProcess(Process process)
    {
        _process = process;
        _reading = ReadLogAsync();
    }

    public Uri Url { get; private set; } = null!;

    public HttpClient Http { get; private set; } = null!;

    public string Log => string.Join('\n', _log);

    public static async Task<ServiceProcess> StartAsync(string data, string[]? arguments = null, params (string Name, string? Value)[] environment)
    {
        // Tests must not depend on the time of day.
        string[] schedule = arguments?.Contains("--schedule-cron") == true ? [] : ["--schedule-cron", "none"];
        string[] all = ["--data", data, "--urls", "http://127.0.0.1:0", "--stop-with-input", "--private-sources", .. schedule, .. arguments ?? []];
        var service = new ServiceProcess(Programs.Start("elt-service", all, environment));
        if (await service._process.StandardOutput.ReadLineAsync() is not { } line)
        {
            await service._process.WaitForExitAsync();
            await service._reading;
            throw new InvalidOperationException($"The service did not start: {service.Log}");
        }
        service.Url = new Uri(line);
        service.Http = new HttpClient { BaseAddress = service.Url, Timeout = TimeSpan.FromMinutes(2) };
        return service;
    }

    public Task<ProgramResult> EltAsync(params string[] arguments) => Programs.EltAsync(Url, arguments);

    public async Task<T> GetAsync<T>(string path) => (await Http.GetFromJsonAsync<T>(path, ApiJson.Options))!;

    public Task<HttpResponseMessage> PostAsync(string path, object body) => Http.PostAsJsonAsync(path, body, ApiJson.Options);

    /// <summary>Connects an integration and fails when it is refused.</summary>
    public async Task ConnectAsync(string organization, string integration, string endpoint, int pageSize = 10)
    {
        var data = JsonSerializer.SerializeToElement(new { permission_source_name = "Test directory", api_endpoint = endpoint, page_size = pageSize });
        using var answer = await PostAsync(
            ApiPath.Integrations, new IntegrationView { Id = integration, OrganizationId = organization, Provider = "demo", ProviderData = data });
        answer.EnsureSuccessStatusCode();
    }

    public async Task StartRunAsync(string workflow, string id, object input)
    {
        using var answer = await PostAsync(ApiPath.Workflow(workflow), new StartRequest { Id = id, Input = JsonSerializer.SerializeToElement(input, ApiJson.Options) });
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>Waits for the end of a run, whatever it is.</summary>
    public async Task<ResultView> ResultAsync(string id)
    {
        for (var asked = 0; asked < 3; asked++)
        {
            using var answer = await Http.GetAsync(ApiPath.Result(id, ApiPath.LongestWait));
            answer.EnsureSuccessStatusCode();
            if (answer.StatusCode == System.Net.HttpStatusCode.OK)
                return (await answer.Content.ReadFromJsonAsync<ResultView>(ApiJson.Options))!;
        }
        throw new TimeoutException($"Run '{id}' does not end. The service's log:\n{Log}");
    }

    /// <summary>Rows of all tables as <c>table organization/integration rows</c>.</summary>
    public async Task<IReadOnlyList<string>> CountTablesAsync() =>
        [.. (await GetAsync<TableList>(ApiPath.Tables)).Tables.Select(table => $"{table.Table} {table.OrganizationId}/{table.ConnectedIntegrationId} {table.Rows}")];

    /// <summary>Ends the process at once, as a power failure would.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>Sends a signal such as <c>TERM</c> and waits for the end.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> SignalAsync(string signal)
    {
        await Signals.SendAsync(_process.Id, signal);
        await _process.WaitForExitAsync();
        await _reading;
        return _process.ExitCode;
    }

    /// <summary>Ends its standard input and waits for the end.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> EndInputAsync()
    {
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
        await _reading;
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        await EndInputAsync();
        Http.Dispose();
        _process.Dispose();
    }

    private async Task ReadLogAsync()
    {
        while (await _process.StandardError.ReadLineAsync() is { } line)
            _log.Enqueue(line);
    }
}
