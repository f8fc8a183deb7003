namespace Elt.Durable;

/// <summary>Which runs to list or count. All conditions must hold; unset ones do not count.</summary>
public sealed record RunFilter
{
    /// <summary>Any of these; empty means all.</summary>
    public IReadOnlyList<RunStatus> Statuses { get; init; } = [];

    /// <summary>Exact name of the workflow.</summary>
    public string? Workflow { get; init; }

    /// <summary>Beginning of the workflow id.</summary>
    public string? IdPrefix { get; init; }

    /// <summary>The parent's workflow id.</summary>
    public string? ParentId { get; init; }

    /// <summary>Only runs that no other run started. Default <see langword="false"/>.</summary>
    public bool RootsOnly { get; init; }

    /// <summary>Exact name of the queue.</summary>
    public string? Queue { get; init; }

    /// <summary>Exact name of the schedule that started the run.</summary>
    public string? Schedule { get; init; }

    /// <summary>Part of the recorded error's type or message, whatever its case. Only runs that ended without success have one.</summary>
    public string? ErrorText { get; init; }

    /// <summary>Created at this time or later.</summary>
    public DateTimeOffset? CreatedFrom { get; init; }

    /// <summary>Created before this time.</summary>
    public DateTimeOffset? CreatedTo { get; init; }

    /// <summary>Ended at this time or later.</summary>
    public DateTimeOffset? CompletedFrom { get; init; }

    /// <summary>Ended before this time.</summary>
    public DateTimeOffset? CompletedTo { get; init; }

    /// <summary>
    /// The page after this run: set it to <see cref="RunCursor.Of"/> of the last run of the page before. Runs created meanwhile do not shift the pages. Does not
    /// count for counting.
    /// </summary>
    public RunCursor? After { get; init; }

    /// <summary>At most this many, newest first; 1 to 1000. Default 50. Does not count for counting.</summary>
    public int Limit { get; init; } = 50;

    /// <summary>Whether only runs that ended without success can match.</summary>
    internal bool MeansOnlyFailed => ErrorText is not null || (Statuses.Count > 0 && Statuses.All(status => status > RunStatus.Success));

    internal int Page => Math.Clamp(Limit, 1, 1000);
}

/// <summary>A place in the list of runs, newest first.</summary>
/// <param name="CreatedAt">When its run was created.</param>
/// <param name="Id">Its run.</param>
public sealed record RunCursor(DateTimeOffset CreatedAt, string Id)
{
    /// <summary>The place of a run.</summary>
    public static RunCursor Of(RunInfo run)
    {
        ArgumentNullException.ThrowIfNull(run);
        return new RunCursor(run.CreatedAt, run.Id);
    }
}
