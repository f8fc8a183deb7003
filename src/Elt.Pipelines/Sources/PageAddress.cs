using System.Text;
using Elt.Pipelines.Sources.Manifests;

namespace Elt.Pipelines.Sources;

/// <summary>Addresses of pages. All of them have scheme and host of the integration's endpoint.</summary>
internal static class PageAddress
{
    /// <summary>The address of a page.</summary>
    public static Uri Of(Manifest manifest, PageRequest request, PagePosition position, RequestValues values)
    {
        var endpoint = request.Integration.ProviderData.ApiEndpoint;
        if (manifest.Pagination.NamesAddresses && position.Page is { } address)
            return new Uri(endpoint.GetLeftPart(UriPartial.Authority) + address);
        var query = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, text) in manifest.Query)
        {
            if (values.Optional(text) is { } value)
                query[name] = value;
        }
        manifest.Pagination.Ask(query, position.Page);
        if (manifest.PageSize is { } size)
            query[size.Param] = Math.Min(request.PageSize, size.Max).ToString(System.Globalization.CultureInfo.InvariantCulture);
        return With(endpoint, query);
    }

    /// <summary>An address with further query parameters.</summary>
    public static Uri With(Uri address, Dictionary<string, string> query)
    {
        var text = new StringBuilder(address.AbsoluteUri);
        var separator = address.Query.Length == 0 ? '?' : '&';
        foreach (var (name, value) in query)
        {
            text.Append(separator).Append(Uri.EscapeDataString(name)).Append('=').Append(Uri.EscapeDataString(value));
            separator = '&';
        }
        return new Uri(text.ToString());
    }

    /// <summary>Path and query of a next address, without the parameter that holds the API key: what the cursor keeps.</summary>
    /// <exception cref="SourceException">It leads to another scheme, host or port.</exception>
    public static string Keep(string next, Uri current, Manifest manifest, string where)
    {
        if (!Uri.TryCreate(current, next, out var address)
            || Uri.Compare(address, current, UriComponents.SchemeAndServer | UriComponents.UserInfo, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) != 0)
        {
            throw new SourceException(
                SourceErrorClass.Data, $"foreign_host: {where} names a next page that is not at {current.GetLeftPart(UriPartial.Authority)}. It is not followed.");
        }
        return manifest.Auth is ApiKeyAuth { In: ApiKeyPlace.Query } key ? Without(address, key.Name) : address.PathAndQuery;
    }

    private static string Without(Uri address, string parameter)
    {
        var kept = address.Query.TrimStart('?').Split('&')
            .Where(pair => !string.Equals(Uri.UnescapeDataString(pair.Split('=')[0]), parameter, StringComparison.OrdinalIgnoreCase));
        return $"{address.AbsolutePath}?{string.Join('&', kept)}";
    }
}
