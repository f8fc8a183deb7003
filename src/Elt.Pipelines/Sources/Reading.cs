using System.Globalization;
using Elt.Pipelines.Sources.Manifests;

namespace Elt.Pipelines.Sources;

/// <summary>What a run reads of an integration that is read incrementally: everything, in the way that lets later runs ask for changes, or changes.</summary>
/// <param name="Cursor">What changes are asked for by: a delta link, or the time when the latest record seen was changed; <see langword="null"/> for everything.</param>
internal sealed record Reading(string? Cursor)
{
    /// <summary>Whether only changes are read.</summary>
    public bool IsIncremental => Cursor is not null;

    /// <summary>Connector and request as this reading needs them.</summary>
    public (Manifest Manifest, PageRequest Request) Aim(Manifest manifest, PageRequest request) => manifest.Incremental switch
    {
        SinceRule since when Cursor is not null => (Since(manifest, since, Cursor), request),
        DeltaLinkRule when Cursor is not null => (manifest, request with { Cursor = request.Cursor ?? new PagePosition(0, Cursor).ToString() }),
        // How long the pages of a round are is up to the source.
        DeltaLinkRule link => (manifest with { PageSize = null }, At(link.First, request)),
        _ => (manifest, request),
    };

    /// <summary>The error that an answer is by which the source has forgotten what has changed, or <see langword="null"/>.</summary>
    public SourceException? Expiry(Manifest manifest, SourceAnswer answer, string where) =>
        IsIncremental && manifest.Incremental is DeltaLinkRule link && link.ExpiredWhen.Any(rule => RefusalCheck.Fits(rule, answer))
            ? new SourceException(SourceErrorClass.ExpiredCursor, $"{where} answered {answer.Status}, which means: the changes since the last run are not kept any more.")
            : null;

    private static Manifest Since(Manifest manifest, SinceRule rule, string greatest)
    {
        var since = rule.Since(DateTimeOffset.Parse(greatest, CultureInfo.InvariantCulture));
        var query = new Dictionary<string, string>(manifest.Query);
        foreach (var (name, text) in rule.Query)
            query[name] = text.Replace(SinceRule.Placeholder, since, StringComparison.Ordinal);
        return manifest with { Query = query, Slices = rule.Slices ?? manifest.Slices };
    }

    private static PageRequest At(string first, PageRequest request)
    {
        var data = request.Integration.ProviderData;
        var endpoint = new UriBuilder(data.ApiEndpoint);
        endpoint.Path = endpoint.Path.TrimEnd('/') + first;
        return request with { Integration = request.Integration with { ProviderData = data with { ApiEndpoint = endpoint.Uri } } };
    }
}
