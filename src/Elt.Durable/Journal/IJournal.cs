using Elt.Durable.Execution;

namespace Elt.Durable.Journal;

/// <summary>
/// The durable state of the engine. One implementation per store; both pass the same suite.
/// Methods may be called concurrently. A method that throws a transient error (see <see cref="RetryPolicy.IsTransientDatabaseError"/>) may or
/// may not have taken effect; every method can be called again with the same arguments then.
/// </summary>
internal interface IJournal : IAsyncDisposable
{
    /// <summary>Checks that the journal can be used and brings its tables up to date; safe when many processes do it at once.</summary>
    /// <exception cref="JournalException">Held by another process, newer than this code, or migrated by other code.</exception>
    Task OpenAsync(CancellationToken ct);

    /// <summary>Writes a worker's row with a fresh lease and what it can execute, and returns the journal's time.</summary>
    Task<DateTimeOffset> RegisterWorkerAsync(string workerId, TimeSpan lease, IReadOnlyCollection<WorkflowReference> workflows, CancellationToken ct);

    /// <summary>Renews the lease; <see langword="null"/> when the worker's row is gone: its runs belong to others, whatever it still thinks.</summary>
    Task<DateTimeOffset?> RenewLeaseAsync(string workerId, TimeSpan lease, CancellationToken ct);

    /// <summary>Gives all of a worker's runs back, due at once, and deletes its row.</summary>
    Task ReleaseWorkerAsync(string workerId, CancellationToken ct);

    /// <summary>
    /// Gives back the runs whose worker is gone or past its lease, each counted as a recovery, and deletes those workers. In its queue a run that is
    /// given back goes before all that have not begun, whatever their priority.
    /// Waits for commits of such a worker that are in flight, so that none lands afterwards. Returns how many runs.
    /// </summary>
    Task<int> RecoverAsync(CancellationToken ct);

    /// <summary>Gives back the runs that a live worker owns in the journal but does not know: an answer was lost. Returns how many.</summary>
    Task<int> ReleaseUnknownAsync(string workerId, IReadOnlyCollection<string> known, CancellationToken ct);

    /// <summary>Looks, without writing, whether a claim or a recovery would find anything now, and when to look again at the latest.</summary>
    Task<Prospect> ProbeAsync(ClaimRequest request, CancellationToken ct);

    /// <summary>Of the runs that a worker executes, those that changed without it: they are not its own any more, or were woken since.</summary>
    Task<IReadOnlyList<ChangedRun>> FindChangedAsync(string workerId, IReadOnlyList<ExecutedRun> executed, CancellationToken ct);

    /// <summary>
    /// Takes up to <see cref="ClaimRequest.Limit"/> due runs for a worker, each with its epoch raised. Never exceeds a queue's limits. One call at a time.
    /// </summary>
    Task<ClaimResult> ClaimAsync(ClaimRequest request, CancellationToken ct);

    /// <summary>
    /// Commits writes in one transaction and sets the outcome of each. Writes of a run whose epoch or owner is another by now change nothing
    /// and are marked as fenced. A write that was committed before (its answer was lost) is recognized as done. Called for one commit after the other.
    /// </summary>
    Task CommitAsync(string workerId, IReadOnlyList<JournalWrite> writes, CancellationToken ct);

    /// <summary>The workflow versions that runs are due for and that no live worker can execute.</summary>
    Task<IReadOnlyList<UnservedWorkflow>> FindUnservedAsync(CancellationToken ct);

    /// <summary>What a replay needs, or nothing when there is no such run.</summary>
    Task<RunHistory> ReadHistoryAsync(string runId, CancellationToken ct);

    /// <summary>The run, or <see langword="null"/>.</summary>
    Task<RunInfo?> FindRunAsync(string runId, CancellationToken ct);

    /// <summary>A page of the runs that fit, newest first.</summary>
    Task<IReadOnlyList<RunInfo>> ListRunsAsync(RunFilter filter, CancellationToken ct);

    /// <summary>How many runs fit, by status; a status that none has is missing.</summary>
    Task<IReadOnlyDictionary<RunStatus, long>> CountRunsAsync(RunFilter filter, CancellationToken ct);

    /// <summary>The queues.</summary>
    Queues.IQueueStore Queues { get; }

