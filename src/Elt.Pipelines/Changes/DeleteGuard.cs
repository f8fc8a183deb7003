namespace Elt.Pipelines.Changes;

/// <summary>When so many records are gone at once that a person should look first.</summary>
public sealed record DeleteThresholds
{
    /// <summary>Deletes are held above this share of the latest state; 0 to 1. Default 0.2.</summary>
    public double MaxShare { get; init; } = 0.2;

    /// <summary>The share counts only from this many deletes on; at least 1. Default 10.</summary>
    public int MinRows { get; init; } = 10;

    /// <summary>Deletes are held above this many, whatever their share. Default 500.</summary>
    public int MaxRows { get; init; } = 500;

    /// <summary>Why that many deletes are held, or <see langword="null"/> when they are not.</summary>
    /// <param name="deletes">Records that are gone.</param>
    /// <param name="seen">Records that the source still has.</param>
    /// <param name="existing">Records there were.</param>
    internal string? HoldReason(long deletes, long seen, long existing)
    {
        if (deletes == 0)
            return null;
        if (seen == 0)
            return $"the source answered without any record, {existing} are known";
        if (deletes > MaxRows)
            return $"{deletes} deletes are more than {MaxRows}";
        return deletes >= MinRows && deletes > MaxShare * existing
            ? $"{deletes} of {existing} records are more than {MaxShare:P0}"
            : null;
    }
}
