using Elt.Pipelines.Changes;
using Elt.Pipelines.Contracts;
using Elt.Pipelines.Extract;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Quality.Rules;
using Elt.Pipelines.Staging;
using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Quality;

/// <summary>
/// Judges what a run has staged, once all of it is there and before changes are detected: looks at the rules that need all rows, acts on them, and records
/// the run's issues and figures. In one transaction; asked again it gives what is recorded.
/// </summary>
internal sealed class QualityCheck(Dataset dataset, PinnedConnectors connectors, TimeProvider time)
{
    private readonly DatasetSql _sqlOfAll = new(dataset);
    private readonly DatasetSql _sqlOfChanges = new(dataset) { OnlySeenAsGone = true };
    private readonly QualitySql _sql = new(dataset);
    private readonly Quarantine _quarantine = new(dataset);

    /// <summary>Judges a run.</summary>
    /// <exception cref="IncompleteExtractException">The run has not read all records: nothing is judged.</exception>
    /// <exception cref="StaleRunException">A newer run has acquired the integration.</exception>
    public QualitySummary Check(SqliteTransaction transaction, IntegrationKey integration, string runId)
    {
        var run = PipelineRuns.EnsureNewest(transaction, integration, runId);
        FrozenRuns.Forget(transaction, run);
        if (Recorded(transaction, run) is { } recorded)
            return recorded;
        // Applied by a version that did not judge runs.
        if (PipelineRuns.StateOf(transaction.Connection!, run) == "applied")
            return new QualitySummary(0, 0, 0, 0);
        var completeness = Completeness.Of(transaction, run);
        var sql = completeness.AbsenceSaysNothing ? _sqlOfChanges : _sqlOfAll;
        var seen = SeenKeys.Collect(transaction, sql, run);
        completeness.EnsureComplete(run, seen.All);
        var records = seen.Present + completeness.UnreadableKeys;
        var quality = connectors.FindOf(transaction, run)?.Manifest.Quality ?? new QualityRules();
        // Changes alone say nothing of all records: rules on the whole are left out, and shares are of all that there is.
        var rules = quality.Rules.Where(rule => rule is not RunRule || !sql.OnlySeenAsGone).ToList();
        var measure = sql.OnlySeenAsGone ? Math.Max(records, transaction.Count(sql.CountLatest, run.Parameters)) : records;
        var failures = Judge(transaction, run, rules, records);
        transaction.Execute(QualitySql.InsertIssues, run.Parameters);
        failures.AddRange(PassedThresholds(transaction, run, rules, measure));
        Record(transaction, run, quality with { Rules = rules }, records, failures.Count == 0 ? null : string.Join(' ', failures));
        transaction.Execute(DatasetSql.DropSeen);
        return Recorded(transaction, run)!;
    }

    /// <summary>Looks at the rules that need all rows, in their order; returns why the run fails, if it does.</summary>
    private List<string> Judge(SqliteTransaction transaction, PipelineRun run, IReadOnlyList<QualityRule> rules, long records)
    {
        var failures = new List<string>();
        foreach (var (i, rule) in rules.Index())
        {
            if (rule is AmongRowsRule among)
                JudgeRows(transaction, run, among, QualitySql.FirstPlace + i);
            else if (rule is RunRule whole && JudgeRun(transaction, run, whole, records) is { } failure && rule.Acts == RuleAction.FailRun)
                failures.Add($"Rule '{rule.Id}': {failure}");
        }
        if (rules.Any(rule => rule is AmongRowsRule { Quarantines: true }))
        {
            transaction.Execute(_sql.MarkQuarantined, run.Parameters);
            _quarantine.AddFailing(transaction, run, time.GetUtcNow().ToStored());
        }
        return failures;
    }

    private void JudgeRows(SqliteTransaction transaction, PipelineRun run, AmongRowsRule rule, int place)
    {
        var field = rule.Field!;
        (string, object?)[] parameters =
        [
            .. run.Parameters, ("$path", Path(field)), ("$place", place), ("$rule", rule.Id), ("$field", field), ("$kind", rule.Kind),
            ("$severity", rule.Severity.Name()), ("$action", rule.Acts.Name()), ("$message", rule.Failure()), ("$value", rule.Default),
        ];
        transaction.Execute(QualitySql.CreateValues);
        if (rule is ReferenceRule { To: var to })
            transaction.Execute(_sql.CollectTargets(to), [.. run.Parameters, ("$path", Path(to))]);
        else
            transaction.Execute(_sql.CollectRepeated(field), parameters);
        transaction.Execute(_sql.InsertFailures(field, among: rule is UniqueRule), parameters);
        transaction.Execute("drop table temp.quality_values");
        if (rule.Acts is RuleAction.SetNull or RuleAction.Default)
            transaction.Execute(_sql.ReplaceValues(field), parameters);
    }

