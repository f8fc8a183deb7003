namespace Elt.Pipelines.Reviews;

/// <summary>A record that could not be taken.</summary>
/// <param name="OrganizationId">The tenant.</param>
/// <param name="ConnectedIntegrationId">The integration.</param>
/// <param name="Key">What it is found by: <c>id:</c> and its key at the source, or <c>at:run/page/row</c> when it has none.</param>
/// <param name="RunId">The last run that read it.</param>
/// <param name="Page">Page on which that run read it.</param>
/// <param name="Ordinal">Its place on the page, from 0.</param>
/// <param name="Reasons">All reasons.</param>
/// <param name="Runs">How many runs have read it like this.</param>
/// <param name="FirstSeenAt">When it was first put into quarantine.</param>
/// <param name="LastSeenAt">When it was last read.</param>
public sealed record QuarantinedRecord(
    string OrganizationId, string ConnectedIntegrationId, string Key, string RunId, int Page, int Ordinal, IReadOnlyList<QuarantineReason> Reasons,
    int Runs, DateTimeOffset FirstSeenAt, DateTimeOffset LastSeenAt)
{
    /// <summary>Name of the dataset that it is one of.</summary>
    public required string Dataset { get; init; }

    /// <summary>
    /// <c>open</c>; <c>replayed</c>: mapped without problems since, and waiting for the next run; <c>discarded</c> by a person, until it comes with other
    /// reasons; <c>resolved</c>: it has come without problems, or does not come any more.
    /// </summary>
    public required string State { get; init; }

    /// <summary>Who discarded or replayed it; <see langword="null"/> when nobody did.</summary>
    public string? DecidedBy { get; init; }

    /// <summary>When.</summary>
    public DateTimeOffset? DecidedAt { get; init; }

    /// <summary>The record as it came, where one record was asked for; <see langword="null"/> in lists, and when it was too large to keep.</summary>
    public string? Raw { get; init; }
}

/// <summary>Why a record cannot be taken.</summary>
/// <param name="Rule">What it breaks, such as <c>type</c>, <c>required</c>, <c>key</c>.</param>
/// <param name="Field">The column; <see langword="null"/> for the whole record.</param>
/// <param name="Message">What was expected and found.</param>
public sealed record QuarantineReason(string Rule, string? Field, string Message);
