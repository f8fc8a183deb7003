using Elt.Durable.Journal;

namespace Elt.Durable.Control;

/// <summary>Which runs to cancel, and what their error says.</summary>
/// <param name="RunIds">The runs.</param>
/// <param name="Reason">Their error.</param>
/// <param name="Cascade">Whether their descendants are meant as well.</param>
/// <param name="OverdueOnly">Whether only those are meant that are past their deadline.</param>
internal sealed record Cancellation(IReadOnlyList<string> RunIds, ErrorInfo Reason, bool Cascade, bool OverdueOnly = false)
{
    public static ErrorInfo DeadlinePassed { get; } = By("deadline passed");

    public static ErrorInfo By(string? reason) => new("Cancelled", string.IsNullOrWhiteSpace(reason) ? "cancelled" : reason, null);

    public Cancelled Of(IReadOnlyList<string> runIds, DateTimeOffset at) => new(runIds, new RunOutcome(RunStatus.Cancelled, null, Reason, at));

    public static WorkflowConflictException DeduplicationIdTaken(IReadOnlyList<string> runIds) => new(
        $"Run '{runIds[0]}'{(runIds.Count > 1 ? $" or one of {runIds.Count - 1} more" : "")} cannot be resumed: a live run holds its deduplication id in the queue. Wait for that one, or cancel it.");
}

/// <summary>Runs that were cancelled together, and how they ended.</summary>
/// <param name="RunIds">The runs, descendants included.</param>
/// <param name="Outcome">The outcome of each of them.</param>
internal sealed record Cancelled(IReadOnlyList<string> RunIds, RunOutcome Outcome);
