using System.Globalization;
using System.Numerics;
using Elt.Pipelines.Sources.Manifests;

namespace Elt.Pipelines.Sources;

/// <summary>The one spelling of a value of each type.</summary>
internal static class FieldText
{
    /// <summary>A text as a value of a type, or <see langword="null"/> when it is none.</summary>
    public static string? Of(string text, FieldType type) => type switch
    {
        FieldType.Text or FieldType.Any => text,
        FieldType.Integer => Integer(text),
        FieldType.Number => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? text : null,
        FieldType.Boolean => text is "true" or "false" ? text : null,
        _ => Time(text)?.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture),
    };

    /// <summary>A time, UTC where it names no zone.</summary>
    public static DateTimeOffset? Time(string text) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? time.ToUniversalTime() : null;

    // 1, 1.0 and "1" are one number; digits are kept, however many.
    private static string? Integer(string text)
    {
        var whole = text.IndexOf('.', StringComparison.Ordinal) is var dot and > 0 && text.AsSpan(dot + 1).TrimEnd('0').IsEmpty ? text[..dot] : text;
        return BigInteger.TryParse(whole, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? number.ToString(CultureInfo.InvariantCulture)
            : null;
    }
}
