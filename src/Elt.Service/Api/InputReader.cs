using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Elt.Service.Api;

/// <summary>
/// Fits JSON from outside to a record: members in camelCase or snake_case, and text where a number, a time or true and false is needed
/// (a command line has only text). Text members take text only: the organization <c>007</c> is not the number 7.
/// </summary>
internal static class InputReader
{
    private static readonly JsonSerializerOptions Shapes = new(JsonSerializerDefaults.Web)
    {
        NumberHandling = JsonNumberHandling.Strict,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        Converters = { new JsonStringEnumConverter() },
        TypeInfoResolver = new DefaultJsonTypeInfoResolver(),
    };

    /// <summary>Reads a request's body.</summary>
    /// <exception cref="ProblemException">A member is unknown, missing or of the wrong kind.</exception>
    public static T Read<T>(JsonElement given)
    {
        try
        {
            return Fit(typeof(T), given, "bad-request").Deserialize<T>(Shapes)!;
        }
        catch (JsonException e)
        {
            throw ProblemException.BadRequest($"The body cannot be used: {e.Message}");
        }
    }

    /// <summary>The input as the record of a workflow needs it.</summary>
    /// <param name="record">The input record.</param>
    /// <param name="given">What was sent; nothing stands for no members.</param>
    /// <param name="problem">Type of the problem when it does not fit.</param>
    /// <exception cref="ProblemException">A member is unknown, missing or of the wrong kind.</exception>
    public static JsonElement Fit(Type record, JsonElement? given, string problem)
    {
        try
        {
            var input = given is null or { ValueKind: JsonValueKind.Null or JsonValueKind.Undefined } ? JsonElement.Parse("{}") : given.Value;
            return JsonSerializer.SerializeToElement(Members(record, input, ""));
        }
        catch (MisfitException e)
        {
            throw new ProblemException(StatusCodes.Status400BadRequest, problem, e.Message, e.Member);
        }
    }

    private static JsonObject Members(Type record, JsonElement given, string path)
    {
        if (given.ValueKind != JsonValueKind.Object)
            throw new MisfitException(path.TrimEnd('.'), $"expected an object, found {Shown(given)}");
        var properties = Shapes.GetTypeInfo(record).Properties;
        var fitted = new JsonObject();
        foreach (var member in given.EnumerateObject())
        {
            var name = WorkflowNames.Member(member.Name);
            var property = properties.FirstOrDefault(p => p.Name == name)
                ?? throw new MisfitException(path + member.Name, $"there is no such member; expected {Listed(properties)}");
            if (fitted.ContainsKey(name))
                throw new MisfitException(path + member.Name, "given twice");
            fitted[name] = Value(property, member.Value, path + member.Name);
        }
        return properties.FirstOrDefault(p => IsRequired(p) && !fitted.ContainsKey(p.Name)) is { } missing
            ? throw new MisfitException(path + JsonNames.ToSnake(missing.Name), $"missing; expected {Expected(missing.PropertyType)}")
            : fitted;
    }

    private static JsonNode? Value(JsonPropertyInfo property, JsonElement given, string path)
    {
        var type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
        foreach (var candidate in Candidates(given))
        {
            if (candidate.ValueKind == JsonValueKind.Null)
            {
                if (IsNullable(property))
                    return null;
            }
            else if (Shapes.GetTypeInfo(type).Kind == JsonTypeInfoKind.Object)
            {
                if (candidate.ValueKind == JsonValueKind.Object)
                    return Members(type, candidate, path + ".");
            }
            else if (Reads(type, candidate))
            {
                return JsonSerializer.SerializeToNode(candidate);
            }
        }
        throw new MisfitException(path, $"expected {Expected(type)}, found {Shown(given)}");
    }

    /// <summary>The value as it came; text also as the JSON that it spells.</summary>
    private static IEnumerable<JsonElement> Candidates(JsonElement given)
    {
        yield return given;
        if (given.ValueKind == JsonValueKind.String && TryParse(given.GetString()!, out var spelt))
            yield return spelt;
    }

    private static bool TryParse(string text, out JsonElement value)
    {
        try
        {
            value = JsonElement.Parse(text);
            return true;
        }
        catch (JsonException)
        {
            value = default;
            return false;
        }
    }

    private static bool Reads(Type type, JsonElement value)
    {
        try
        {
            value.Deserialize(type, Shapes);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static bool IsRequired(JsonPropertyInfo property) =>
        property.IsRequired || property.AssociatedParameter is { HasDefaultValue: false, IsMemberInitializer: false };

    private static bool IsNullable(JsonPropertyInfo property) =>
        property.PropertyType.IsValueType
            ? Nullable.GetUnderlyingType(property.PropertyType) is not null
            : property.AssociatedParameter?.IsNullable ?? property.IsSetNullable;

    private static string Listed(IEnumerable<JsonPropertyInfo> properties) =>
        string.Join(", ", properties.Select(p => JsonNames.ToSnake(p.Name))) is { Length: > 0 } names ? names : "none at all";

    private static string Expected(Type type) => (Nullable.GetUnderlyingType(type) ?? type) switch
    {
        { IsEnum: true } choice => $"one of {string.Join(", ", Enum.GetNames(choice))}",
        var t when t == typeof(string) => "text",
        var t when t == typeof(bool) => "true or false",
        var t when t == typeof(int) || t == typeof(long) => "a whole number",
        var t when t == typeof(double) || t == typeof(decimal) => "a number",
        var t when t == typeof(DateTimeOffset) => "a time such as 2026-11-21T05:20:00Z",
        var t when t == typeof(Guid) => "a UUID",
        var t when t == typeof(JsonElement) => "JSON",
        var t when t.IsArray || t.IsGenericType => "a list",
        _ => "an object",
    };

    private static string Shown(JsonElement value) => value.GetRawText() is { Length: > 60 } text ? text[..60] + "…" : value.GetRawText();

    private sealed class MisfitException(string member, string what) : Exception(member.Length == 0 ? $"Body: {what}." : $"'{member}': {what}.")
    {
        public string Member { get; } = member;
    }
}
