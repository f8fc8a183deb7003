using System.Globalization;
using System.Net;
using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Sources;

/// <summary>
/// Reads pages over HTTP: <c>GET {api_endpoint}?page=N&amp;page_size=M</c>, answered by the JSON that <see cref="PageParser"/> reads.
/// Redirects are not followed, answers have a size and a time limit.
/// </summary>
internal sealed class HttpSource : ISource, IDisposable
{
    private readonly HttpClient _client;
    private readonly PageParser _parser;
    private readonly SourceOptions _options;
    private readonly TimeProvider _time;

    public HttpSource(Dataset dataset, SourceOptions options, TimeProvider time)
    {
        _parser = new PageParser(dataset);
        _options = options;
        _time = time;
        _client = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.All,
            ConnectTimeout = options.ConnectTimeout,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        })
        {
            Timeout = options.RequestTimeout,
            MaxResponseContentBufferSize = options.MaxResponseBytes,
        };
        _client.DefaultRequestHeaders.Accept.ParseAdd("application/json");
    }

    public async Task<SourcePage> FetchAsync(PageRequest request, CancellationToken ct)
    {
        var where = Where(request);
        if (request.Page > _options.MaxPages)
            throw new SourceException(SourceErrorClass.Data, $"page_limit: {where} goes on after {_options.MaxPages} pages. Raise the limit if that is right.");
        using var response = await GetAsync(request, where, ct).ConfigureAwait(false);
        if (!response.IsSuccessStatusCode)
            throw Refused(response, where);
        var body = await response.Content.ReadAsByteArrayAsync(ct).ConfigureAwait(false);
        return _parser.Parse(body, request.Page, where);
    }

    public void Dispose() => _client.Dispose();

    /// <summary>The request reads the whole answer, so that time and size limits hold for the body as well.</summary>
    private async Task<HttpResponseMessage> GetAsync(PageRequest request, string where, CancellationToken ct)
    {
        try
        {
            return await _client.GetAsync(Address(request), HttpCompletionOption.ResponseContentRead, ct).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw new SourceException(
                SourceErrorClass.Timeout,
                $"{where} did not answer within {_options.RequestTimeout.TotalSeconds:0.#} s. Check that the source is up.", inner: e);
        }
        catch (HttpRequestException e) when (e.HttpRequestError == HttpRequestError.ConfigurationLimitExceeded)
        {
            throw new SourceException(
                SourceErrorClass.Data, $"{where} answered with more than {_options.MaxResponseBytes:N0} bytes. Make the page size smaller.", inner: e);
        }
        catch (HttpRequestException e)
        {
            throw new SourceException(
                SourceErrorClass.Network,
                $"{where} cannot be reached or broke off ({e.HttpRequestError}). Check the address and that the source is up.", inner: e);
        }
    }

    private SourceException Refused(HttpResponseMessage response, string where)
    {
        var status = (int)response.StatusCode;
        var answered = $"{where} answered {status}";
        return status switch
        {
            408 or 504 => new(SourceErrorClass.Timeout, $"{answered}. Check that the source is up."),
            429 => new(SourceErrorClass.RateLimit, $"{answered}: too many requests.", RetryAfter(response)),
            401 or 403 => new(SourceErrorClass.Auth, $"{answered}: renew the integration's credentials or its permissions."),
            404 or 410 => new(SourceErrorClass.Permanent, $"{answered}: correct the integration's api_endpoint."),
            >= 300 and < 400 => new(SourceErrorClass.Permanent, $"{answered}, and redirects are not followed: set api_endpoint to the final address."),
            >= 500 => new(SourceErrorClass.Network, $"{answered}. Check that the source is up.", RetryAfter(response)),
            _ => new(SourceErrorClass.Data, $"{answered}: the source does not understand the request. Check api_endpoint and page_size."),
        };
    }

    private TimeSpan? RetryAfter(HttpResponseMessage response)
    {
        var header = response.Headers.RetryAfter;
        var wait = header?.Delta ?? header?.Date - _time.GetUtcNow();
        return wait < TimeSpan.Zero ? TimeSpan.Zero : wait;
    }

    private static Uri Address(PageRequest request)
    {
        var endpoint = request.Integration.ProviderData.ApiEndpoint.AbsoluteUri;
        var separator = endpoint.Contains('?', StringComparison.Ordinal) ? '&' : '?';
        return new Uri(string.Create(CultureInfo.InvariantCulture, $"{endpoint}{separator}page={request.Page}&page_size={request.PageSize}"));
    }

    // Host and path only: a query may hold secrets.
    private static string Where(PageRequest request)
    {
        var endpoint = request.Integration.ProviderData.ApiEndpoint;
        return string.Create(CultureInfo.InvariantCulture, $"GET {endpoint.Authority}{endpoint.AbsolutePath} (page {request.Page})");
    }
}
