using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Elt.Cli;

/// <summary>Makes JSON of arguments of the form <c>key=value</c>.</summary>
internal static class JsonArguments
{
    /// <summary>An object of the pairs; <c>a.b=x</c> is a member of a member.</summary>
    public static JsonObject Object(IEnumerable<(string Key, string Value)> pairs)
    {
        var root = new JsonObject();
        foreach (var (key, value) in pairs)
        {
            var path = key.Split('.');
            var owner = root;
            foreach (var name in path[..^1])
            {
                owner[name] ??= new JsonObject();
                owner = owner[name] as JsonObject ?? throw Refused($"'{key}' cannot be set: '{name}' is no object.");
            }
            if (!owner.TryAdd(path[^1], Literal(key, value)))
                throw Refused($"'{key}' is given twice.");
        }
        return root;
    }

    /// <summary>
    /// Provider data has no declared types: whole numbers, true, false and null are taken as such, <c>@file</c> is the JSON in a file, all else is text.
    /// </summary>
    private static JsonNode? Literal(string key, string text)
    {
        try
        {
            if (text.StartsWith('@'))
                return JsonNode.Parse(File.ReadAllText(text[1..]));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or ArgumentException)
        {
            throw Refused($"'{key}' cannot be read from a file: {e.Message}");
        }
        return text is "true" or "false" or "null" || (long.TryParse(text, out var number) && number.ToString(CultureInfo.InvariantCulture) == text)
            ? JsonNode.Parse(text)
            : JsonValue.Create(text);
    }

    private static CliException Refused(string message) => new(message, ExitCodes.Usage);
}
