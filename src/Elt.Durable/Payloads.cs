using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Elt.Durable;

/// <summary>How inputs and results become JSON: one setting for the whole engine.</summary>
/// <param name="limitBytes">Largest payload in UTF-8 bytes.</param>
internal sealed class Payloads(int limitBytes)
{
    /// <summary>Strict on the way in, so that a misspelt or missing member is an error and not a default.</summary>
    internal static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        NumberHandling = JsonNumberHandling.Strict,
        Converters = { new JsonStringEnumConverter() },
    };

    /// <param name="value">What to write.</param>
    /// <param name="what">What it is, for errors.</param>
    /// <param name="of">Whose it is, for errors; put together only when there is one.</param>
    internal string Write<T>(T value, string what, string? of = null)
    {
        string json;
        try
        {
            json = typeof(T).IsValueType ? JsonSerializer.Serialize(value, Options) : JsonSerializer.Serialize(value, value?.GetType() ?? typeof(T), Options);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or InvalidOperationException)
        {
            throw new PayloadException($"{Name(what, of)} of type {typeof(T)} cannot be written as JSON: {e.Message}");
        }
        if (json.Length > limitBytes / 3 && Encoding.UTF8.GetByteCount(json) is var bytes && bytes > limitBytes)
            throw new PayloadException($"{Name(what, of)} of type {typeof(T)} takes {bytes:N0} bytes, the limit is {limitBytes:N0}. Return a reference to the data instead.");
        return json;
    }

    internal static T Read<T>(string json, string what, string? of = null) =>
        Read(static (text, _) => JsonSerializer.Deserialize<T>(text, Options)!, json, typeof(T), what, of);

    internal static object? Read(string json, Type type, string what, string? of = null) =>
        Read(static (text, type) => JsonSerializer.Deserialize(text, type, Options), json, type, what, of);

    private static T Read<T>(Func<string, Type, T> read, string json, Type type, string what, string? of)
    {
        try
        {
            return read(json, type);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or InvalidOperationException or ArgumentException)
        {
            throw new PayloadException($"{Name(what, of)} cannot be read as {type.Name}: {e.Message}");
        }
    }

    private static string Name(string what, string? of) => of is null ? what : $"{what} '{of}'";

    /// <summary>Whether two payloads mean the same; the order of members and white space do not count.</summary>
    internal static bool AreSame(string left, string right) =>
        left == right || JsonNode.DeepEquals(JsonNode.Parse(left), JsonNode.Parse(right));
}
