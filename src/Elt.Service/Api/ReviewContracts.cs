namespace Elt.Service.Api;

/// <summary>Deletes of an integration that wait, or waited, for a person. <c>Sample</c> holds keys of the first records.</summary>
internal sealed record HoldView
{
    public required string OrganizationId { get; init; }

    public required string ConnectedIntegrationId { get; init; }

    public required long Hold { get; init; }

    public required string State { get; init; }

    public required long Records { get; init; }

    public required long Existing { get; init; }

    public required double Share { get; init; }

    public required string Reason { get; init; }

    public required string RunId { get; init; }

    public required DateTimeOffset Since { get; init; }

    public required DateTimeOffset HeldAt { get; init; }

    public IReadOnlyList<string> Sample { get; init; } = [];

    public string? DecidedBy { get; init; }

    public DateTimeOffset? DecidedAt { get; init; }

    public string? Note { get; init; }

    public string? ClosedByRun { get; init; }
}

/// <summary>One page; <c>NextCursor</c> asks for the next one, <see langword="null"/> on the last.</summary>
internal sealed record HoldList(IReadOnlyList<HoldView> Holds, string? NextCursor);

/// <summary>Body of an approval or a rejection: which hold was looked at, and by whom.</summary>
internal sealed record HoldDecisionRequest
{
    public required string OrganizationId { get; init; }

    public required string ConnectedIntegrationId { get; init; }

    public required long Hold { get; init; }

    public required string By { get; init; }

    public string? Note { get; init; }
}

/// <summary>Body of a decision on all that waits; without ids on that of all tenants. <c>Rule</c> is for the quarantine, <c>Note</c> for deletes.</summary>
internal sealed record BulkDecisionRequest
{
    public string? OrganizationId { get; init; }

    public string? ConnectedIntegrationId { get; init; }

    public string? Rule { get; init; }

    public required string By { get; init; }

    public string? Note { get; init; }

    public bool DryRun { get; init; }
}

/// <summary>What a decision on all was made on, or would be: holds or records in quarantine, and records in all.</summary>
internal sealed record BulkDecisionView(long Decided, long Records, bool DryRun);

internal sealed record QuarantineReasonView(string Rule, string? Field, string Message);

/// <summary>A record that could not be taken. <c>Raw</c>, the record as it came, stands only in the answer to who asked for one record.</summary>
internal sealed record QuarantinedView
{
    public required string OrganizationId { get; init; }

    public required string ConnectedIntegrationId { get; init; }

    public required string Dataset { get; init; }

    public required string Key { get; init; }

    public required string State { get; init; }

    public required IReadOnlyList<QuarantineReasonView> Reasons { get; init; }

    public required string RunId { get; init; }

    public required int Page { get; init; }

    public required int Ordinal { get; init; }

    public required int Runs { get; init; }

    public required DateTimeOffset FirstSeenAt { get; init; }

    public required DateTimeOffset LastSeenAt { get; init; }

    public string? DecidedBy { get; init; }

    public DateTimeOffset? DecidedAt { get; init; }

    public string? Raw { get; init; }
}

/// <summary>One page; <c>NextCursor</c> asks for the next one, <see langword="null"/> on the last.</summary>
internal sealed record QuarantineList(IReadOnlyList<QuarantinedView> Records, string? NextCursor);

/// <summary>Body of a decision on a record in quarantine.</summary>
internal sealed record QuarantineDecisionRequest
{
    public required string OrganizationId { get; init; }

    public required string ConnectedIntegrationId { get; init; }

    public required string Key { get; init; }

    public required string By { get; init; }
}

/// <summary>A change that a run would make: <c>INSERT</c>, <c>UPDATE</c>, <c>DELETE</c>, or <c>HELD</c> for a delete that would be held.</summary>
internal sealed record PlannedChangeView(string Type, string ExternalId, IReadOnlyList<string> ChangedFields);

/// <summary>What a run of an integration would change; <c>Changes</c> holds the first of each type.</summary>
internal sealed record PlanView
{
    public required string OrganizationId { get; init; }

    public required string ConnectedIntegrationId { get; init; }

    public required string RunId { get; init; }

    public required DateTimeOffset CompletedAt { get; init; }

    public required long Staged { get; init; }

    public required long Inserts { get; init; }

    public required long Updates { get; init; }

    public required long Deletes { get; init; }

    public required long DeletesHeld { get; init; }

    public required long DeletesUnconfirmed { get; init; }

    public required long Quarantined { get; init; }

    public string? HoldReason { get; init; }

    public string? AppliedMeanwhile { get; init; }

    public required IReadOnlyList<PlannedChangeView> Changes { get; init; }
}
