using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Elt.Service.Api;

namespace Elt.Cli;

/// <summary>Talks to the service. Answers stay as they came, so that JSON output loses nothing that this version does not know.</summary>
internal sealed class ApiClient(Uri service) : IDisposable
{
    private readonly HttpClient _http = new()
    {
        BaseAddress = service,
        Timeout = ApiPath.LongestWait + TimeSpan.FromSeconds(40),
    };

    public Task<JsonElement> GetAsync(string path, CancellationToken ct) => SendAsync(HttpMethod.Get, path, null, ct);

    public Task<JsonElement> PostAsync<T>(string path, T body, CancellationToken ct) =>
        SendAsync(HttpMethod.Post, path, JsonContent.Create(body, options: ApiJson.Options), ct);

    /// <summary>The outcome of a run, or <see langword="null"/> when it did not end within the wait.</summary>
    public async Task<JsonElement?> FindResultAsync(string id, TimeSpan wait, CancellationToken ct)
    {
        var (status, answer) = await RequestAsync(HttpMethod.Get, ApiPath.Result(id, wait), null, ct);
        return status == HttpStatusCode.Accepted ? null : Accept(status, answer);
    }

    /// <summary>Health is an answer also when it is bad.</summary>
    public async Task<JsonElement> GetHealthAsync(CancellationToken ct)
    {
        var (status, answer) = await RequestAsync(HttpMethod.Get, ApiPath.Health, null, ct);
        return status == HttpStatusCode.ServiceUnavailable && answer.TryGetProperty("checks", out _) ? answer : Accept(status, answer);
    }

    public void Dispose() => _http.Dispose();

    private async Task<JsonElement> SendAsync(HttpMethod method, string path, HttpContent? body, CancellationToken ct)
    {
        var (status, answer) = await RequestAsync(method, path, body, ct);
        return Accept(status, answer);
    }

    private async Task<(HttpStatusCode Status, JsonElement Answer)> RequestAsync(
        HttpMethod method, string path, HttpContent? body, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body };
        try
        {
            using var response = await _http.SendAsync(request, ct);
            await using var stream = await response.Content.ReadAsStreamAsync(ct);
            return (response.StatusCode, await JsonSerializer.DeserializeAsync<JsonElement>(stream, cancellationToken: ct));
        }
        catch (Exception e) when (e is HttpRequestException or IOException
            || (e is OperationCanceledException && !ct.IsCancellationRequested))
        {
            throw new CliException($"No answer from {service}: {e.Message.TrimEnd('.')}. Is the service running? Name another one with --url or ELT_URL.", ExitCodes.NotReachable);
        }
        catch (JsonException)
        {
            throw new CliException($"{service} does not answer as an Elt service does. Is this the right address? Name another one with --url or ELT_URL.", ExitCodes.NotReachable);
        }
    }

    private static JsonElement Accept(HttpStatusCode status, JsonElement answer)
    {
        if ((int)status is >= 200 and < 300)
            return answer;
        var problem = answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty("type", out _) && answer.TryGetProperty("title", out _)
            ? answer.Deserialize<ProblemView>(ApiJson.Options)
            : null;
        var message = problem?.Detail ?? problem?.Title ?? $"The service answered {(int)status} {status}.";
        throw new CliException(message, status switch
        {
            HttpStatusCode.NotFound => ExitCodes.NotFound,
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => ExitCodes.NotAuthorized,
            >= HttpStatusCode.InternalServerError => ExitCodes.NotReachable,
            _ => ExitCodes.Usage,
        });
    }
}
