namespace Elt.Pipelines.Reviews;

/// <summary>Deletes of an integration that wait, or waited, for a person.</summary>
/// <param name="OrganizationId">The tenant.</param>
/// <param name="ConnectedIntegrationId">The integration.</param>
/// <param name="Hold">Number of the hold in its integration, from 1; what a decision names.</param>
/// <param name="RunId">The run that found the records gone.</param>
/// <param name="Records">How many are gone.</param>
/// <param name="Existing">How many there were.</param>
/// <param name="Reason">Why they are held.</param>
/// <param name="Since">When the deletes of the integration began to be held without a decision.</param>
/// <param name="HeldAt">When this run held them.</param>
public sealed record DeleteHold(
    string OrganizationId, string ConnectedIntegrationId, long Hold, string RunId, long Records, long Existing, string Reason,
    DateTimeOffset Since, DateTimeOffset HeldAt)
{
    /// <summary>
    /// <c>open</c>; <c>approved</c> and waiting for a run; <c>rejected</c>; <c>applied</c> by a run; <c>lapsed</c>: approved, but the next run found
    /// many more gone; <c>replaced</c> by what a later run holds; <c>resolved</c>: a later run found nothing to hold.
    /// </summary>
    public required string State { get; init; }

    /// <summary>Who approved or rejected; <see langword="null"/> before.</summary>
    public string? DecidedBy { get; init; }

    /// <summary>When.</summary>
    public DateTimeOffset? DecidedAt { get; init; }

    /// <summary>What they noted.</summary>
    public string? Note { get; init; }

    /// <summary>The run that applied, replaced or resolved it.</summary>
    public string? ClosedByRun { get; init; }

    /// <summary>Keys of the first records, at most 5; none once nothing can be decided any more.</summary>
    public IReadOnlyList<string> Sample { get; init; } = [];

    /// <summary>Gone records per record there was; 0 to 1.</summary>
    public double Share => Existing == 0 ? 0 : (double)Records / Existing;
}

/// <summary>A person's decision.</summary>
/// <param name="Hold">The hold that they looked at.</param>
/// <param name="By">Who; 1 to 200 characters.</param>
/// <param name="Note">What they want to be known; at most 2000 characters. Default nothing.</param>
public sealed record HoldDecision(long Hold, string By, string? Note = null);

/// <summary>The integration has no such hold or quarantined record.</summary>
/// <param name="message">What was asked for, and how to find what there is.</param>
public sealed class ReviewNotFoundException(string message) : Exception(message);

/// <summary>What is decided on is not as it was any more.</summary>
/// <param name="message">What became of it, and what can be done.</param>
public sealed class ReviewConflictException(string message) : Exception(message);
