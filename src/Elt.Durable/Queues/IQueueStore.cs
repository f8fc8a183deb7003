namespace Elt.Durable.Queues;

/// <summary>The queues as the journal keeps them. Part of <see cref="Journal.IJournal"/>; the same contract holds.</summary>
internal interface IQueueStore
{
    /// <summary>Declares queues; limits that are stored already stay as they are, unless the declaration changed since.</summary>
    Task DeclareAsync(IReadOnlyList<QueueDefinition> queues, CancellationToken ct);

    /// <summary>Names of the queues that were ever declared, in order.</summary>
    Task<IReadOnlyList<string>> ListAsync(CancellationToken ct);
}
