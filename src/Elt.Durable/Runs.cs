namespace Elt.Durable;

/// <summary>Where a run stands.</summary>
public enum RunStatus
{
    /// <summary>Waits for a worker, or for its delay to pass.</summary>
    Enqueued,

    /// <summary>A worker executes it.</summary>
    Running,

    /// <summary>Parked: waits for a child or a time, holds no memory.</summary>
    Waiting,

    /// <summary>Ended with a result.</summary>
    Success,

    /// <summary>Ended with an error.</summary>
    Error,

    /// <summary>Ended from outside or by its deadline.</summary>
    Cancelled,

    /// <summary>Its workers died too often; can be resumed with a fresh budget.</summary>
    MaxRecoveryAttemptsExceeded,
}

/// <summary>The spelling of <see cref="RunStatus"/> in journals, APIs and on the command line.</summary>
public static class RunStatusText
{
    private static readonly string[] Texts =
        ["ENQUEUED", "RUNNING", "WAITING", "SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"];

    /// <summary>Upper case, words joined by underscores: <c>MAX_RECOVERY_ATTEMPTS_EXCEEDED</c>.</summary>
    /// <param name="status">The status.</param>
    public static string ToText(this RunStatus status) => Texts[(int)status];

    /// <summary>Whether a run of this status is over.</summary>
    /// <param name="status">The status.</param>
    public static bool IsFinal(this RunStatus status) => status >= RunStatus.Success;

    /// <summary>Reads the spelling of <see cref="ToText"/>; case does not matter.</summary>
    /// <param name="text">The text.</param>
    /// <param name="status">The status read.</param>
    public static bool TryParse(string text, out RunStatus status)
    {
        var index = Array.FindIndex(Texts, t => t.Equals(text, StringComparison.OrdinalIgnoreCase));
        status = (RunStatus)Math.Max(index, 0);
        return index >= 0;
    }

    internal static RunStatus Parse(string text) =>
        TryParse(text, out var status) ? status : throw new JournalException($"The journal holds the unknown run status '{text}'.");
}

/// <summary>A run as the journal shows it.</summary>
public sealed record RunInfo
{
    /// <summary>The workflow id: idempotency key of the run.</summary>
    public required string Id { get; init; }

    /// <summary>Name of the workflow.</summary>
    public required string Workflow { get; init; }

    /// <summary>Version of the workflow's code.</summary>
    public required int Version { get; init; }

    /// <summary>Where the run stands.</summary>
    public required RunStatus Status { get; init; }

    /// <summary>Input as JSON.</summary>
    public required string Input { get; init; }

    /// <summary>Result as JSON; <see langword="null"/> until the run succeeded.</summary>
    public string? Output { get; init; }

    /// <summary>Why the run did not succeed; <see langword="null"/> while it may still, and when it did.</summary>
    public ErrorInfo? Error { get; init; }

    /// <summary>Queue the run came through, if any.</summary>
    public string? Queue { get; init; }

    /// <summary>The run that started this one, if any.</summary>
    public string? ParentId { get; init; }

    /// <summary>How often the run changed hands: the fencing token of its writes. 0 before the first claim.</summary>
    public required long Epoch { get; init; }

    /// <summary>How often a worker died under the run.</summary>
    public required int Recoveries { get; init; }

    /// <summary>The worker that executes it now, if any.</summary>
    public string? Owner { get; init; }

    /// <summary>When a waiting or enqueued run is due next; <see langword="null"/> when it waits for something else.</summary>
    public DateTimeOffset? DueAt { get; init; }

    /// <summary>When the run was started or enqueued.</summary>
    public required DateTimeOffset CreatedAt { get; init; }

    /// <summary>When a worker first took it.</summary>
    public DateTimeOffset? StartedAt { get; init; }

    /// <summary>When it ended.</summary>
    public DateTimeOffset? CompletedAt { get; init; }

    /// <summary>When it is cancelled if it has not ended by then.</summary>
    public DateTimeOffset? DeadlineAt { get; init; }

    /// <summary>The key under which it shares its queue with others in turn.</summary>
    public string? QueueKey { get; init; }

    /// <summary>While this run has not ended, its queue takes no other of this id.</summary>
    public string? DeduplicationId { get; init; }

    /// <summary>The schedule that started it.</summary>
    public string? Schedule { get; init; }

    /// <summary>The run whose history it began with.</summary>
    public string? ForkedFrom { get; init; }
}

/// <summary>What a step's journal entry records.</summary>
public enum StepKind
{
    /// <summary>A step or transactional step.</summary>
    Step,

    /// <summary>A child's outcome.</summary>
    Child,

    /// <summary>A sleep's wake time.</summary>
    Sleep,

    /// <summary>Which path a run takes at a change of its code.</summary>
    Patch,

    /// <summary>A message was sent.</summary>
    Send,

    /// <summary>A message that came in, or another run's event.</summary>
    Receive,

    /// <summary>When a wait for a message or an event is over; noted when the wait begins.</summary>
    Timeout,

    /// <summary>An event was set.</summary>
    Event,

    /// <summary>An entry was appended to a stream.</summary>
    Stream,
}

/// <summary>The spelling of <see cref="StepKind"/> in journals.</summary>
internal static class StepKindText
{
    private static readonly string[] Texts = [.. Enum.GetNames<StepKind>().Select(n => n.ToUpperInvariant())];

    public static string ToText(this StepKind kind) => Texts[(int)kind];
}

/// <summary>One recorded step of a run.</summary>
public sealed record StepInfo
{
    /// <summary>Key of the step: its name with the scopes it stands in.</summary>
    public required string Key { get; init; }

    /// <summary>What was recorded.</summary>
    public required StepKind Kind { get; init; }

    /// <summary><see cref="RunStatus.Success"/> or how it failed; for a child the status it ended with.</summary>
    public required RunStatus Status { get; init; }

    /// <summary>Result as JSON; <see langword="null"/> when the step failed.</summary>
    public string? Result { get; init; }

    /// <summary>The error of the last attempt; <see langword="null"/> when the step succeeded.</summary>
    public ErrorInfo? Error { get; init; }

    /// <summary>Attempts made, 1 when the first succeeded.</summary>
    public required int Attempts { get; init; }

    /// <summary>When the first attempt of the recording execution began.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>When the outcome was known.</summary>
    public required DateTimeOffset CompletedAt { get; init; }
}
