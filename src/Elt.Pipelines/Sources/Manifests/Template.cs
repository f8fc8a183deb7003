using System.Text.RegularExpressions;

namespace Elt.Pipelines.Sources.Manifests;

/// <summary>Fills the placeholders of a manifest's texts: <c>{config.x}</c>, <c>{secret.x}</c>, <c>{slice.x}</c>. There is no other language in them.</summary>
internal static partial class Template
{
    /// <summary>A placeholder that is none of these, or <see langword="null"/>.</summary>
    public static string? Unknown(string text) =>
        Placeholder().Matches(text).FirstOrDefault(match => !match.Groups["kind"].Success)?.Value;

    /// <summary>The text with its placeholders filled; <see langword="null"/> when one of them has no value.</summary>
    /// <param name="text">The text.</param>
    /// <param name="value">Value of a kind and name.</param>
    public static string? Fill(string text, Func<string, string, string?> value)
    {
        var complete = true;
        var filled = Placeholder().Replace(text, match =>
        {
            var found = value(match.Groups["kind"].Value, match.Groups["name"].Value);
            complete &= found is not null;
            return found ?? "";
        });
        return complete ? filled : null;
    }

    [GeneratedRegex(@"\{(?:(?<kind>config|secret|slice)\.(?<name>\w+)|[^}]*)\}")]
    private static partial Regex Placeholder();
}
