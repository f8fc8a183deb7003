using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Text;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Sources.Manifests;

namespace Elt.Pipelines.Sources;

/// <summary>Puts into requests who asks. Tokens are kept in memory, one per integration, and never anywhere else.</summary>
internal sealed class Credentials(SourceClient client, TimeProvider time)
{
    // A token that expires on its way is renewed before it is sent.
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(60);

    // An answer for a token has no rules of its own.
    private static readonly Manifest TokenEndpoint = new()
    {
        Name = "token",
        Pagination = new NoPagination(),
        Records = new RecordRules(""),
        Key = [],
        Fields = new Dictionary<string, FieldMapping>(),
    };

    private readonly ConcurrentDictionary<IntegrationKey, TokenSlot> _slots = new();
    private readonly RefusalCheck _check = new(time);

    /// <summary>Adds credentials to a request.</summary>
    /// <param name="request">The request.</param>
    /// <param name="connector">Says how.</param>
    /// <param name="values">Fills placeholders.</param>
    /// <param name="integration">Whose.</param>
    /// <param name="refused">The token that was refused with 401, to be renewed; default none.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>The token that was used and can be renewed, if there is one.</returns>
    public async Task<string?> AddAsync(
        HttpRequestMessage request, Manifest connector, RequestValues values, IntegrationKey integration, string? refused, CancellationToken ct)
    {
        switch (connector.Auth)
        {
            case BearerAuth auth:
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", values.Required(auth.Token));
                break;
            case ApiKeyAuth { In: ApiKeyPlace.Header } auth:
                request.Headers.Remove(auth.Name);
                request.Headers.TryAddWithoutValidation(auth.Name, auth.Prefix + values.Required(auth.Value));
                break;
            case ApiKeyAuth auth:
                request.RequestUri = PageAddress.With(request.RequestUri!, new() { [auth.Name] = auth.Prefix + values.Required(auth.Value) });
                break;
            case BasicAuth auth:
                var pair = $"{values.Required(auth.User)}:{values.Required(auth.Password)}";
                request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(pair)));
                break;
            case OAuth2 auth:
                var token = await TokenAsync(auth, values, integration, refused, ct).ConfigureAwait(false);
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
                return token;
        }
        return null;
    }

    private async Task<string> TokenAsync(OAuth2 auth, RequestValues values, IntegrationKey integration, string? refused, CancellationToken ct)
    {
        var slot = _slots.GetOrAdd(integration, _ => new TokenSlot());
        await slot.Gate.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            // Of several requests that were refused at once only the first renews.
            if (slot.Token is null || slot.Token == refused || time.GetUtcNow() >= slot.Until)
                (slot.Token, slot.Until, slot.RefreshToken) = await AskAsync(auth, values, slot.RefreshToken, ct).ConfigureAwait(false);
            return slot.Token;
        }
        finally
        {
            slot.Gate.Release();
        }
    }

    private async Task<(string Token, DateTimeOffset Until, string? RefreshToken)> AskAsync(
        OAuth2 auth, RequestValues values, string? newerRefreshToken, CancellationToken ct)
    {
        if (!Uri.TryCreate(values.Required(auth.TokenUrl, Uri.EscapeDataString), UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https"))
            throw new SourceException(SourceErrorClass.Permanent, "The connector's auth.tokenUrl is not an absolute http or https address.");
        var form = new Dictionary<string, string>
        {
            ["grant_type"] = auth is RefreshTokenAuth ? "refresh_token" : "client_credentials",
            ["client_id"] = values.Required(auth.ClientId),
            ["client_secret"] = values.Required(auth.ClientSecret),
        };
        if (auth.Scope is not null)
            form["scope"] = values.Required(auth.Scope);
        if (auth is RefreshTokenAuth refresh)
            form["refresh_token"] = newerRefreshToken ?? values.Required(refresh.RefreshToken);
        using var request = new HttpRequestMessage(HttpMethod.Post, address) { Content = new FormUrlEncodedContent(form) };
        var where = $"POST {address.Authority}{address.AbsolutePath} (access token)";
        using var answer = await client.SendAsync(request, where, ct).ConfigureAwait(false);
        if (answer.Status is 400 or 401)
            throw new SourceException(SourceErrorClass.Auth, $"{where} answered {answer.Status}: renew the integration's credentials or its permissions.");
        if (_check.Refusal(answer, TokenEndpoint, where) is { } refusal)
            throw refusal;
        var token = JsonPointer.Find(answer.Body, "/access_token").AsText()
            ?? throw new SourceException(SourceErrorClass.Auth, $"{where} answered without access_token.");
        var seconds = double.TryParse(JsonPointer.Find(answer.Body, "/expires_in").AsText(), out var stated) ? Math.Clamp(stated, 0, 86_400) : 3600;
        var until = time.GetUtcNow() + TimeSpan.FromSeconds(seconds) - Margin;
        return (token, until, JsonPointer.Find(answer.Body, "/refresh_token").AsText() ?? newerRefreshToken);
    }

    private sealed class TokenSlot
    {
        public SemaphoreSlim Gate { get; } = new(1);

        public string? Token { get; set; }

        public DateTimeOffset Until { get; set; }

        public string? RefreshToken { get; set; }
    }
}
