namespace Elt.Pipelines.Quality.Rules;

/// <summary>A rule on a value among those of all other rows of the run; rows without the value pass.</summary>
internal abstract record AmongRowsRule : QualityRule
{
    /// <summary>What was expected and found, the same for each row that fails.</summary>
    public abstract string Failure();
}

/// <summary>No other record of the run has the value, byte by byte. All records that share one fail.</summary>
internal sealed record UniqueRule : AmongRowsRule
{
    internal override string Kind => "unique";

    public override string Failure() => "Expected a value that no other record has, found one that several have.";
}

/// <summary>The value names a record that this run has read, or that the latest state of the integration has.</summary>
internal sealed record ReferenceRule : AmongRowsRule
{
    /// <summary>The field of the other record that holds the value. Default its key.</summary>
    public string? To { get; init; }

    internal override string Kind => "reference";

    public override string Failure() => $"Expected the {To ?? "key"} of a record of this integration, found none that has it.";
}

/// <summary>A rule on the run as a whole. It keeps the rows, or fails the run.</summary>
internal abstract record RunRule : QualityRule
{
    internal override bool JudgesRows => false;
}

/// <summary>So many records are read.</summary>
internal sealed record RowCountRule : RunRule
{
    /// <summary>At least so many. Default no limit.</summary>
    public long? Min { get; init; }

    /// <summary>At most so many. Default no limit.</summary>
    public long? Max { get; init; }

    /// <summary>At most such a share more or fewer than the last run that was applied has read, 0.5 for half; a first run passes. Default no limit.</summary>
    public double? MaxChange { get; init; }

    internal override string Kind => "row_count";

    public override string? Misuse() => MaxChange < 0 ? "maxChange: expected a share from 0." : MaxChange is not null && Min is null && Max is null ? null : Bounds.Misuse(Min, Max);

    /// <summary>What was expected and found; <see langword="null"/> when the number passes.</summary>
    public string? Failure(long records, long? before)
    {
        if (records < Min || records > Max)
            return $"Expected {Bounds.Text(Min, Max)} records, found {records}.";
        return before > 0 && Math.Abs(records - before.Value) > MaxChange * before
            ? $"Expected {MaxChange:P0} more or fewer than the {before} records of the run before, found {records}."
            : null;
    }
}

/// <summary>At most such a share of the records lacks the value.</summary>
internal sealed record NullRateRule(double Max) : RunRule
{
    internal override string Kind => "null_rate";

    public override string? Misuse() => Max is >= 0 and <= 1 ? null : "max: expected a share from 0 to 1.";

    /// <summary>What was expected and found; <see langword="null"/> when so many may lack it.</summary>
    public string? Failure(long records, long missing) =>
        missing > Max * records ? $"Expected at most {Max:P0} of the records without a value, found {missing} of {records}." : null;
}

/// <summary>The record that was changed last was changed not longer ago than so; by the time that <c>updatedAt</c> of the connector reads.</summary>
internal sealed record FreshnessRule(double MaxAgeHours) : RunRule
{
    internal override string Kind => "freshness";

    public override string? Misuse() => MaxAgeHours is > 0 and <= 24 * 36_500 ? null : "maxAgeHours: expected more than 0 hours, at most a hundred years.";

    /// <summary>What was expected and found; <see langword="null"/> when the time is fresh enough.</summary>
    public string? Failure(DateTimeOffset? newest, DateTimeOffset now) => newest is not { } time
        ? "Expected records that say when they were changed, found none."
        : now - time > TimeSpan.FromHours(MaxAgeHours) ? $"Expected a change within {MaxAgeHours} hours, found the last one at {time:u}." : null;
}