    private string? JudgeRun(SqliteTransaction transaction, PipelineRun run, RunRule rule, long records)
    {
        long failing = 1;
        string? message;
        if (rule is RowCountRule count)
        {
            var before = transaction.Query(QualitySql.RecordsBefore, row => (long?)row.GetInt64(0), [.. run.Parameters, ("$seq", run.Seq)]).FirstOrDefault();
            message = count.Failure(records, before);
        }
        else if (rule is NullRateRule rate)
        {
            var (rows, missing) = transaction.Query(
                _sql.CountMissingValues(rule.Field!), row => (row.GetInt64(0), row.GetInt64(1)), [.. run.Parameters, ("$path", Path(rule.Field))])[0];
            (message, failing) = (rate.Failure(rows, missing), missing);
        }
        else
        {
            message = ((FreshnessRule)rule).Failure(transaction.Query(_sql.NewestChange, row => row.Time(0), run.Parameters)[0], time.GetUtcNow());
        }
        if (message is null)
            return null;
        transaction.Execute(
            """
            insert into quality_issues (organization_id, connected_integration_id, workflow_id, rule, field, kind, severity, action, records, sample, message)
            values ($org, $integration, $run, $rule, $field, $kind, $severity, $action, $records, '[]', $message)
            """,
            [.. run.Parameters, ("$rule", rule.Id), ("$field", rule.Field ?? ""), ("$kind", rule.Kind), ("$severity", rule.Severity.Name()),
                ("$action", rule.Acts.Name()), ("$records", failing), ("$message", message)]);
        return message;
    }

    private static IEnumerable<string> PassedThresholds(SqliteTransaction transaction, PipelineRun run, IReadOnlyList<QualityRule> rules, long records)
    {
        var failed = transaction.Query(
            """
            select rule, sum(records) from quality_issues
            where organization_id = $org and connected_integration_id = $integration and workflow_id = $run group by rule
            """,
            row => (Rule: row.GetString(0), Records: row.GetInt64(1)), run.Parameters).ToDictionary(row => row.Rule, row => row.Records);
        return
            from rule in rules
            where rule.JudgesRows && rule.Limit?.IsPassed(failed.GetValueOrDefault(rule.Id), records) == true
            select $"{failed[rule.Id]} of {records} records fail the rule '{rule.Id}' ({rule.Field}), more than {rule.Limit}.";
    }

    private void Record(SqliteTransaction transaction, PipelineRun run, QualityRules rules, long records, string? failure)
    {
        var (invalid, quarantined, rows) = transaction.Query(
            QualitySql.CountFailing, row => (row.GetInt64(0), row.GetInt64(1), (row.GetInt64(2), row.GetInt64(3), row.GetInt64(4))), run.Parameters)[0];
        var counts = DimensionCounts.Of(transaction, run, rules.Rules, records, rows);
        transaction.Execute(
            """
            insert into quality_runs (organization_id, connected_integration_id, run_seq, workflow_id, checked_at, records, invalid, quarantined, failure,
              incomplete, malformed, repeated, stale, weighted_score)
            values ($org, $integration, $seq, $run, $now, $records, $invalid, $quarantined, $failure, $incomplete, $malformed, $repeated, $stale, $weighted)
            """,
            [.. run.Parameters, ("$seq", run.Seq), ("$now", time.GetUtcNow().ToStored()), ("$records", records), ("$invalid", invalid),
                ("$quarantined", quarantined), ("$failure", failure), ("$incomplete", counts.Incomplete), ("$malformed", counts.Malformed),
                ("$repeated", counts.Repeated), ("$stale", counts.Stale), ("$weighted", counts.Weigh(rules.Weights ?? new QualityWeights(), records))]);
    }

    private static QualitySummary? Recorded(SqliteTransaction transaction, PipelineRun run) => transaction.Query(
        """
        select records, invalid, quarantined, (
            select coalesce(sum(i.records), 0) from quality_issues i
            where i.organization_id = $org and i.connected_integration_id = $integration and i.workflow_id = $run), failure
        from quality_runs where organization_id = $org and connected_integration_id = $integration and workflow_id = $run
        """,
        row => new QualitySummary(row.GetInt64(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.Text(4)), run.Parameters).FirstOrDefault();

    private static string? Path(string? field) => field?.StartsWith('/') == true ? QualitySql.Path(field) : null;
}
