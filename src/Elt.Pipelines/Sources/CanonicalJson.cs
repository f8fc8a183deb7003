using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Elt.Pipelines.Sources;

/// <summary>
/// One spelling for JSON that means the same: members sorted, the last of equal ones, no white space, nothing escaped that need not be
/// (the framework's writer escapes emoji). What is stored changes only when the value does.
/// </summary>
internal static class CanonicalJson
{
    /// <summary>The canonical text of a value.</summary>
    /// <param name="value">The value.</param>
    /// <param name="include">Which members of the outermost object to write; default all. Without any the result is <see langword="null"/>.</param>
    public static string? Write(JsonElement value, Func<string, bool>? include = null)
    {
        if (include is not null && !value.EnumerateObject().Any(member => include(member.Name)))
            return null;
        var text = new StringBuilder();
        Write(text, value, include);
        return text.ToString();
    }

    private static void Write(StringBuilder text, JsonElement value, Func<string, bool>? include = null)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                WriteObject(text, value, include);
                break;
            case JsonValueKind.Array:
                WriteArray(text, value);
                break;
            case JsonValueKind.String:
                WriteString(text, value.GetString()!);
                break;
            case JsonValueKind.Number when !IsStorable(value.GetRawText()):
                WriteString(text, value.GetRawText());
                break;
            default:
                text.Append(value.GetRawText());
                break;
        }
    }

    private static void WriteObject(StringBuilder text, JsonElement value, Func<string, bool>? include)
    {
        var members = new SortedDictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var member in value.EnumerateObject())
        {
            if (include is null || include(member.Name))
                members[member.Name] = member.Value;
        }
        var separator = '{';
        foreach (var (name, member) in members)
        {
            text.Append(separator);
            WriteString(text, name);
            text.Append(':');
            Write(text, member);
            separator = ',';
        }
        text.Append(members.Count == 0 ? "{}" : "}");
    }

    private static void WriteArray(StringBuilder text, JsonElement value)
    {
        text.Append('[');
        foreach (var (i, item) in value.EnumerateArray().Index())
        {
            if (i > 0)
                text.Append(',');
            Write(text, item);
        }
        text.Append(']');
    }

    private static void WriteString(StringBuilder text, string value)
    {
        text.Append('"');
        foreach (var c in value)
        {
            if (c is '"' or '\\')
                text.Append('\\').Append(c);
            else if (c < ' ')
                text.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else
                text.Append(c);
        }
        text.Append('"');
    }

    // Postgres refuses numbers that its numeric cannot hold; a zero may carry any exponent, so one with an exponent counts as such.
    private static bool IsStorable(string number) =>
        number.Length <= 400
        && double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
        && double.IsFinite(value)
        && (value != 0 || number.AsSpan().IndexOfAny('e', 'E') < 0);
}
