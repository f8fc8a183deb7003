using System.Globalization;
using System.Text.Json;

namespace Elt.Pipelines.Sources.Manifests;

/// <summary>Follows JSON Pointers (RFC 6901): <c>/profile/email</c>, <c>/emails/0/value</c>; the empty one is the whole.</summary>
internal static class JsonPointer
{
    public static bool IsValid(string pointer) => pointer.Length == 0 || pointer[0] == '/';

    /// <summary>The value at a pointer, or <see langword="null"/> when it leads nowhere.</summary>
    public static JsonElement? Find(JsonElement root, string pointer)
    {
        var value = root;
        for (var rest = pointer.AsSpan(); rest.Length > 0;)
        {
            rest = rest[1..];
            var part = rest.IndexOf('/') is >= 0 and var end ? rest[..end] : rest;
            rest = rest[part.Length..];
            if (part.Contains('~'))
                part = Unescaped(part.ToString());
            switch (value.ValueKind)
            {
                case JsonValueKind.Object when value.TryGetProperty(part, out var member):
                    value = member;
                    break;
                case JsonValueKind.Array when int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var i) && i < value.GetArrayLength():
                    value = value[i];
                    break;
                default:
                    return null;
            }
        }
        return value;
    }

    /// <summary>The member that a pointer of one part names, or <see langword="null"/>.</summary>
    public static string? OnlyMember(string pointer) => Parts(pointer).ToList() is [var member] ? member : null;

    /// <summary>A scalar as text, numbers digit by digit; anything else as its canonical JSON; <see langword="null"/> for null and missing.</summary>
    public static string? AsText(this JsonElement? value) => value switch
    {
        null or { ValueKind: JsonValueKind.Null or JsonValueKind.Undefined } => null,
        { ValueKind: JsonValueKind.String } text => text.GetString(),
        { ValueKind: JsonValueKind.Number } number => number.GetRawText(),
        { } other => CanonicalJson.Write(other),
    };

    /// <summary>Whether a text is one of several; without them, whether there is one.</summary>
    public static bool Fits(this string? text, IReadOnlyList<string>? values) =>
        text is not null && (values is null || values.Contains(text, StringComparer.Ordinal));

    /// <summary>The members that a pointer follows.</summary>
    public static IEnumerable<string> Parts(string pointer) =>
        pointer.Split('/').Skip(1).Select(Unescaped);

    private static string Unescaped(string part) => part.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);
}
