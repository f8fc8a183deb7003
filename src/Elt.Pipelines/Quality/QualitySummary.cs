using Elt.Pipelines.Integrations;

namespace Elt.Pipelines.Quality;

/// <summary>What the check of a run's records has found.</summary>
/// <param name="Records">Different records that the source has, those without a usable key included.</param>
/// <param name="Invalid">Those of them that fail a rule of severity error or critical, whatever became of them.</param>
/// <param name="Quarantined">Those of them that are not taken.</param>
/// <param name="Issues">Failures of rules of any severity, the same record counted once for each.</param>
/// <param name="Failure">Why nothing of the run is applied; <see langword="null"/> when it may be.</param>
public sealed record QualitySummary(long Records, long Invalid, long Quarantined, long Issues, string? Failure = null)
{
    /// <summary>The share of valid records in percent, 0 to 100, cut after two decimals: 100 says that all are. <see langword="null"/> without any record.</summary>
    /// <param name="valid">Records that are valid.</param>
    /// <param name="records">All records.</param>
    public static double? ScoreOf(long valid, long records) =>
        records == 0 ? null : (double)decimal.Round(100m * valid / records, 2, MidpointRounding.ToZero);

    /// <exception cref="QualityGateException">The run may not be applied.</exception>
    internal void EnsurePassed(IntegrationKey integration)
    {
        if (Failure is not null)
            throw new QualityGateException($"The records that {integration} gave break rules that fail a run. {Failure} Nothing was applied.");
    }
}
