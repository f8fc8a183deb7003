using System.Text.Json;
using System.Text.Json.Serialization;

namespace Elt.Pipelines.Quality.Rules;

/// <summary>Rules on the quality of records, beside what the mapping itself expects. They are looked at in this order, all of them.</summary>
internal sealed record QualityRules
{
    /// <summary>The rules. Default none.</summary>
    public IReadOnlyList<QualityRule> Rules { get; init; } = [];

    /// <summary>What each dimension counts in the weighted score. Default as <see cref="QualityWeights"/> says.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public QualityWeights? Weights { get; init; }

    /// <summary>Whether a row may have to go to quarantine when it is staged already.</summary>
    internal bool MayQuarantineLater => Rules.Any(rule => rule is AmongRowsRule { Quarantines: true });

    /// <summary>These rules, then further ones; one of them with the id of a rule that is there stands in its place, as their weights do.</summary>
    public QualityRules With(QualityRules further) => new()
    {
        Weights = further.Weights ?? Weights,
        Rules = [.. Rules.Where(rule => further.Rules.All(other => other.Id != rule.Id)), .. further.Rules],
    };
}

/// <summary>What each dimension of quality counts in the weighted score, in proportion to those that are looked at; 0 to 1000, not all 0.</summary>
internal sealed record QualityWeights
{
    /// <summary>What is required is there. Default 3.</summary>
    public decimal Completeness { get; init; } = 3;

    /// <summary>What is there has the form that it should have. Default 4.</summary>
    public decimal Validity { get; init; } = 4;

    /// <summary>Nothing is there twice that should not be. Default 2.</summary>
    public decimal Uniqueness { get; init; } = 2;

    /// <summary>Something has changed lately. Default 1.</summary>
    public decimal Freshness { get; init; } = 1;

    /// <summary>Whether they can be used.</summary>
    [JsonIgnore]
    public bool IsUsable => new[] { Completeness, Validity, Uniqueness, Freshness } is var all && all.All(weight => weight is >= 0 and <= 1000) && all.Any(weight => weight > 0);
}

/// <summary>A rule: of a row, of a row among all others, or of the run as a whole.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(RequiredRule), "required")]
[JsonDerivedType(typeof(TypeRule), "type")]
[JsonDerivedType(typeof(FormatRule), "format")]
[JsonDerivedType(typeof(RegexRule), "regex")]
[JsonDerivedType(typeof(LengthRule), "length")]
[JsonDerivedType(typeof(RangeRule), "range")]
[JsonDerivedType(typeof(EnumRule), "enum")]
[JsonDerivedType(typeof(UniqueRule), "unique")]
[JsonDerivedType(typeof(ReferenceRule), "reference")]
[JsonDerivedType(typeof(RowCountRule), "rowCount")]
[JsonDerivedType(typeof(NullRateRule), "nullRate")]
[JsonDerivedType(typeof(FreshnessRule), "freshness")]
internal abstract record QualityRule
{
    /// <summary>What issues and reasons name it by; once among the rules of a connector.</summary>
    public required string Id { get; init; }

    /// <summary>A column, as the mapping filled it; or a JSON Pointer into the record as it came, such as <c>/manager/id</c>.</summary>
    public string? Field { get; init; }

    /// <summary>How bad it is to fail it. Records that fail an error or critical rule are not valid and lower the score. Default error.</summary>
    public Severity Severity { get; init; } = Severity.Error;

    /// <summary>What becomes of a row that fails. Default by severity: info and warning keep it, error quarantines it, critical fails the run.</summary>
    public RuleAction? Action { get; init; }

    /// <summary>The value that the action <c>default</c> puts in the place of the one that fails.</summary>
    public string? Default { get; init; }

    /// <summary>The run fails when more rows fail. Default no limit; with the action <c>failRun</c> none may.</summary>
    public Threshold? Threshold { get; init; }

    /// <summary>What it is called in issues.</summary>
    internal abstract string Kind { get; }

    /// <summary>Whether records that fail it are not valid.</summary>
    internal bool LowersScore => Severity is Severity.Error or Severity.Critical;

    /// <summary>Whether it is a rule on what single rows hold.</summary>
    internal virtual bool JudgesRows => true;

    /// <summary>The action that it has, stated or not.</summary>
    internal RuleAction Acts => Action ?? Severity switch
    {
        Severity.Info or Severity.Warning => RuleAction.Keep,
        Severity.Error => JudgesRows ? RuleAction.Quarantine : RuleAction.Keep,
        _ => RuleAction.FailRun,
    };

    /// <summary>Whether rows that fail are not taken.</summary>
    internal bool Quarantines => Acts is RuleAction.Quarantine or RuleAction.FailRun;

    /// <summary>The limit that it has, stated or not.</summary>
    internal Threshold? Limit => Threshold ?? (Acts == RuleAction.FailRun ? new Threshold { Count = 0 } : null);

    /// <summary>What is wrong with its arguments as <c>argument: expected …, found …</c>; <see langword="null"/> when nothing is.</summary>
    public virtual string? Misuse() => null;
}

internal enum Severity
{
    Info,
    Warning,
    Error,
    Critical,
}

internal enum RuleAction
{
    /// <summary>The row is taken as it is.</summary>
    Keep,

    /// <summary>The row is taken without the value.</summary>
    SetNull,

    /// <summary>The row is taken with the rule's default in place of the value.</summary>
    Default,

    /// <summary>The row goes to quarantine.</summary>
    Quarantine,

    /// <summary>The row goes to quarantine, and the run fails once more rows fail than the threshold allows.</summary>
    FailRun,
}

internal static class RuleNames
{
    /// <summary>The name as tables, answers and messages have it: <c>set_null</c>.</summary>
    public static string Name(this Enum value) => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());
}

/// <summary>How many rows may fail a rule before the run does; one of the two.</summary>
internal sealed record Threshold
{
    /// <summary>So many.</summary>
    public long? Count { get; init; }

    /// <summary>Such a share of those read, 0 to 1.</summary>
    public double? Rate { get; init; }

    /// <summary>Whether more have failed.</summary>
    public bool IsPassed(long failed, long read) => Count is { } count ? failed > count : failed > Rate * read;

    /// <inheritdoc/>
    public override string ToString() => Count is { } count ? $"{count}" : $"{Rate:P0}";
}
