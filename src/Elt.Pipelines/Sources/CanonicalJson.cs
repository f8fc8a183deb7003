using System.Buffers;
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
    private static readonly SearchValues<char> Escaped = SearchValues.Create([.. "\"\\", .. Enumerable.Range(0, ' ').Select(c => (char)c)]);

    /// <summary>The canonical text of a value.</summary>
    /// <param name="value">The value.</param>
    /// <param name="include">Which members of the outermost object to write; default all. Without any the result is <see langword="null"/>.</param>
    public static string? Write(JsonElement value, Func<string, bool>? include = null)
    {
        var text = new StringBuilder(256);
        if (include is null)
            Write(text, value);
        else if (Members(value, include) is { Count: > 0 } members)
            WriteObject(text, members);
        return text.Length == 0 ? null : text.ToString();
    }

    private static void Write(StringBuilder text, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                WriteObject(text, Members(value));
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

    private static void WriteObject(StringBuilder text, List<Member> members)
    {
        text.Append('{');
        var separator = "";
        for (var i = 0; i < members.Count; i++)
        {
            var member = members[i];
            if (i + 1 < members.Count && members[i + 1].Name == member.Name)
                continue;
            text.Append(separator);
            WriteString(text, member.Name);
            text.Append(':');
            Write(text, member.Value);
            separator = ",";
        }
        text.Append('}');
    }

    private static List<Member> Members(JsonElement value, Func<string, bool>? include = null)
    {
        var members = new List<Member>();
        var place = 0;
        foreach (var member in value.EnumerateObject())
        {
            if (member.Name is var name && (include is null || include(name)))
                members.Add(new Member(name, place++, member.Value));
        }
        members.Sort(static (a, b) => string.CompareOrdinal(a.Name, b.Name) is not 0 and var order ? order : a.Place.CompareTo(b.Place));
        return members;
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
        var rest = value.AsSpan();
        while (rest.IndexOfAny(Escaped) is >= 0 and var next)
        {
            text.Append(rest[..next]).Append('\\');
            if (rest[next] is '"' or '\\')
                text.Append(rest[next]);
            else
                text.Append(CultureInfo.InvariantCulture, $"u{(int)rest[next]:x4}");
            rest = rest[(next + 1)..];
        }
        text.Append(rest).Append('"');
    }

    // Postgres refuses numbers that its numeric cannot hold; a zero may carry any exponent, so one with an exponent counts as such.
    private static bool IsStorable(string number) =>
        number.Length <= 400
        && double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
        && double.IsFinite(value)
        && (value != 0 || number.AsSpan().IndexOfAny('e', 'E') < 0);

    private readonly record struct Member(string Name, int Place, JsonElement Value);
}
