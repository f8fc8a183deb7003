using Elt.Pipelines.Integrations;
using Elt.Pipelines.Quality;

namespace Elt.Service.Api;

/// <summary>Tells how good the records are that runs have read.</summary>
internal static class QualityEndpoints
{
    private static readonly string[] Filters = ["organization", "integration"];

    private static readonly (string Issue, string[] Kinds)[] Issues =
    [
        ("missing_fields", ["key", "required", "null_rate"]),
        ("invalid_types", ["type", "format", "line"]),
        ("invalid_values", ["length", "regex", "range", "enum"]),
        ("duplicates", ["unique"]),
        ("broken_references", ["reference"]),
        ("new_fields", ["new_field"]),
        ("unexpected_runs", ["row_count", "freshness"]),
    ];

    public static void MapQuality(this IEndpointRouteBuilder routes) => routes.MapGet(ApiPath.Quality, ShowAsync);

    private static async Task<QualityView> ShowAsync(HttpRequest request, QualityReports reports, IIntegrationStore integrations, CancellationToken ct)
    {
        if (request.Query.Keys.FirstOrDefault(key => !Filters.Contains(key)) is { } unknown)
            throw ProblemException.BadRequest($"'{unknown}': there is no such filter; expected {string.Join(", ", Filters)}.", unknown);
        var report = reports.Read(Text("organization"), Text("integration"));
        var names = await NamesAsync(integrations, ct);
        var figures = new QualityFiguresView(
            report.Records, report.Records - report.Invalid, QualitySummary.ScoreOf(report.Records - report.Invalid, report.Records), report.Dimensions.Weighted, View(report.Dimensions),
            Issues.ToDictionary(issue => issue.Issue, issue => issue.Kinds.Sum(kind => report.IssuesByKind.GetValueOrDefault(kind))));
        return new QualityView(new QualityMetricsView(figures), [.. report.Pipelines.Select(run => View(run, names))]);

        string? Text(string name) => request.Query[name] is { Count: > 0 } values ? values[^1] : null;
    }

    // An integration whose provider data cannot be used must not hide the quality of all others.
    private static async Task<Dictionary<IntegrationKey, string>> NamesAsync(IIntegrationStore integrations, CancellationToken ct)
    {
        try
        {
            return (await integrations.ListAsync(ct)).ToDictionary(integration => integration.Key, integration => integration.ProviderData.PermissionSourceName);
        }
        catch (FormatException)
        {
            return [];
        }
    }

    private static DimensionsView View(QualityDimensions scores) => new(scores.Completeness, scores.Validity, scores.Uniqueness, scores.Freshness);

    private static PipelineQualityView View(RunQuality run, Dictionary<IntegrationKey, string> names)
    {
        var key = new IntegrationKey(run.OrganizationId, run.ConnectedIntegrationId);
        var (records, valid) = (run.Summary.Records, run.Summary.Records - run.Summary.Invalid);
        return new PipelineQualityView
        {
            PipelineId = key.ToString(),
            PipelineName = names.GetValueOrDefault(key),
            OrganizationId = run.OrganizationId,
            ConnectedIntegrationId = run.ConnectedIntegrationId,
            RunId = run.RunId,
            CheckedAt = run.CheckedAt,
            TotalRecords = records,
            ValidRecords = valid,
            Quarantined = run.Summary.Quarantined,
            QualityScore = QualitySummary.ScoreOf(valid, records),
            WeightedScore = run.Dimensions.Weighted,
            Dimensions = View(run.Dimensions),
            Issues = run.Summary.Issues,
            Failure = run.Summary.Failure,
            FailedRules =
            [
                .. run.Issues.Select(issue => new FailedRuleView(
                    issue.Rule, issue.Field, issue.Kind, issue.Severity, issue.Action, issue.Records, issue.Sample, issue.Message)),
            ],
        };
    }
}
