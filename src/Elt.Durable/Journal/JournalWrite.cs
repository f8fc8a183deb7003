using Elt.Durable.Control;
using Elt.Durable.Execution;

namespace Elt.Durable.Journal;

/// <summary>A state change on its way into the journal. The journal sets its outcome, the writer tells the waiter after the commit.</summary>
internal abstract class JournalWrite
{
    private readonly TaskCompletionSource _committed;

    /// <param name="continuations">How the waiter continues: by default on the thread that committed, which must then not be the user's code.</param>
    protected JournalWrite(TaskCreationOptions continuations = TaskCreationOptions.None) => _committed = new(continuations);

    /// <summary>Completes when the write is durable or refused; faults when it can never be written.</summary>
    public Task Committed => _committed.Task;

    /// <summary>Characters of payload, to bound a batch.</summary>
    public abstract int Weight { get; }

    /// <summary>Set by the journal: what the commit of this write made due in this process.</summary>
    public JournalHint Woke { get; set; }

    public void Complete() => _committed.TrySetResult();

    public void Fail(Exception error) => _committed.TrySetException(error);
}

/// <summary>The run a worker writes for, under the epoch it claimed it with.</summary>
/// <param name="Id">The run.</param>
/// <param name="Epoch">The epoch.</param>
/// <param name="CreatedAt">When the run was created: another run of its id, after it was deleted, begins with the same epochs. <see langword="null"/> for whichever it is.</param>
internal readonly record struct RunKey(string Id, long Epoch, DateTimeOffset? CreatedAt = null);

/// <summary>A write that only the owner of a run may make.</summary>
internal abstract class OwnedWrite(RunKey run) : JournalWrite
{
    public RunKey Run { get; } = run;

    /// <summary>Set by the journal: the run belongs to somebody else by now, nothing was written.</summary>
    public bool Fenced { get; set; }
}

/// <summary>A run to be created.</summary>
internal sealed record NewRun
{
    public required string Id { get; init; }

    /// <summary>Whether the id was made up for this run, so that no other can have it.</summary>
    public bool HasNewId { get; init; }

    public required WorkflowReference Workflow { get; init; }

    public required string Input { get; init; }

    public string? Queue { get; init; }

    public int Priority { get; init; }

    public TimeSpan Delay { get; init; }

    /// <summary>Shares the queue with other keys in turn.</summary>
    public string? QueueKey { get; init; }

    /// <summary>While a run of this id has not ended in the queue, no other is created.</summary>
    public string? DeduplicationId { get; init; }

    /// <summary>When the run is cancelled if it has not ended by then.</summary>
    public DateTimeOffset? DeadlineAt { get; init; }

    /// <summary>How long it may take, counted from its creation; the earlier of this and <see cref="DeadlineAt"/> counts.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>The schedule that started it.</summary>
    public string? Schedule { get; init; }

    /// <summary>The parent under the epoch that starts this child; the child is only created while the parent is owned.</summary>
    public RunKey? Parent { get; init; }

    /// <summary>Created as already claimed by the writing worker (epoch 1), which saves a claim.</summary>
    public bool ClaimNow { get; init; }

    /// <summary>The deadline of a run that was created at a time.</summary>
    public DateTimeOffset? DeadlineFrom(DateTimeOffset createdAt) => Deadline.Earlier(DeadlineAt, createdAt + Timeout);
}

/// <summary>Creates a run, or finds the one that has the id.</summary>
internal sealed class StartWrite(NewRun run) : JournalWrite(TaskCreationOptions.RunContinuationsAsynchronously)
{
    public NewRun Run { get; } = run;

    public override int Weight => Run.Input.Length;

    /// <summary>Set by the journal: the parent belongs to somebody else by now, nothing was written.</summary>
    public bool Fenced { get; set; }

    /// <summary>Set by the journal: the run that had the id before; <see langword="null"/> when this write created it.</summary>
    public RunInfo? Existing { get; set; }

