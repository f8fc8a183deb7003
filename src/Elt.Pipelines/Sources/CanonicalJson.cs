using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Elt.Pipelines.Sources;

/// <summary>
/// One spelling for JSON that means the same: members sorted, the last of equal ones, no white space, no needless escapes. What is stored
/// changes only when the value does.
/// </summary>
internal static class CanonicalJson
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The canonical text of a value.</summary>
    /// <param name="value">The value.</param>
    /// <param name="include">Which members of the outermost object to write; default all. Without any the result is <see langword="null"/>.</param>
    public static string? Write(JsonElement value, Func<string, bool>? include = null)
    {
        if (include is not null && !value.EnumerateObject().Any(member => include(member.Name)))
            return null;
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Options))
            Write(writer, value, include);
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static void Write(Utf8JsonWriter writer, JsonElement value, Func<string, bool>? include = null)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                WriteObject(writer, value, include);
                break;
            case JsonValueKind.Array:
                writer.WriteStartArray();
                foreach (var item in value.EnumerateArray())
                    Write(writer, item);
                writer.WriteEndArray();
                break;
            case JsonValueKind.Number when !IsStorable(value.GetRawText()):
                writer.WriteStringValue(value.GetRawText());
                break;
            default:
                value.WriteTo(writer);
                break;
        }
    }

    private static void WriteObject(Utf8JsonWriter writer, JsonElement value, Func<string, bool>? include)
    {
        var members = new SortedDictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var member in value.EnumerateObject())
        {
            if (include is null || include(member.Name))
                members[member.Name] = member.Value;
        }
        writer.WriteStartObject();
        foreach (var (name, member) in members)
        {
            writer.WritePropertyName(name);
            Write(writer, member);
        }
        writer.WriteEndObject();
    }

    // Postgres refuses numbers that its numeric cannot hold; such a number is kept as text.
    private static bool IsStorable(string number) =>
        number.Length <= 400
        && double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
        && double.IsFinite(value)
        && (value != 0 || !number.AsSpan().TrimStart('-').ContainsAnyInRange('1', '9') || number.AsSpan().IndexOfAny('e', 'E') < 0);
}
