using System.Text.Json;
using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Quality;

/// <summary>A rule that records of a run fail.</summary>
/// <param name="Rule">Its id; of the mapping itself <c>key</c>, <c>type</c>, <c>required</c>, <c>length</c>, <c>line</c>, <c>new_field</c>.</param>
/// <param name="Field">What it is on; <see langword="null"/> for the whole record, or the run.</param>
/// <param name="Kind">Its kind: <c>required</c>, <c>format</c>, <c>unique</c>, <c>row_count</c>…</param>
/// <param name="Severity"><c>info</c>, <c>warning</c>, <c>error</c> or <c>critical</c>.</param>
/// <param name="Action">What became of the records: <c>keep</c>, <c>set_null</c>, <c>default</c>, <c>quarantine</c> or <c>fail_run</c>.</param>
/// <param name="Records">Records that fail it; 1 for a rule on the run.</param>
/// <param name="Sample">Keys of the first five.</param>
/// <param name="Message">What was expected and found, of one of them; no value.</param>
public sealed record QualityIssue(
    string Rule, string? Field, string Kind, string Severity, string Action, long Records, IReadOnlyList<string> Sample, string Message);

/// <summary>What the newest run of an integration that was checked has found.</summary>
/// <param name="OrganizationId">The tenant.</param>
/// <param name="ConnectedIntegrationId">The integration.</param>
/// <param name="RunId">The run.</param>
/// <param name="CheckedAt">When.</param>
/// <param name="Summary">Its figures.</param>
/// <param name="Issues">The rules that its records fail, the most frequent first.</param>
public sealed record RunQuality(
    string OrganizationId, string ConnectedIntegrationId, string RunId, DateTimeOffset CheckedAt, QualitySummary Summary, IReadOnlyList<QualityIssue> Issues)
{
    /// <summary>Its scores by dimension.</summary>
    public required QualityDimensions Dimensions { get; init; }
}

/// <summary>The quality of what was read.</summary>
/// <param name="Records">Records of all runs that were checked in the last 24 hours.</param>
/// <param name="Invalid">Those of them that are not valid.</param>
/// <param name="IssuesByKind">Failures of these runs by the kind of the rule.</param>
/// <param name="Pipelines">The newest checked run of each integration, however long ago; by organization and integration.</param>
public sealed record QualityReport(long Records, long Invalid, IReadOnlyDictionary<string, long> IssuesByKind, IReadOnlyList<RunQuality> Pipelines)
{
    /// <summary>The scores of these runs by dimension.</summary>
    public required QualityDimensions Dimensions { get; init; }
}

/// <summary>Tells how good the records are that runs have read.</summary>
/// <param name="warehouse">Where runs are recorded.</param>
/// <param name="time">Says when the last 24 hours began.</param>
public sealed class QualityReports(WarehouseFile warehouse, TimeProvider time)
{
    private const string Wanted = "($org is null or q.organization_id = $org) and ($integration is null or q.connected_integration_id = $integration)";

    private const string OfRun =
        "i.organization_id = q.organization_id and i.connected_integration_id = q.connected_integration_id and i.workflow_id = q.workflow_id";

    /// <summary>Reads the report, from one snapshot.</summary>
    /// <param name="organization">Only of this tenant. Default all.</param>
    /// <param name="integration">Only of integrations of this id. Default all.</param>
    public QualityReport Read(string? organization = null, string? integration = null)
    {
        using var connection = warehouse.Database.OpenRead();
        using var snapshot = connection.BeginTransaction(deferred: true);
        (string, object?)[] parameters =
            [("$org", organization), ("$integration", integration), ("$since", (time.GetUtcNow() - TimeSpan.FromHours(24)).ToStored())];
        var (records, invalid, dimensions) = snapshot.Query(
            $"select coalesce(sum(records), 0), coalesce(sum(invalid), 0), {QualityDimensions.OfRuns} from quality_runs q where checked_at >= $since and {Wanted}",
            row => (row.GetInt64(0), row.GetInt64(1), QualityDimensions.Read(row, 2)), parameters)[0];
        var kinds = snapshot.Query(
            $"select kind, sum(i.records) from quality_runs q join quality_issues i on {OfRun} where checked_at >= $since and {Wanted} group by kind order by kind",
            row => (Kind: row.GetString(0), Records: row.GetInt64(1)), parameters);
        return new QualityReport(records, invalid, kinds.ToDictionary(row => row.Kind, row => row.Records), Newest(snapshot, parameters)) { Dimensions = dimensions };
    }

    private static List<RunQuality> Newest(SqliteTransaction snapshot, (string, object?)[] parameters)
    {
        // With max() SQLite takes the other columns from the row that has it.
        const string Runs = $"(select *, max(run_seq) from quality_runs q where {Wanted} group by organization_id, connected_integration_id) q";
        var issues = snapshot.Query(
            $"""
            select i.organization_id, i.connected_integration_id, i.rule, nullif(i.field, ''), i.kind, i.severity, i.action, i.records, i.sample, i.message
            from {Runs}
            join quality_issues i on {OfRun}
            order by i.records desc, i.rule, i.field
            """,
            row => (Integration: (row.GetString(0), row.GetString(1)), Issue: new QualityIssue(
                row.GetString(2), row.Text(3), row.GetString(4), row.GetString(5), row.GetString(6), row.GetInt64(7),
                JsonSerializer.Deserialize<string[]>(row.GetString(8))!, row.GetString(9))),
            parameters).ToLookup(row => row.Integration, row => row.Issue);
        return snapshot.Query(
            $"select organization_id, connected_integration_id, workflow_id, checked_at, records, invalid, quarantined, failure, {QualityDimensions.OfRun} from {Runs} order by 1, 2",
            row =>
            {
                QualityIssue[] failed = [.. issues[(row.GetString(0), row.GetString(1))]];
                var summary = new QualitySummary(row.GetInt64(4), row.GetInt64(5), row.GetInt64(6), failed.Sum(issue => issue.Records), row.Text(7));
                return new RunQuality(row.GetString(0), row.GetString(1), row.GetString(2), row.Time(3)!.Value, summary, failed) { Dimensions = QualityDimensions.Read(row, 8) };
            },
            parameters);
    }
}
