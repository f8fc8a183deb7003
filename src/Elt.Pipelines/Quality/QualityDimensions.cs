using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Quality;

/// <summary>
/// How good records are in each respect: the share of those that fail no error or critical rule of it, in percent as <see cref="QualitySummary.ScoreOf"/> cuts it.
/// A rule on the run as a whole that fails, fails for all its records. <see langword="null"/> where nothing was expected, or there are no records.
/// </summary>
/// <param name="Completeness">What is required is there: rules of the kinds <c>required</c>, <c>null_rate</c> and <c>row_count</c>, and keys.</param>
/// <param name="Validity">What is there has the form that it should have: all other rules.</param>
/// <param name="Uniqueness">Nothing is there twice that should not be: rules of the kind <c>unique</c>.</param>
/// <param name="Freshness">Something has changed lately: rules of the kind <c>freshness</c>.</param>
/// <param name="Weighted">Their mean by the weights of the connector.</param>
public sealed record QualityDimensions(double? Completeness, double? Validity, double? Uniqueness, double? Freshness, double? Weighted)
{
    /// <summary>The columns of one run.</summary>
    internal const string OfRun = "incomplete, records, malformed, records, repeated, records, stale, records, weighted_score * records, records";

    /// <summary>The same of several runs; one that did not look at a dimension does not count for it.</summary>
    internal const string OfRuns =
        """
        sum(incomplete), sum(records) filter (where incomplete is not null), sum(malformed), sum(records) filter (where malformed is not null),
          sum(repeated), sum(records) filter (where repeated is not null), sum(stale), sum(records) filter (where stale is not null),
          sum(weighted_score * records), sum(records) filter (where weighted_score is not null)
        """;

    /// <summary>Reads <see cref="OfRun"/> or <see cref="OfRuns"/>.</summary>
    /// <param name="row">The row.</param>
    /// <param name="from">The first of its columns.</param>
    internal static QualityDimensions Read(SqliteDataReader row, int from)
    {
        var weighted = row.Number(from + 8) is { } sum && row.GetInt64(from + 9) is > 0 and var all ? sum / all / 100d : (double?)null;
        return new QualityDimensions(Share(0), Share(2), Share(4), Share(6), weighted);

        double? Share(int column) =>
            row.Number(from + column) is { } failing && row.GetInt64(from + column + 1) is var records ? QualitySummary.ScoreOf(records - failing, records) : null;
    }
}
