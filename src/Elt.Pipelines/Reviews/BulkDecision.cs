namespace Elt.Pipelines.Reviews;

/// <summary>A decision on all that waits, or on all of one organization or integration.</summary>
/// <param name="By">Who decides; 1 to 200 characters.</param>
public sealed record BulkDecision(string By)
{
    /// <summary>Only of this tenant. Default all.</summary>
    public string? OrganizationId { get; init; }

    /// <summary>Only of integrations of this id. Default all.</summary>
    public string? ConnectedIntegrationId { get; init; }

    /// <summary>What is to be known about it.</summary>
    public string? Note { get; init; }

    /// <summary>Whether it is only told what would be decided. Default no.</summary>
    public bool DryRun { get; init; }

    internal (string Name, object? Value)[] Parameters(string now) =>
        [("$org", OrganizationId), ("$integration", ConnectedIntegrationId), ("$by", By), ("$note", Note), ("$now", now)];
}

/// <summary>What a decision on all was made on, or would be.</summary>
/// <param name="Decided">Holds, or records in quarantine.</param>
/// <param name="Records">Records in all.</param>
public sealed record BulkOutcome(long Decided, long Records);