    /// <summary>Set by the journal: there is no such queue, nothing was written.</summary>
    public bool QueueIsUnknown { get; set; }

    /// <summary>Set by the journal: the run that holds the deduplication id, which is why nothing was written.</summary>
    public RunInfo? Duplicate { get; set; }

    /// <summary>Nothing was written, and what was in the way is gone by now.</summary>
    public bool IsToBeRepeated => CreatedAt == default && Existing is null && Duplicate is null && !Fenced && !QueueIsUnknown;

    /// <summary>Set by the journal when it created the run.</summary>
    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>Set by the journal when it created the run as claimed by the writing worker.</summary>
    public bool Claimed { get; set; }
}

/// <summary>Records the outcome of a step.</summary>
/// <param name="run">The run.</param>
/// <param name="step">The step.</param>
/// <param name="effect">What the step does to the journal; in the same commit, exactly once with the step's record.</param>
internal sealed class StepWrite(RunKey run, StepInfo step, StepEffect? effect = null) : OwnedWrite(run)
{
    public StepInfo Step { get; } = step;

    public StepEffect? Effect { get; } = effect;

    public override int Weight => Step.Key.Length + (Step.Result?.Length ?? 0) + (Step.Error?.Stack?.Length ?? 0) + (Effect?.Weight ?? 0);
}

/// <summary>What a step does to the journal beside being recorded.</summary>
internal abstract record StepEffect
{
    /// <summary>Characters of payload.</summary>
    public abstract int Weight { get; }
}

/// <summary>Records a failed attempt that is followed by another.</summary>
internal sealed class AttemptWrite(RunKey run, StepAttempt attempt) : OwnedWrite(run)
{
    public StepAttempt Attempt { get; } = attempt;

    public override int Weight => Attempt.Key.Length + (Attempt.Error.Stack?.Length ?? 0);
}

/// <summary>Parks a run that only waits: no owner, due at a time or when something wakes it.</summary>
/// <param name="run">The run.</param>
/// <param name="dueAt">When it is due by itself; <see langword="null"/> when only a wake-up can make it due.</param>
/// <param name="wakeCount">The wake-ups that the executor knows of; with another count in the journal the run is not parked.</param>
internal sealed class ParkWrite(RunKey run, DateTimeOffset? dueAt, long wakeCount) : OwnedWrite(run)
{
    public DateTimeOffset? DueAt { get; } = dueAt;

    public long WakeCount { get; } = wakeCount;

    public override int Weight => 0;

    /// <summary>Set by the journal: the run was woken meanwhile and stays with its worker.</summary>
    public bool Woken { get; set; }
}

/// <summary>Ends a run; records the outcome in the parent's history and wakes the parent.</summary>
internal sealed class EndWrite(RunKey run, string? parentId, RunOutcome outcome) : OwnedWrite(run)
{
    public string? ParentId { get; } = parentId;

    public RunOutcome Outcome { get; } = outcome;

    /// <summary>Whether it was this write that ended the run, as it is in the journal.</summary>
    public bool IsOf(RunInfo run) => run.Epoch == Run.Epoch && run.Status == Outcome.Status && run.CompletedAt == Outcome.CompletedAt;

    public override int Weight => (Outcome.Output?.Length ?? 0) + (Outcome.Error?.Stack?.Length ?? 0);
}

/// <summary>How a run ended.</summary>
internal sealed record RunOutcome(RunStatus Status, string? Output, ErrorInfo? Error, DateTimeOffset CompletedAt)
{
    /// <summary>The outcome as the parent's history records it; the commit that ends the run writes the same row.</summary>
    public StepInfo ToStepOf(string parentId, string childId, DateTimeOffset createdAt) => new()
    {
        Key = childId[(parentId.Length + 1)..],
        Kind = StepKind.Child,
        Status = Status,
        Result = Output,
        Error = Error,
        Attempts = 1,
        StartedAt = createdAt,
        CompletedAt = CompletedAt,
    };
}
