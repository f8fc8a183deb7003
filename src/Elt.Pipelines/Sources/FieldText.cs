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

    /// <summary>A time with its date, UTC where it names no zone.</summary>
    public static DateTimeOffset? Time(string text) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) && NamesDay(text) ? time.ToUniversalTime() : null;

    /// <summary>
    /// A time in UTC, where it names no zone itself and another one is stated. Of an hour that comes twice, as clocks are put back, it is the first; in the hour
    /// that clocks leave out, it is counted on from before that. What is no time stays as it is.
    /// </summary>
    public static string InUtc(string text, TimeZoneInfo? zone)
    {
        if (zone is null || !NamesDay(text) || !DateTime.TryParse(text, CultureInfo.InvariantCulture, out var local) || local.Kind != DateTimeKind.Unspecified)
            return text;
        var offset = zone.IsAmbiguousTime(local) ? zone.GetAmbiguousTimeOffsets(local).Max() : zone.GetUtcOffset(local);
        var ticks = local.Ticks - offset.Ticks;
        return ticks < 0 || ticks > DateTime.MaxValue.Ticks ? text : new DateTime(ticks).ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture);
    }

    // A time without a day would be another one each day that it is read.
    private static bool NamesDay(string text) =>
        (text.Length > 4 && text[4] == '-')
        || (DateTime.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.None, out var here)
            && DateTime.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.NoCurrentDateDefault, out var anywhere) && here == anywhere);

    // 1, 1.0 and "1" are one number; digits are kept, however many.
    private static string? Integer(string text)
    {
        var whole = text.IndexOf('.', StringComparison.Ordinal) is var dot and > 0 && text.AsSpan(dot + 1).TrimEnd('0').IsEmpty ? text[..dot] : text;
        return BigInteger.TryParse(whole, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? number.ToString(CultureInfo.InvariantCulture)
            : null;
    }
}
