namespace Elt.Durable.Control;

/// <summary>Changes to runs from outside, as the journal makes them. Part of <see cref="Journal.IJournal"/>; the same contract holds.</summary>
internal interface IRunControl
{
    /// <summary>
    /// Ends live runs, and with them their live descendants, as CANCELLED; each other run stays as it is. What their executors write afterwards is refused.
    /// The outcome is recorded for and wakes each parent that lives on.
    /// </summary>
    Task<Cancelled> CancelAsync(IReadOnlyList<string> runIds, ErrorInfo reason, bool cascade, CancellationToken ct);

    /// <summary>Cancels runs that are past their deadline, at most <paramref name="limit"/> and their descendants.</summary>
    /// <returns>Those, and the earliest deadline of the runs that live on.</returns>
    Task<(Cancelled Cancelled, DateTimeOffset? NextDeadline)> CancelOverdueAsync(int limit, CancellationToken ct);

    /// <summary>
    /// Makes cancelled and dead-lettered runs due again, without deadline and with a fresh budget of recoveries; with <paramref name="cascade"/> also
    /// those descendants whose end their parents have not recorded. Returns how many.
    /// </summary>
    /// <exception cref="WorkflowConflictException">A live run holds the deduplication id of one of them; none is resumed.</exception>
    Task<int> ResumeAsync(IReadOnlyList<string> runIds, bool cascade, CancellationToken ct);

    /// <summary>Creates a run with another one's input and the beginning of its history; <see langword="false"/> when the new id or the source is not to be had.</summary>
    Task<bool> ForkAsync(RunFork fork, CancellationToken ct);

    /// <summary>
    /// Deletes ended runs with all that belongs to them; none that has a live child, nor, with <paramref name="cascade"/>, any live descendant. Returns how many.
    /// </summary>
    Task<int> DeleteAsync(IReadOnlyList<string> runIds, bool cascade, CancellationToken ct);

    /// <summary>
    /// Deletes up to <paramref name="limit"/> runs that ended longer ago than <paramref name="age"/>, with all that belongs to them; none whose parent
    /// is live or has ended since, and none with a live child. Returns how many.
    /// </summary>
    Task<int> PurgeAsync(TimeSpan age, int limit, CancellationToken ct);
}

/// <summary>A run that begins with the history of another.</summary>
/// <param name="SourceId">The other run.</param>
/// <param name="RunId">Id of the new run.</param>
/// <param name="Before">Steps recorded before this time are copied; none when <see langword="null"/>.</param>
/// <param name="Version">Version of the workflow, <see langword="null"/> for the source's.</param>
/// <param name="Queue">Queue to go through, <see langword="null"/> for the source's.</param>
internal sealed record RunFork(string SourceId, string RunId, DateTimeOffset? Before, int? Version, string? Queue);
