using Elt.Pipelines.Integrations;
using Elt.Pipelines.Sources.Manifests;

namespace Elt.Pipelines.Sources.Files;

/// <summary>Downloads files, under the same checks as any request to a source: no redirects, no inward addresses, limits of time and size.</summary>
internal sealed class RemoteFiles(FileCopy copies, SourceOptions options, TimeProvider time) : IDisposable
{
    private readonly SourceClient _client = new(options);
    private readonly RefusalCheck _check = new(time);
    private Credentials? _credentials;

    /// <summary>A copy of the file at an integration's address.</summary>
    /// <exception cref="SourceException">It cannot be had, or not whole.</exception>
    public async Task<FileContent> OpenAsync(Manifest manifest, ConnectedIntegration integration, bool? isPacked, string where, CancellationToken ct)
    {
        _credentials ??= new Credentials(_client, time);
        var values = new RequestValues(integration.ProviderData, manifest.Slices[0]);
        using var request = new HttpRequestMessage(HttpMethod.Get, integration.ProviderData.ApiEndpoint);
        foreach (var (name, text) in manifest.Headers)
            request.Headers.TryAddWithoutValidation(name, values.Required(text));
        await _credentials.AddAsync(request, manifest, values, integration.Key, refused: null, ct).ConfigureAwait(false);
        return await _client.DownloadAsync(request, where, response => CopyAsync(response, manifest, isPacked, where, ct), ct).ConfigureAwait(false);
    }

    public void Dispose() => _client.Dispose();

    private async Task<FileContent> CopyAsync(HttpResponseMessage response, Manifest manifest, bool? isPacked, string where, CancellationToken ct)
    {
        if ((int)response.StatusCode != 200)
        {
            using var answer = SourceAnswer.Read(response, Array.Empty<byte>(), where);
            throw _check.Refusal(answer, manifest, where) ?? new SourceException(SourceErrorClass.Data, $"{where} answered {answer.Status}, expected 200.");
        }
        EnsureEndIsMarked(response, where);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(options.FileTimeout);
        var body = await response.Content.ReadAsStreamAsync(limit.Token).ConfigureAwait(false);
        var (copy, sha256) = await copies.MakeAsync(body, isPacked, where, limit.Token).ConfigureAwait(false);
        return FileContent.OfCopy(copy, sha256);
    }

    // A body that ends when the connection does looks the same when the connection breaks.
    private static void EnsureEndIsMarked(HttpResponseMessage response, string where)
    {
        if (response.Content.Headers.ContentLength is null && response.Headers.TransferEncodingChunked != true && response.Version.Major < 2)
            throw new SourceException(SourceErrorClass.Data, $"{where} answers without saying how long the file is. Expected Content-Length or chunks.");
    }
}
