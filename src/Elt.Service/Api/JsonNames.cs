using System.Text.Json;
using System.Text.Json.Nodes;

namespace Elt.Service.Api;

/// <summary>Member names: snake_case outside, camelCase inside. Keys that are data (<c>org-001</c>, <c>batch-03/page-017</c>) stay as they are.</summary>
internal static class JsonNames
{
    /// <summary><c>pages_per_batch</c> as <c>pagesPerBatch</c>; a name in camelCase stays.</summary>
    public static string ToCamel(string name)
    {
        if (!IsName(name) || !name.Contains('_'))
            return name;
        var words = name.Split('_', StringSplitOptions.RemoveEmptyEntries);
        return words[0] + string.Concat(words.Skip(1).Select(word => char.ToUpperInvariant(word[0]) + word[1..]));
    }

    /// <summary><c>pagesPerBatch</c> as <c>pages_per_batch</c>.</summary>
    public static string ToSnake(string name) => IsName(name) ? JsonNamingPolicy.SnakeCaseLower.ConvertName(name) : name;

    /// <summary>The same document with its members, at any depth, in snake_case.</summary>
    public static JsonElement ToSnakeDocument(string json)
    {
        using var document = JsonDocument.Parse(json);
        return JsonSerializer.SerializeToElement(Renamed(document.RootElement));
    }

    private static JsonNode? Renamed(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => new JsonObject(value.EnumerateObject().Select(member => KeyValuePair.Create(ToSnake(member.Name), Renamed(member.Value)))),
        JsonValueKind.Array => new JsonArray([.. value.EnumerateArray().Select(Renamed)]),
        _ => JsonValue.Create(value.Clone()),
    };

    private static bool IsName(string text) =>
        text.Length > 0 && char.IsAsciiLetterLower(text[0]) && text.All(letter => char.IsAsciiLetterOrDigit(letter) || letter == '_') && text[^1] != '_';
}
