using System.Text.Json;
using Elt.Pipelines.Quality.Rules;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Quality;

/// <summary>
/// Looks at the values of one record, rule by rule. What a rule puts in the place of a value is what later rules see, what is compared with latest, and
/// the same however often the page is read.
/// </summary>
internal sealed class RowQuality(QualityRules rules, Dataset dataset)
{
    private readonly (RowRule Rule, int Column)[] _rules =
        [.. rules.Rules.OfType<RowRule>().Select(rule => (rule, dataset.Columns.Select(column => column.Name).ToList().IndexOf(rule.Field!)))];

    /// <summary>Adds all rules that the record fails to its problems, and does to its values what they say.</summary>
    public void Apply(JsonElement record, string?[] values, List<RecordProblem> problems)
    {
        if (_rules.Length == 0)
            return;
        // A value that the mapping has refused, and that is not merely left out, is not there to be looked at.
        var refused = problems.Where(problem => problem.Quarantines).Select(problem => problem.Field).ToList();
        foreach (var (rule, column) in _rules)
        {
            if (column >= 0 && refused.Contains(rule.Field))
                continue;
            if (rule.Failure(column >= 0 ? values[column] : JsonPointer.Find(record, rule.Field!).AsText()) is not { } message)
                continue;
            problems.Add(new RecordProblem(rule.Id, rule.Field, message) { Kind = rule.Kind, Severity = rule.Severity, Action = rule.Acts });
            if (rule.Acts is RuleAction.SetNull or RuleAction.Default)
                values[column] = rule.Default;
        }
    }
}
