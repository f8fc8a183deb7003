namespace Elt.Durable;

/// <summary>What happens to a start whose deduplication id is held by a run that has not ended.</summary>
public enum DuplicatePolicy
{
    /// <summary>It is refused with a <see cref="DuplicateRunException"/> that names the run.</summary>
    Refuse,

    /// <summary>It gives that run.</summary>
    Attach,
}

/// <summary>How to start a run. Unset members keep their defaults.</summary>
public sealed record StartOptions
{
    private const int MaxKeyLength = 200;

    /// <summary>Queue to go through; default none, which lets any worker with the workflow take the run at once.</summary>
    public string? Queue { get; init; }

    /// <summary>Lower goes first within a queue; default 0. What has begun once and lost its worker goes before all.</summary>
    public int Priority { get; init; }

    /// <summary>Earliest start, counted from now by the journal's clock; default none.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>
    /// When the run is cancelled if it has not ended by then, wherever it is; its children are as well. Survives restarts. Default none; a time that has passed
    /// cancels it before it begins.
    /// </summary>
    public DateTimeOffset? Deadline { get; init; }

    /// <summary>
    /// The same as a duration, counted from when the run is created by the journal's clock, its delay included. The earlier of both counts. Zero and less cancels it
    /// at once; over a thousand years is none. Default none.
    /// </summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>
    /// Shares the queue with other keys in turn, so that none waits for the backlog of another: of runs of equal priority that of the key goes first
    /// whose last turn is longest ago. At most 200 characters; default none, and runs without key take turns as one.
    /// </summary>
    public string? QueueKey { get; init; }

    /// <summary>
    /// Until a run of this id has ended, the queue takes no other of it; <see cref="OnDuplicate"/> says what happens then. Free again when the run ends.
    /// At most 200 characters; default none.
    /// </summary>
    public string? DeduplicationId { get; init; }

    /// <summary>What happens when <see cref="DeduplicationId"/> is held; default <see cref="DuplicatePolicy.Refuse"/>.</summary>
    public DuplicatePolicy OnDuplicate { get; init; }

    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    internal void Validate()
    {
        if (Delay < TimeSpan.Zero)
            throw new ArgumentException($"The delay of a start is zero or more; this one is {Delay}.", nameof(Delay));
        ValidateKey(Queue, QueueKey);
        Require(Queue, DeduplicationId, nameof(DeduplicationId));
        if (Queue is null && Priority != 0)
            throw new ArgumentException($"The priority {Priority} without a queue has no meaning: name the queue, or leave it out.", nameof(Priority));
        if (OnDuplicate != DuplicatePolicy.Refuse && DeduplicationId is null)
            throw new ArgumentException("OnDuplicate has a meaning only with a deduplication id: give one, or leave it out.", nameof(OnDuplicate));
    }

    internal static void ValidateKey(string? queue, string? queueKey) => Require(queue, queueKey, nameof(QueueKey));

    private static void Require(string? queue, string? value, string member)
    {
        if (value is null)
            return;
        if (queue is null)
            throw new ArgumentException($"{member} without a queue has no meaning: name the queue, or leave it out.", member);
        if (string.IsNullOrWhiteSpace(value) || value.Length > MaxKeyLength || value.Any(char.IsControl))
            throw new ArgumentException($"{member} has 1 to {MaxKeyLength} characters, none of them a control character, and is not blank; this one has {value.Length}.", member);
    }
}
