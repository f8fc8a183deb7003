using Elt.Pipelines.Integrations;

namespace Elt.Pipelines.Quality;

/// <summary>When so many records of a run cannot be taken that nothing of it is applied.</summary>
public sealed record QualityGate
{
    /// <summary>A run fails above this share of quarantined records; 0 to 1. Default 0.1.</summary>
    public double MaxQuarantinedShare { get; init; } = 0.1;

    /// <exception cref="QualityGateException">There are more.</exception>
    internal void Check(IntegrationKey integration, long quarantined, long read)
    {
        if (quarantined > MaxQuarantinedShare * read)
        {
            throw new QualityGateException(
                $"{quarantined} of the {read} records that {integration} gave cannot be taken, more than {MaxQuarantinedShare:P0}. "
                + "Nothing was applied; the quarantine holds them with their reasons.");
        }
    }
}

/// <summary>Too many records of a run cannot be taken, or break a rule that fails runs: nothing of it is applied.</summary>
/// <param name="message">How many, and how many may be.</param>
public sealed class QualityGateException(string message) : Exception(message);
