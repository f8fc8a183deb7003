namespace Elt.Durable.Queues;

/// <summary>The queues as the journal keeps them. Part of <see cref="Journal.IJournal"/>; the same contract holds.</summary>
internal interface IQueueStore
{
    /// <summary>Declares queues; limits that are stored already stay as they are, unless the declaration changed since.</summary>
    Task DeclareAsync(IReadOnlyList<QueueDefinition> queues, CancellationToken ct);

    /// <summary>The queues that were declared and not deleted since, by name.</summary>
    Task<IReadOnlyList<QueueInfo>> ListAsync(CancellationToken ct);

    /// <summary>Changes the limits from the next claim on. Returns whether there is such a queue.</summary>
    Task<bool> SetLimitsAsync(string queue, QueueLimits limits, CancellationToken ct);

    /// <summary>Lets no run begin any more, or again. Returns whether there is such a queue.</summary>
    Task<bool> SetPausedAsync(string queue, bool paused, CancellationToken ct);

    /// <summary>Deletes a queue unless runs of it have not ended. Returns whether it was deleted.</summary>
    Task<bool> DeleteAsync(string queue, CancellationToken ct);

    /// <summary>Changes the priority of a run that waits in a queue. Returns whether there is such a run.</summary>
    Task<bool> SetPriorityAsync(string runId, int priority, CancellationToken ct);
}
