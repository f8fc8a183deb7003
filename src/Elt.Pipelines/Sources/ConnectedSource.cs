using Elt.Pipelines.Sources.Files;
using Elt.Pipelines.Sources.Manifests;

namespace Elt.Pipelines.Sources;

/// <summary>Reads each integration's pages from where its connector says that they are: answers, or parts of a file.</summary>
internal sealed class ConnectedSource(HttpSource answers, FileSource files, ConnectorLibrary connectors) : ISource
{
    public Task<SourcePage> FetchAsync(PageRequest request, CancellationToken ct)
    {
        var manifest = (request.Connector ?? connectors.Of(request.Integration)).Manifest;
        if (manifest.File is not null)
            return files.FetchAsync(request, ct);
        return request.Integration.ProviderData.ApiEndpoint.IsFile
            ? throw new SourceException(
                SourceErrorClass.Permanent, $"The connector {manifest.Name} reads answers, not files: expected an http or https address in provider_data.api_endpoint.")
            : answers.FetchAsync(request, ct);
    }
}
