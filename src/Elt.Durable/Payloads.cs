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

    internal string Write<T>(T value, string what)
    {
        string json;
        try
        {
            json = JsonSerializer.Serialize(value, value?.GetType() ?? typeof(T), Options);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or InvalidOperationException)
        {
            throw new PayloadException($"{what} of type {typeof(T)} cannot be written as JSON: {e.Message}");
        }
        if (json.Length > limitBytes / 3 && Encoding.UTF8.GetByteCount(json) is var bytes && bytes > limitBytes)
            throw new PayloadException($"{what} of type {typeof(T)} takes {bytes:N0} bytes, the limit is {limitBytes:N0}. Return a reference to the data instead.");
        return json;
    }

    internal static T Read<T>(string json, string what) => (T)Read(json, typeof(T), what)!;

    internal static object? Read(string json, Type type, string what)
    {
        try
        {
            return JsonSerializer.Deserialize(json, type, Options);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or InvalidOperationException or ArgumentException)
        {
            throw new PayloadException($"{what} cannot be read as {type.Name}: {e.Message}");
        }
    }

    /// <summary>Whether two payloads mean the same; the order of members and white space do not count.</summary>
    internal static bool AreSame(string left, string right) =>
        left == right || JsonNode.DeepEquals(JsonNode.Parse(left), JsonNode.Parse(right));
}
