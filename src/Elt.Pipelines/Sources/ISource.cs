using Elt.Pipelines.Integrations;

namespace Elt.Pipelines.Sources;

/// <summary>One page to be read.</summary>
/// <param name="Integration">Where from.</param>
/// <param name="Page">Its number, from 1.</param>
/// <param name="PageSize">Records asked for.</param>
internal sealed record PageRequest(ConnectedIntegration Integration, int Page, int PageSize);

/// <summary>Reads pages of records from an external system.</summary>
internal interface ISource
{
    /// <summary>Reads one page.</summary>
    /// <exception cref="SourceException">The page could not be read.</exception>
    Task<SourcePage> FetchAsync(PageRequest request, CancellationToken ct);
}
