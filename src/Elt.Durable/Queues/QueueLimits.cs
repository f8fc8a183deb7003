namespace Elt.Durable;

/// <summary>What a queue allows at most. A limit that is <see langword="null"/> does not limit.</summary>
public sealed record QueueLimits
{
    /// <summary>Runs begun and not ended at the same time over all workers, parked ones included; at least 1. Default no limit.</summary>
    public int? Concurrency { get; init; }

    /// <summary>Runs that one worker executes at the same time; at least 1. Default no limit.</summary>
    public int? WorkerConcurrency { get; init; }

    /// <summary>Runs of one key begun and not ended at the same time over all workers; at least 1. Default no limit. Does not concern runs without key.</summary>
    public int? KeyConcurrency { get; init; }

    /// <summary>How many runs begin in any period over all workers; default no limit. A run that goes on after its worker was lost begins once more.</summary>
    public RateLimit? RateLimit { get; init; }

    /// <exception cref="ArgumentException">A limit is below 1, or the period is not from a millisecond to a year.</exception>
    internal void Validate(string queue)
    {
        foreach (var (limit, value) in new[]
        {
            (nameof(Concurrency), Concurrency), (nameof(WorkerConcurrency), WorkerConcurrency), (nameof(KeyConcurrency), KeyConcurrency), (nameof(RateLimit), RateLimit?.Runs),
        })
        {
            if (value < 1)
                throw new ArgumentException($"{limit} of queue '{queue}' is at least 1; this one is {value}. Leave it out for no limit.");
        }
        if (RateLimit is { Period: var period } && (period < TimeSpan.FromMilliseconds(1) || period > TimeSpan.FromDays(366)))
            throw new ArgumentException($"The period of the rate limit of queue '{queue}' is from a millisecond to 366 days; this one is {period}.");
    }
}

/// <summary>At most so many starts in any window of a period: the one after them begins at least a period after the first of them.</summary>
/// <param name="Runs">Starts per period; at least 1. All of them may be used at once.</param>
/// <param name="Period">Length of the window; 1 ms to 366 days.</param>
public sealed record RateLimit(int Runs, TimeSpan Period);

/// <summary>A queue as the journal shows it.</summary>
public sealed record QueueInfo
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>The limits in force: as declared, or as changed since.</summary>
    public required QueueLimits Limits { get; init; }

    /// <summary>Whether no run begins until it is resumed.</summary>
    public required bool IsPaused { get; init; }

    /// <summary>Runs that wait to begin, delayed ones included.</summary>
    public required long Enqueued { get; init; }

    /// <summary>Runs begun and not ended, parked ones included.</summary>
    public required long Active { get; init; }
}
