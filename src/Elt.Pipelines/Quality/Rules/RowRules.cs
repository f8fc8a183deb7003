using System.Globalization;
using System.Text.RegularExpressions;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Sources.Manifests;

namespace Elt.Pipelines.Quality.Rules;

/// <summary>A rule on one value, whatever the other rows hold. All but <see cref="RequiredRule"/> let a row without the value pass.</summary>
internal abstract record RowRule : QualityRule
{
    /// <summary>What was expected and found, without the value itself; <see langword="null"/> when the value passes.</summary>
    public virtual string? Failure(string? value) => value is null || Passes(value) ? null : $"Expected {Expectation}, found {Found(value)}.";

    protected abstract string Expectation { get; }

    protected abstract bool Passes(string value);

    // No values: they may be personal data, and reasons are shown in lists and logs.
    protected virtual string Found(string value) => $"a text of {Characters(value)} characters";

    protected static int Characters(string value) => value.EnumerateRunes().Count();
}

/// <summary>There is a value, and it is not blank.</summary>
internal sealed record RequiredRule : RowRule
{
    internal override string Kind => "required";

    protected override string Expectation => "a value";

    public override string? Failure(string? value) =>
        value is null ? "Expected a value, found none." : string.IsNullOrWhiteSpace(value) ? "Expected a value, found a blank text." : null;

    protected override bool Passes(string value) => !string.IsNullOrWhiteSpace(value);
}

/// <summary>The value can be read as a type.</summary>
internal sealed record TypeRule(FieldType Type) : RowRule
{
    internal override string Kind => "type";

    protected override string Expectation => Type.ToString().ToLowerInvariant();

    protected override bool Passes(string value) => FieldText.Of(value, Type) is not null;
}

/// <summary>The value has a form that is known by name.</summary>
internal sealed partial record FormatRule(ValueFormat Format) : RowRule
{
    private const int MaxEmail = 254;

    internal override string Kind => "format";

    protected override string Expectation => Format switch
    {
        ValueFormat.Email => "an email address",
        ValueFormat.Url => "an absolute http or https address",
        ValueFormat.Uuid => "a UUID",
        _ => "a date as yyyy-MM-dd",
    };

    protected override bool Passes(string value) => Format switch
    {
        ValueFormat.Email => value.Length <= MaxEmail && Email().IsMatch(value),
        ValueFormat.Url => Uri.TryCreate(value, UriKind.Absolute, out var url) && url.Scheme is "http" or "https",
        ValueFormat.Uuid => Guid.TryParseExact(value, "D", out _),
        _ => DateOnly.TryParseExact(value, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _),
    };

    [GeneratedRegex(@"\A[^\s@]{1,64}@[^\s@.]+(\.[^\s@.]+)+\z", RegexOptions.NonBacktracking)]
    private static partial Regex Email();
}

internal enum ValueFormat
{
    /// <summary>One @ between a name of at most 64 characters and a domain of at least two parts; any script.</summary>
    Email,

    /// <summary>Absolute, http or https.</summary>
    Url,

    /// <summary>32 hexadecimal digits in five groups.</summary>
    Uuid,

    /// <summary>A day as yyyy-MM-dd.</summary>
    Date,
}

/// <summary>A regular expression finds a match; anchor it to fit the whole value. Without lookarounds and backreferences: it takes time by the value's length only.</summary>
internal sealed record RegexRule(string Pattern) : RowRule
{
    private const int MaxPattern = 1000;
    private const int MaxRepeats = 1000;

    // So long that a value within the mapping's limits does not come near it on a busy machine: a page that is tried again must give the same.
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    private Regex? _regex;

    internal override string Kind => "regex";

    protected override string Expectation => "what the pattern matches";

    public override string? Misuse()
    {
        if (Pattern.Length > MaxPattern)
            return $"pattern: expected at most {MaxPattern} characters, found {Pattern.Length}.";
        // Nested repeats multiply: a short pattern could take all memory.
        var repeats = Regex.Matches(Pattern, @"\{(\d+)(?:,(\d*))?\}", RegexOptions.NonBacktracking)
            .Aggregate(1d, (product, match) => product * Math.Max(1, double.Parse(match.Groups[2].Length > 0 ? match.Groups[2].Value : match.Groups[1].Value, CultureInfo.InvariantCulture)));
        if (repeats > MaxRepeats)
            return $"pattern: expected repeats {{n}} that multiply to at most {MaxRepeats}.";
        try
        {
            _regex = Compiled();
            return null;
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            return $"pattern: expected a regular expression without lookarounds and backreferences, found one that cannot be used: {e.Message}";
        }
    }

