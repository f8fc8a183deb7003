using System.Text.Json;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Quality.Rules;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Contracts;

/// <summary>
/// Tells of runs that a contract has stopped while they were read. Nothing of them is staged from there on: a source whose every record has another form would
/// else be read to its end, and fill the quarantine, for nothing.
/// </summary>
internal static class FrozenRuns
{
    private const string OfRun = "organization_id = $org and connected_integration_id = $integration and workflow_id = $run";

    private static readonly string Action = RuleAction.FailRun.Name();

    /// <summary>Why a run fails at a page.</summary>
    public static string Failure(IntegrationKey integration, SourcePage page) =>
        $"schema_frozen: page {page.Page} of {integration} has records of a form that the connector's contract does not allow. {page.Breach} Nothing was applied. "
        + "Map the field, or name it in the connector's 'ignore'; or set newField or typeChange of the contract to evolve, discardRow or discardValue. Then start a new run.";

    /// <summary>Puts the page into the quality report of its run, with the keys of the first five records for each field. A plan leaves nothing, nor does a backfill.</summary>
    public static void Record(SqliteTransaction transaction, PipelineRun run, SourcePage page, string now)
    {
        if (run.IsPlan || run.IsBackfill)
            return;
        Forget(transaction, run);
        var broken = (
            from record in page.Records
            from problem in record.Problems
            where problem.Action == RuleAction.FailRun && RecordContract.Judges(problem.Rule)
            select (record.ExternalId, Problem: problem)).ToList();
        foreach (var issue in broken.GroupBy(found => (found.Problem.Rule, found.Problem.Field)))
        {
            var sample = JsonSerializer.Serialize(issue.Select(found => found.ExternalId).OfType<string>().Distinct().Order(StringComparer.Ordinal).Take(5));
            transaction.Execute(
                """
                insert into quality_issues (organization_id, connected_integration_id, workflow_id, rule, field, kind, severity, action, records, sample, message)
                values ($org, $integration, $run, $rule, $field, $rule, $severity, $action, $records, $sample, $message)
                """,
                [.. run.Parameters, ("$rule", issue.Key.Rule), ("$field", issue.Key.Field), ("$severity", Severity.Critical.Name()), ("$action", Action),
                    ("$records", issue.Count()), ("$sample", sample), ("$message", issue.First().Problem.Message)]);
        }
        var records = broken.Select(found => found.ExternalId).Distinct().Count();
        transaction.Execute(
            """
            insert into quality_runs (organization_id, connected_integration_id, run_seq, workflow_id, checked_at, records, invalid, quarantined, failure, frozen)
            values ($org, $integration, $seq, $run, $now, $read, $invalid, 0, $failure, 1)
            """,
            [.. run.Parameters, ("$seq", run.Seq), ("$now", now), ("$read", page.Records.Count), ("$invalid", records), ("$failure", page.Breach)]);
    }

    /// <summary>Forgets that a run was stopped: it was resumed and has got further.</summary>
    public static void Forget(SqliteTransaction transaction, PipelineRun run)
    {
        if (transaction.Execute($"delete from quality_runs where {OfRun} and frozen", run.Parameters) > 0)
            transaction.Execute($"delete from quality_issues where {OfRun}", run.Parameters);
    }
}