    /// <summary>The schedules.</summary>
    Schedules.IScheduleStore Schedules { get; }

    /// <summary>The messages.</summary>
    Messages.IMessageStore Messages { get; }

    /// <summary>Events and streams.</summary>
    Streams.IStreamStore Streams { get; }

    /// <summary>Cancel, resume, fork, delete, purge.</summary>
    Control.IRunControl Control { get; }

    /// <summary>Completes when another process may have made work due or woken a run. Only a hint: it may come late, twice or never.</summary>
    Task<JournalHint> WaitForHintAsync(CancellationToken ct);
}

/// <summary>What a journal needs from its process.</summary>
/// <param name="Clock">Replaces the database's clock in tests; <see langword="null"/> otherwise.</param>
internal sealed record JournalSettings(TimeProvider? Clock = null);

/// <summary>Who claims what.</summary>
/// <param name="WorkerId">The worker.</param>
/// <param name="Limit">Runs at most; at least 1.</param>
/// <param name="Workflows">The (name, version) pairs it can execute.</param>
/// <param name="Queues">The queues it serves.</param>
internal sealed record ClaimRequest(string WorkerId, int Limit, IReadOnlyList<WorkflowReference> Workflows, IReadOnlyList<string> Queues);

/// <summary>What a worker took.</summary>
/// <param name="Runs">The runs.</param>
/// <param name="NextStart">When a queue's rate limit allows a start again that it may have refused now; <see langword="null"/> when none did.</param>
internal sealed record ClaimResult(IReadOnlyList<ClaimedRun> Runs, DateTimeOffset? NextStart);

/// <summary>What another process says that it did.</summary>
[Flags]
internal enum JournalHint
{
    None = 0,

    /// <summary>There may be something to claim.</summary>
    WorkIsDue = 1,

    /// <summary>Runs that a worker executes were woken or ended from outside.</summary>
    RunsAreWoken = 2,
}

/// <summary>What a worker would find now.</summary>
/// <param name="WorkIsDue">There may be something to claim.</param>
/// <param name="WorkersAreGone">A worker is past its lease.</param>
/// <param name="NextDue">When a run or the end of a lease is due next, as far as is known; <see langword="null"/> when nothing is.</param>
/// <param name="NextDeadline">The earliest deadline of a live run, also one that has passed; <see langword="null"/> when none has one.</param>
internal sealed record Prospect(bool WorkIsDue, bool WorkersAreGone, DateTimeOffset? NextDue, DateTimeOffset? NextDeadline);

/// <summary>A run as the worker that executes it knows it.</summary>
internal readonly record struct ExecutedRun(string Id, long Epoch, long WakeCount);

/// <summary>A run that changed without the worker that executes it.</summary>
/// <param name="Id">The run.</param>
/// <param name="IsLost">It belongs to another worker, or has ended; else it was woken.</param>
internal readonly record struct ChangedRun(string Id, bool IsLost);

/// <summary>A run that this worker may execute now.</summary>
internal sealed record ClaimedRun
{
    public required string Id { get; init; }

    public required string Workflow { get; init; }

    public required int Version { get; init; }

    public required string Input { get; init; }

    public required long Epoch { get; init; }

    public required int Recoveries { get; init; }

    /// <summary>How many wake-ups the run had got when it was claimed; its history holds at least what they told.</summary>
    public required long WakeCount { get; init; }

    public required string? ParentId { get; init; }

    public string? Queue { get; init; }

    public DateTimeOffset? DeadlineAt { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>All that a run has done so far.</summary>
/// <param name="WakeCount">Wake-ups the run had got before the rest was read.</param>
/// <param name="Steps">Recorded steps, in the order they were recorded.</param>
/// <param name="Attempts">Failed attempts of steps that may have no record yet.</param>
/// <param name="OpenChildren">Ids of children that were started and have not ended.</param>
internal sealed record RunHistory(
    long WakeCount, IReadOnlyList<StepInfo> Steps, IReadOnlyList<StepAttempt> Attempts, IReadOnlyList<string> OpenChildren)
{
    public static RunHistory Empty { get; } = new(0, [], [], []);
}

/// <summary>A failed attempt after which the step is tried again.</summary>
internal sealed record StepAttempt(string Key, int Attempt, ErrorInfo Error, DateTimeOffset FailedAt, DateTimeOffset RetryAt);
