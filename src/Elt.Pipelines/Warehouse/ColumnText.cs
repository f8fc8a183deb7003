using System.Globalization;
using System.Text.RegularExpressions;

namespace Elt.Pipelines.Warehouse;

/// <summary>
/// One spelling for each value of a typed column, from the source to the destination: what means the same is equal byte by byte, and no digit is
/// lost on the way.
/// </summary>
internal static partial class ColumnText
{
    private const int MaxDigits = 1000;

    /// <summary>The spelling of a value, or <see langword="null"/> when it is none of the column's kind.</summary>
    /// <param name="kind">What the column holds.</param>
    /// <param name="text">The value as it came.</param>
    public static string? Canonical(ColumnKind kind, string text) => kind switch
    {
        ColumnKind.Integer => Decimal(text) is { } number && long.TryParse(number, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _) ? number : null,
        ColumnKind.Decimal => Decimal(text),
        ColumnKind.Boolean => Boolean(text.Trim()),
        ColumnKind.Timestamp => Timestamp(text.Trim()),
        _ => text,
    };

    // 1.50, 15e-1 and +1.5 are one number.
    private static string? Decimal(string text)
    {
        var match = Number().Match(text);
        if (!match.Success || !int.TryParse("0" + match.Groups["exponent"].Value, CultureInfo.InvariantCulture, out var exponent))
            return null;
        var whole = match.Groups["whole"].Value;
        var all = whole + match.Groups["fraction"].Value;
        var point = (long)whole.Length + (match.Groups["minus"].Success ? -exponent : exponent);
        var digits = all.TrimStart('0');
        point -= all.Length - digits.Length;
        digits = digits.TrimEnd('0');
        if (digits.Length == 0)
            return all.Length == 0 ? null : "0";
        if (Math.Max(point, digits.Length) - Math.Min(point, 0) > MaxDigits)
            return null;
        return match.Groups["sign"].Value.Replace("+", "", StringComparison.Ordinal) + Placed(digits, (int)point);
    }

    private static string Placed(string digits, int point) =>
        point <= 0 ? $"0.{new string('0', -point)}{digits}"
        : point >= digits.Length ? digits.PadRight(point, '0')
        : $"{digits[..point]}.{digits[point..]}";

    private static string? Boolean(string text) =>
        text.Equals("true", StringComparison.OrdinalIgnoreCase) || text == "1" ? "1"
        : text.Equals("false", StringComparison.OrdinalIgnoreCase) || text == "0" ? "0"
        : null;

    // UTC where no zone is named; of what is finer than a microsecond Postgres would keep nothing.
    private static string? Timestamp(string text) =>
        Instant().IsMatch(text) && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'", CultureInfo.InvariantCulture)
            : null;

    [GeneratedRegex(@"^\s*(?<sign>[+-]?)(?<whole>[0-9]*)(\.(?<fraction>[0-9]*))?([eE]((?<minus>-)|\+)?(?<exponent>[0-9]{1,8}))?\s*$", RegexOptions.ExplicitCapture)]
    private static partial Regex Number();

    [GeneratedRegex(@"^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?\s?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?)?$", RegexOptions.ExplicitCapture)]
    private static partial Regex Instant();
}
