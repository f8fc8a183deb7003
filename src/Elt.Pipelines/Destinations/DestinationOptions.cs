namespace Elt.Pipelines.Destinations;

/// <summary>What becomes of a row whose record is gone.</summary>
public enum DeleteMode
{
    /// <summary>The row is deleted.</summary>
    Hard,

    /// <summary>The row stays with its last values and the time in <c>deleted_at</c>; NULL again when the record comes back.</summary>
    Soft,
}

/// <summary>What a destination keeps beside the latest state.</summary>
public sealed record DestinationOptions
{
    /// <summary>What becomes of a row whose record is gone. Rows of the other mode stay as they are. Default hard.</summary>
    public DeleteMode DeleteMode { get; init; }

    /// <summary>
    /// Whether each state of each row is kept in its history, such as <c>users_history</c>, and each change told in its outbox, such as <c>users_changes</c>. A first load writes three
    /// rows instead of one; later syncs write them for changed rows only. Switched on later, it begins with the rows there are. Default true.
    /// </summary>
    public bool History { get; init; } = true;
}
