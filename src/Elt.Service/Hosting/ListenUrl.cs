using System.Net;

namespace Elt.Service.Hosting;

/// <summary>Addresses that the service may listen on: there are no keys yet, so only this machine may call.</summary>
internal static class ListenUrl
{
    /// <summary>Reads addresses separated by semicolons.</summary>
    /// <exception cref="FormatException">One is not an address, or not on loopback.</exception>
    public static IReadOnlyList<string> Parse(string text)
    {
        var urls = text.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return urls.Length > 0 ? [.. urls.Select(ParseOne)] : throw new FormatException("no address is given; expected one such as http://localhost:8080.");
    }

    private static string ParseOne(string text)
    {
        // The wildcards of ASP.NET Core are no hosts of a URI.
        var isWildcard = text.Contains("://+", StringComparison.Ordinal) || text.Contains("://*", StringComparison.Ordinal);
        if (!isWildcard && (!Uri.TryCreate(text, UriKind.Absolute, out var parsed) || parsed.Scheme != Uri.UriSchemeHttp || parsed.PathAndQuery != "/"))
            throw new FormatException($"'{text}' is not an address such as http://localhost:8080.");
        if (isWildcard || !IsLoopback(new Uri(text)))
        {
            throw new FormatException(
                $"'{text}' is reachable from other machines. This version has no API keys and listens on loopback only: localhost, 127.0.0.1 or [::1].");
        }
        var url = new Uri(text);
        // Kestrel binds both families for localhost, which a port chosen by the system cannot do.
        return url is { Host: "localhost", Port: 0 } ? "http://127.0.0.1:0" : url.GetLeftPart(UriPartial.Authority);
    }

    private static bool IsLoopback(Uri url) =>
        url.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(url.Host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
}