    protected override bool Passes(string value)
    {
        try
        {
            return (_regex ??= Compiled()).IsMatch(value);
        }
        catch (RegexMatchTimeoutException)
        {
            return false;
        }
    }

    private Regex Compiled() => new(Pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant, Timeout);
}

/// <summary>The value has so many characters.</summary>
internal sealed record LengthRule : RowRule
{
    /// <summary>At least so many. Default no limit.</summary>
    public int? Min { get; init; }

    /// <summary>At most so many. Default no limit.</summary>
    public int? Max { get; init; }

    internal override string Kind => "length";

    protected override string Expectation => $"{Bounds.Text(Min, Max)} characters";

    protected override string Found(string value) => $"{Characters(value)}";

    public override string? Misuse() => Bounds.Misuse(Min, Max);

    protected override bool Passes(string value) => Characters(value) is var length && !(length < Min) && !(length > Max);
}

/// <summary>The value is a number, or a time, within bounds; the bounds pass.</summary>
internal sealed record RangeRule : RowRule
{
    /// <summary>Least number. Default no limit.</summary>
    public decimal? Min { get; init; }

    /// <summary>Greatest number. Default no limit.</summary>
    public decimal? Max { get; init; }

    /// <summary>Earliest time, ISO 8601, instead of numbers. Default no limit.</summary>
    public DateTimeOffset? NotBefore { get; init; }

    /// <summary>Latest time, ISO 8601, instead of numbers. Default no limit.</summary>
    public DateTimeOffset? NotAfter { get; init; }

    internal override string Kind => "range";

    protected override string Expectation => IsOfTimes ? $"a time {Bounds.Text(NotBefore, NotAfter)}" : $"a number {Bounds.Text(Min, Max)}";

    private bool IsOfTimes => NotBefore is not null || NotAfter is not null;

    protected override string Found(string value) => IsOfTimes || Number(value) is null ? base.Found(value) : "another number";

    public override string? Misuse() => IsOfTimes && (Min is not null || Max is not null)
        ? "min: expected either min and max or notBefore and notAfter."
        : IsOfTimes ? Bounds.Misuse(NotBefore, NotAfter) : Bounds.Misuse(Min, Max);

    protected override bool Passes(string value) => IsOfTimes
        ? FieldText.Time(value) is { } time && !(time < NotBefore) && !(time > NotAfter)
        : Number(value) is { } number && !(number < Min) && !(number > Max);

    private static decimal? Number(string value) => decimal.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : null;
}

/// <summary>The value is one of a list, letter by letter.</summary>
internal sealed record EnumRule(IReadOnlyList<string> Values) : RowRule
{
    internal override string Kind => "enum";

    protected override string Expectation => $"one of {Values.Count} values";

    public override string? Misuse() => Values.Count == 0 ? "values: expected at least one, found none." : null;

    protected override bool Passes(string value) => Values.Contains(value, StringComparer.Ordinal);
}

/// <summary>Least and greatest values.</summary>
internal static class Bounds
{
    public static string Text<T>(T? least, T? greatest)
        where T : struct, IFormattable => (Text(least), Text(greatest)) switch
        {
            ({ } from, null) => $"from {from}",
            (null, { } to) => $"up to {to}",
            var (from, to) => $"from {from} to {to}",
        };

    /// <summary>What is wrong with them.</summary>
    public static string? Misuse<T>(T? least, T? greatest)
        where T : struct, IFormattable, IComparable<T> => (least, greatest) switch
        {
            (null, null) => "min: expected a least or a greatest value, found neither.",
            ({ } from, { } to) when from.CompareTo(to) > 0 => $"min: expected at most the greatest value {Text(greatest)}, found {Text(least)}.",
            _ => null,
        };

    private static string? Text<T>(T? bound)
        where T : struct, IFormattable => bound?.ToString(bound is DateTimeOffset ? "u" : null, CultureInfo.InvariantCulture);
}
