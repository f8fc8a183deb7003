using Elt.Pipelines.Contracts;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Sources.Manifests;

namespace Elt.Pipelines.Sources;

/// <summary>One page to be read.</summary>
/// <param name="Integration">Where from.</param>
/// <param name="Page">Its number, from 1.</param>
/// <param name="PageSize">Records asked for.</param>
/// <param name="Cursor">What the page before it gave as <see cref="SourcePage.NextCursor"/>; <see langword="null"/> for the first, and where pages have numbers.</param>
/// <param name="Connector">The connector that the run is pinned to; default the integration's own as it is now.</param>
internal sealed record PageRequest(ConnectedIntegration Integration, int Page, int PageSize, string? Cursor = null, Connector? Connector = null)
{
    /// <summary>What the run reads, for integrations that are read incrementally; default the plain list.</summary>
    public Reading? Reading { get; init; }

    /// <summary>What earlier runs have read of the integration; default nothing.</summary>
    public KnownFields Known { get; init; } = KnownFields.None;

    /// <exception cref="SourceException">The page is behind the last one that an extract may have.</exception>
    public void EnsureWithin(int maxPages, string where)
    {
        if (Page > maxPages)
            throw new SourceException(SourceErrorClass.Data, $"page_limit: {where} goes on after {maxPages} pages. Raise the limit if that is right.");
    }
}

/// <summary>Reads pages of records from an external system.</summary>
internal interface ISource
{
    /// <summary>Reads one page.</summary>
    /// <exception cref="SourceException">The page could not be read.</exception>
    Task<SourcePage> FetchAsync(PageRequest request, CancellationToken ct);
}
