using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace Elt.Pipelines.Sources;

/// <summary>
/// The one place that makes text storable. Text is kept as it came, except for what no Unicode text may hold or Postgres refuses: NUL
/// (<c>\u0000</c>), lone surrogates and bytes that are not UTF-8 become U+FFFD, the replacement character.
/// </summary>
internal static class StorableJson
{
    /// <summary>Repairs JSON text in place where that is possible, and returns it without byte order mark.</summary>
    public static ReadOnlyMemory<byte> Repair(Memory<byte> json)
    {
        if (json.Span.StartsWith("\uFEFF"u8))
            json = json[3..];
        if (!Utf8.IsValid(json.Span))
            json = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(json.Span));
        RepairEscapes(json.Span);
        return json;
    }

    private static void RepairEscapes(Span<byte> json)
    {
        var at = 0;
        while (json[at..].IndexOf((byte)'\\') is var next and >= 0)
        {
            at += next;
            if (Escaped(json, at) is not { } unit)
                at = Math.Min(at + 2, json.Length);
            else if (char.IsHighSurrogate(unit) && Escaped(json, at + 6) is { } low && char.IsLowSurrogate(low))
                at += 12;
            else
            {
                if (unit == 0 || char.IsSurrogate(unit))
                    "FFFD"u8.CopyTo(json[(at + 2)..]);
                at += 6;
            }
        }
    }

    /// <summary>The UTF-16 unit of the escape <c>\uXXXX</c> at a position, or <see langword="null"/> when there is none.</summary>
    private static char? Escaped(Span<byte> json, int at) =>
        at + 6 <= json.Length && json[at] == '\\' && json[at + 1] == 'u'
        && ushort.TryParse(json.Slice(at + 2, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var unit)
            ? (char)unit
            : null;
}
