namespace Elt.Durable.Streams;

/// <summary>
/// Events and streams as the journal keeps them: the entries of a run's events and those of its streams have positions from 0 without gap in each name; the commit of the
/// step that writes an entry gives it its position. Part of <see cref="Journal.IJournal"/>; the same contract holds.
/// </summary>
internal interface IStreamStore
{
    /// <summary>The last value of a run's event; <see langword="null"/> when there is no such run.</summary>
    /// <param name="runId">The run that sets it.</param>
    /// <param name="name">Name of the event.</param>
    /// <param name="waiter">
    /// A run to be woken once when the other one sets any event or ends, unless it has ended already. Whatever is committed after this answer wakes it.
    /// </param>
    /// <param name="ct">Gives up.</param>
    Task<EventState?> FindEventAsync(string runId, string name, string? waiter, CancellationToken ct);

    /// <summary>All that a run has set, in order.</summary>
    Task<IReadOnlyList<EventInfo>> ListEventsAsync(string runId, CancellationToken ct);

    /// <summary>Entries of a stream from a position on; <see langword="null"/> when there is no such run.</summary>
    Task<StreamPage?> ReadAsync(string runId, string stream, long fromPosition, int limit, CancellationToken ct);
}
