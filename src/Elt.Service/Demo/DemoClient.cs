using System.Net;
using System.Text.Json;
using Elt.Service.Api;
using Elt.Service.Hosting;

namespace Elt.Service.Demo;

/// <summary>Calls the service, and calls again while it is being restarted: every call may be made twice.</summary>
internal sealed class DemoClient(Uri service, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private readonly HttpClient _http = new() { BaseAddress = service };

    public Task<IntegrationList> ListIntegrationsAsync(CancellationToken ct) => GetAsync<IntegrationList>(ApiPath.Integrations, ct);

    public Task UpsertAsync(IntegrationView integration, CancellationToken ct) =>
        SendAsync(HttpMethod.Post, ApiPath.Integrations, integration, ct);

    public Task StartAsync(string workflow, string id, object input, CancellationToken ct) => SendAsync(
        HttpMethod.Post, ApiPath.Workflow(workflow),
        new StartRequest { Id = id, Input = JsonSerializer.SerializeToElement(input, ApiJson.Options) }, ct);

    /// <summary>The outcome, or <see langword="null"/> when the run has not ended within the wait.</summary>
    public async Task<ResultView?> FindResultAsync(string id, TimeSpan wait, CancellationToken ct)
    {
        var (status, answer) = await SendAsync(HttpMethod.Get, ApiPath.Result(id, wait), null, ct);
        return status == HttpStatusCode.OK ? answer.Deserialize<ResultView>(ApiJson.Options) : null;
    }

    /// <summary>Runs that fit a filter, such as <c>status=PENDING</c>, of those below a run.</summary>
    public async Task<IReadOnlyList<RunView>> ListBelowAsync(string id, string filter, CancellationToken ct) =>
        (await GetAsync<RunList>($"{ApiPath.Workflows}?limit=1000&prefix={Uri.EscapeDataString($"{id}/")}&{filter}", ct)).Workflows;

    public void Dispose() => _http.Dispose();

    private async Task<T> GetAsync<T>(string path, CancellationToken ct) =>
        (await SendAsync(HttpMethod.Get, path, null, ct)).Answer.Deserialize<T>(ApiJson.Options)!;

    private async Task<(HttpStatusCode Status, JsonElement Answer)> SendAsync(HttpMethod method, string path, object? body, CancellationToken ct)
    {
        for (var begun = time.GetTimestamp(); ;)
        {
            try
            {
                using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body, body.GetType(), options: ApiJson.Options) };
                using var response = await _http.SendAsync(request, ct);
                var answer = await response.Content.ReadFromJsonAsync<JsonElement>(ct);
                if (response.IsSuccessStatusCode)
                    return (response.StatusCode, answer);
                throw new StartException($"The service refused {method} {path}: {answer.Deserialize<ProblemView>(ApiJson.Options)?.Detail}");
            }
            catch (Exception e) when (e is HttpRequestException or IOException && time.GetElapsedTime(begun) < Patience)
            {
                await Task.Delay(Pause, time, ct);
            }
        }
    }
}
