using System.Text.Json.Serialization;

namespace Elt.Service.Api;

/// <summary>How good the records are that runs have read: of all runs in the last 24 hours, and of each pipeline's newest run.</summary>
internal sealed record QualityView(QualityMetricsView QualityMetrics, IReadOnlyList<PipelineQualityView> ByPipeline);

internal sealed record QualityMetricsView([property: JsonPropertyName("last_24h")] QualityFiguresView Last24Hours);

/// <summary>
/// <c>QualityScore</c> is the share of valid records in percent, <see langword="null"/> without records. <c>Issues</c> counts failures of rules by what is wrong.
/// </summary>
internal sealed record QualityFiguresView(
    long TotalRecords, long ValidRecords, double? QualityScore, double? WeightedScore, DimensionsView Dimensions, IReadOnlyDictionary<string, long> Issues);

/// <summary>The score of each dimension in percent, <see langword="null"/> where nothing is expected; <c>WeightedScore</c> is their mean by weight.</summary>
internal sealed record DimensionsView(double? Completeness, double? Validity, double? Uniqueness, double? Freshness);

/// <summary>The newest checked run of one integration. <c>PipelineName</c> is <see langword="null"/> when it is not connected any more.</summary>
internal sealed record PipelineQualityView
{
    public required string PipelineId { get; init; }

    public required string? PipelineName { get; init; }

    public required string OrganizationId { get; init; }

    public required string ConnectedIntegrationId { get; init; }

    public required string RunId { get; init; }

    public required DateTimeOffset CheckedAt { get; init; }

    public required long TotalRecords { get; init; }

    public required long ValidRecords { get; init; }

    public required long Quarantined { get; init; }

    public required double? QualityScore { get; init; }

    public required double? WeightedScore { get; init; }

    public required DimensionsView Dimensions { get; init; }

    public required long Issues { get; init; }

    public required string? Failure { get; init; }

    public required IReadOnlyList<FailedRuleView> FailedRules { get; init; }
}

/// <summary>A rule that records fail; <c>Sample</c> holds keys of the first ones.</summary>
internal sealed record FailedRuleView(
    string Rule, string? Field, string Kind, string Severity, string Action, long Records, IReadOnlyList<string> Sample, string Message);
