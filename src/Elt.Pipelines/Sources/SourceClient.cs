using System.Net;
using System.Net.Sockets;

namespace Elt.Pipelines.Sources;

/// <summary>
/// Sends requests to sources: no redirects, no cookies, no proxy; the whole answer has a size and a time limit; addresses that reach inward are
/// refused after the name was resolved, so that no name can hide one.
/// </summary>
internal sealed class SourceClient : IDisposable
{
    private readonly HttpClient _client;
    private readonly HttpClient _files;
    private readonly SourceOptions _options;

    public SourceClient(SourceOptions options)
    {
        _options = options;
        _client = new HttpClient(Handler(DecompressionMethods.All))
        {
            Timeout = options.RequestTimeout,
            MaxResponseContentBufferSize = options.MaxResponseBytes,
        };
        // A file's bytes are wanted as they are; the time for its body is its reader's.
        _files = new HttpClient(Handler(DecompressionMethods.None)) { Timeout = options.RequestTimeout };
    }

    /// <summary>Sends a request and reads the answer, whatever its status.</summary>
    /// <param name="request">The request.</param>
    /// <param name="where">What messages call it.</param>
    /// <param name="ct">Cancels.</param>
    /// <exception cref="SourceException">There is no answer within the limits.</exception>
    public Task<SourceAnswer> SendAsync(HttpRequestMessage request, string where, CancellationToken ct) => ExplainedAsync(
        async () =>
        {
            // The request reads the whole answer, so that time and size limits hold for the body as well.
            var response = await _client.SendAsync(request, HttpCompletionOption.ResponseContentRead, ct).ConfigureAwait(false);
            return SourceAnswer.Read(response, await response.Content.ReadAsByteArrayAsync(ct).ConfigureAwait(false), where);
        },
        where, ct);

    /// <summary>Sends a request for a file and has its body read as it comes.</summary>
    /// <param name="request">The request.</param>
    /// <param name="where">What messages call it.</param>
    /// <param name="read">Reads the answer, whatever its status; bounds time and size by itself.</param>
    /// <param name="ct">Cancels.</param>
    /// <exception cref="SourceException">There is no answer within the limits, or it breaks off.</exception>
    public Task<T> DownloadAsync<T>(HttpRequestMessage request, string where, Func<HttpResponseMessage, Task<T>> read, CancellationToken ct) =>
        ExplainedAsync(
            async () =>
            {
                using var response = await _files.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct).ConfigureAwait(false);
                return await read(response).ConfigureAwait(false);
            },
            where, ct);

    public void Dispose()
    {
        _client.Dispose();
        _files.Dispose();
    }

    private SocketsHttpHandler Handler(DecompressionMethods decompression) => new()
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = false,
        AutomaticDecompression = decompression,
        ConnectTimeout = _options.ConnectTimeout,
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        ConnectCallback = ConnectAsync,
    };

    private async Task<T> ExplainedAsync<T>(Func<Task<T>> send, string where, CancellationToken ct)
    {
        try
        {
            return await send().ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw new SourceException(
                SourceErrorClass.Timeout,
                $"{where} did not answer within {_options.RequestTimeout.TotalSeconds:0.#} s. Check that the source is up.", inner: e);
        }
        catch (HttpRequestException e)
        {
            throw Broken(e, where);
        }
        catch (HttpIOException e)
        {
            throw new SourceException(SourceErrorClass.Network, $"{where} broke off ({e.HttpRequestError}). Check that the source is up.", inner: e);
        }
    }

    private SourceException Broken(HttpRequestException e, string where)
    {
        if (e.InnerException is InwardAddressException)
        {
            return new SourceException(
                SourceErrorClass.Permanent,
                $"{where} is refused: its host is a loopback, link-local or private address. Allow those ({nameof(SourceOptions.AllowPrivateAddresses)}) if that is right.");
        }
        return e.HttpRequestError == HttpRequestError.ConfigurationLimitExceeded
            ? new SourceException(
                SourceErrorClass.Data, $"{where} answered with more than {_options.MaxResponseBytes:N0} bytes. Make the page size smaller.", inner: e)
            : new SourceException(
                SourceErrorClass.Network,
                $"{where} cannot be reached or broke off ({e.HttpRequestError}). Check the address and that the source is up.", inner: e);
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken ct)
    {
        var addresses = await Dns.GetHostAddressesAsync(context.DnsEndPoint.Host, ct).ConfigureAwait(false);
        if (!_options.AllowPrivateAddresses && addresses.Any(InwardAddress.Is))
            throw new InwardAddressException();
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, context.DnsEndPoint.Port, ct).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private sealed class InwardAddressException : Exception;
}
