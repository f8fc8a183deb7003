using Elt.Pipelines.Quality.Rules;
using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Quality;

/// <summary>How many records of a run fail error or critical rules of each dimension; <see langword="null"/> where nothing is expected.</summary>
internal sealed record DimensionCounts(long Incomplete, long Malformed, long? Repeated, long? Stale)
{
    /// <summary>Adds to the rows that fail rules what rules on the run as a whole have found.</summary>
    /// <param name="transaction">The transaction; the run's issues are recorded.</param>
    /// <param name="run">The run.</param>
    /// <param name="rules">The rules that were looked at.</param>
    /// <param name="records">Its records.</param>
    /// <param name="rows">Rows that fail rules of the dimensions.</param>
    public static DimensionCounts Of(
        SqliteTransaction transaction, PipelineRun run, IReadOnlyList<QualityRule> rules, long records, (long Incomplete, long Malformed, long Repeated) rows)
    {
        var (missing, miscounted, stale) = transaction.Query(QualitySql.FailingRun, row => (row.GetInt64(0), row.GetBoolean(1), row.GetBoolean(2)), run.Parameters)[0];
        return new DimensionCounts(
            // Which records lack a value is not noted: those that fail both kinds of rules may be the same.
            miscounted ? records : Math.Max(rows.Incomplete, missing),
            rows.Malformed,
            rules.Any(rule => rule is UniqueRule && rule.LowersScore) ? rows.Repeated : null,
            rules.Any(rule => rule is FreshnessRule && rule.LowersScore) ? stale ? records : 0 : null);
    }

    /// <summary>The weighted score in hundredths of a percent, cut; <see langword="null"/> without any record, or when nothing that was looked at counts.</summary>
    public long? Weigh(QualityWeights weights, long records)
    {
        (decimal Weight, long? Failing)[] all =
            [(weights.Completeness, Incomplete), (weights.Validity, Malformed), (weights.Uniqueness, Repeated), (weights.Freshness, Stale)];
        var known = all.Where(part => part.Failing is not null).ToList();
        var whole = known.Sum(part => part.Weight) * records;
        return whole == 0 ? null : (long)(10_000 * known.Sum(part => part.Weight * (records - part.Failing!.Value)) / whole);
    }
}
