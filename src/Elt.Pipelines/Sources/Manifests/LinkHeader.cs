using System.Text.RegularExpressions;

namespace Elt.Pipelines.Sources.Manifests;

/// <summary>Reads the header <c>Link</c> (RFC 8288).</summary>
internal static partial class LinkHeader
{
    /// <summary>The address of a relation, or <see langword="null"/>; a header may have several lines, a line several links, a link several relations.</summary>
    public static string? Find(IEnumerable<string> lines, string rel)
    {
        foreach (Match link in lines.SelectMany(line => Link().Matches(line)))
        {
            if (Relation().Match(link.Groups["params"].Value) is { Success: true } relation
                && relation.Groups["rel"].Value.Split(' ').Contains(rel, StringComparer.OrdinalIgnoreCase))
                return link.Groups["url"].Value;
        }
        return null;
    }

    [GeneratedRegex("""<(?<url>[^>]*)>(?<params>(?:\s*;\s*[^=;,\s]+(?:\s*=\s*(?:"[^"]*"|[^;,\s"]*))?)*)""")]
    private static partial Regex Link();

    [GeneratedRegex("""[;\s]rel\s*=\s*"?(?<rel>[^";,]+)"?""", RegexOptions.IgnoreCase)]
    private static partial Regex Relation();
}
