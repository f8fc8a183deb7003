using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Quality.Rules;

/// <summary>Checks what the form of rules alone does not: ids, fields, arguments, and actions that fit.</summary>
internal static class RuleCheck
{
    // What the mapping itself calls its reasons.
    private static readonly string[] Taken = ["key", "line", "type", "required", "length", "new_field"];

    /// <summary>All problems as <c>JSON path: expected …, found …</c>.</summary>
    public static IEnumerable<string> Problems(Manifest manifest, Dataset dataset)
    {
        var ids = new HashSet<string>(Taken, StringComparer.Ordinal);
        var columns = dataset.Columns.Select(column => column.Name).ToList();
        var unkept = dataset.Columns.Any(column => column.Kind == ColumnKind.RemainingMembers) ? manifest.TakenMembers() : null;
        if (manifest.Quality.Weights?.IsUsable == false)
            yield return "$.quality.weights: expected numbers from 0 to 1000, not all 0.";
        foreach (var (i, rule) in manifest.Quality.Rules.Index())
        {
            foreach (var problem in Problems(rule, ids, columns, dataset).Concat(StagedProblems(rule, manifest, columns, unkept)))
                yield return $"$.quality.rules[{i}].{problem}";
        }
    }

    private static IEnumerable<string> Problems(QualityRule rule, HashSet<string> ids, List<string> columns, Dataset dataset)
    {
        if (string.IsNullOrWhiteSpace(rule.Id) || rule.Id.Length > 100)
            yield return "id: expected 1 to 100 characters, not all blank.";
        else if (!ids.Add(rule.Id))
            yield return $"id: expected one that no other rule has, and none of {string.Join(", ", Taken)}; found '{rule.Id}'.";
        if (FieldProblem(rule, columns) is { } field)
            yield return field;
        if (rule.Misuse() is { } misuse)
            yield return misuse;
        if (ActionProblem(rule, columns) is { } action)
            yield return action;
        if (rule.Default is { } value && dataset.Columns.FirstOrDefault(column => column.Name == rule.Field)?.Kind is { } kind && DefaultProblem(kind, value) is { } other)
            yield return other;
        if (rule.Threshold is { } limit && (limit.Count is null == limit.Rate is null || limit.Count < 0 || limit.Rate is < 0 or > 1))
            yield return "threshold: expected either a count from 0 or a rate from 0 to 1.";
    }

    /// <summary>What rules that go by staged rows cannot do, since only columns and attributes are staged.</summary>
    private static IEnumerable<string> StagedProblems(QualityRule rule, Manifest manifest, List<string> columns, HashSet<string>? unkept)
    {
        if (rule is FreshnessRule && manifest.UpdatedAt is null)
            yield return "kind: expected updatedAt in the connector, which says when a record was changed.";
        if (rule is ReferenceRule { To: { } to } && to is not ['/', _, ..] && !columns.Contains(to))
            yield return $"to: expected one of the columns {string.Join(", ", columns)}, or a JSON Pointer into the record, found '{to}'.";
        if (rule is RunRule && rule.Threshold is not null)
            yield return "threshold: expected nothing, since the rule is not on rows.";
        foreach (var (name, field) in rule is AmongRowsRule or NullRateRule ? [("field", rule.Field), ("to", (rule as ReferenceRule)?.To)] : Array.Empty<(string, string?)>())
        {
            if (field is ['/', _, ..] && (field.Contains('"', StringComparison.Ordinal) || unkept?.Contains(JsonPointer.Parts(field).First()) != false))
                yield return $"{name}: expected a column, or a JSON Pointer to what is kept among the attributes, found '{field}'.";
        }
    }

    private static string? FieldProblem(QualityRule rule, List<string> columns) => rule is RowCountRule or FreshnessRule
        ? rule.Field is null ? null : "field: expected nothing, since the rule is on the run."
        : rule.Field is { } field && (field is ['/', _, ..] || columns.Contains(field))
            ? null
            : $"field: expected one of the columns {string.Join(", ", columns)}, or a JSON Pointer into the record, found {Named(rule.Field)}.";

    private static string? ActionProblem(QualityRule rule, List<string> columns) => rule.Acts switch
    {
        not (RuleAction.Keep or RuleAction.FailRun) when !rule.JudgesRows => "action: expected keep or failRun, since the rule is not on rows.",
        RuleAction.SetNull or RuleAction.Default when !columns.Contains(rule.Field!) => $"action: expected keep, quarantine or failRun, since '{rule.Field}' is no column.",
        RuleAction.SetNull when rule is RequiredRule => "action: expected keep, default, quarantine or failRun for a value that is missing, found setNull.",
        RuleAction.Default when rule.Default is null => "default: expected the value to use instead, found none.",
        not RuleAction.Default when rule.Default is not null => "default: expected nothing unless action is default.",
        _ => null,
    };

    // Nothing converts it on its way to the destination.
    private static string? DefaultProblem(ColumnKind kind, string value) => kind is ColumnKind.Json or ColumnKind.RemainingMembers
        ? "default: expected nothing, since the column holds JSON."
        : ColumnText.Canonical(kind, value) is var kept && kept == value
            ? null
            : $"default: expected {(kept is null ? kind.ToString().ToLowerInvariant() : $"the spelling '{kept}'")}, found '{value}'.";

    private static string Named(string? name) => name is null ? "none" : $"'{name}'";
}
