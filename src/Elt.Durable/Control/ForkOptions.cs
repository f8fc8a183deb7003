namespace Elt.Durable;

/// <summary>How to fork a run. Unset members keep their defaults.</summary>
public sealed record ForkOptions
{
    /// <summary>
    /// Key of the first step to be executed anew, such as <c>batch-03/page-017</c>: what was recorded before it is taken over. Default none, which begins
    /// from the beginning. Steps of parallel branches that were recorded before it count as done.
    /// </summary>
    public string? FromStep { get; init; }

    /// <summary>Id of the new run, an idempotency key as that of a start; default a new time-ordered id.</summary>
    public string? WorkflowId { get; init; }

    /// <summary>Version of the workflow that executes it; default the one of the run it is forked from.</summary>
    public int? Version { get; init; }

    /// <summary>Queue to go through; default the one of the run it is forked from.</summary>
    public string? Queue { get; init; }
}
