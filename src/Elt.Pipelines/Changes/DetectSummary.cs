using System.Text.Json.Serialization;
using Elt.Pipelines.Quality;

namespace Elt.Pipelines.Changes;

/// <summary>What a run has changed.</summary>
/// <param name="Staged">Different records that the source has, those in quarantine included.</param>
/// <param name="Inserts">Records that are new, or back again.</param>
/// <param name="Updates">Records with another value in some column.</param>
/// <param name="Deletes">Records that are gone.</param>
/// <param name="DeletesHeld">Records that look gone, but stay until a person has looked.</param>
/// <param name="HoldReason">Why deletes are held; <see langword="null"/> when none are.</param>
public sealed record DetectSummary(long Staged, long Inserts, long Updates, long Deletes, long DeletesHeld, string? HoldReason = null)
{
    /// <summary>Records that cannot be taken; those that are known stay as they are.</summary>
    public long Quarantined { get; init; }

    /// <summary>Those of the inserts whose records are back again.</summary>
    public long Resurrected { get; init; }

    /// <summary>What the check before has found; <see langword="null"/> for a run that was not checked.</summary>
    public QualitySummary? Quality { get; init; }

    /// <summary>Keys that came with records that differ.</summary>
    public long Duplicates { get; init; }

    /// <summary>Records that are missing, and are deleted when the next complete run misses them too.</summary>
    public long DeletesUnconfirmed { get; init; }

    /// <summary>Records of a backfill that were not taken: what is there is as new or newer, or nothing proves that it is not.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public long LeftAlone { get; init; }

    /// <summary>Why they may be there all the same; <see langword="null"/> when there are none.</summary>
    public string? UnconfirmedReason { get; init; }

    /// <summary>Records that the source is still to be asked for, one by one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int ToConfirm { get; init; }
}
