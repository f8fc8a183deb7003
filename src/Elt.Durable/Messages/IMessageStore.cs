namespace Elt.Durable.Messages;

/// <summary>The messages as the journal keeps them; they come and go by its commits. Part of <see cref="Journal.IJournal"/>; the same contract holds.</summary>
internal interface IMessageStore
{
    /// <summary>Whether there is a run of this id, ended or not.</summary>
    Task<bool> IsKnownAsync(string runId, CancellationToken ct);

    /// <summary>The message of a topic that waits longest, or <see langword="null"/>.</summary>
    /// <param name="runId">The run that receives.</param>
    /// <param name="topic">The topic.</param>
    /// <param name="except">Idempotency keys of messages that are being received already.</param>
    /// <param name="ct">Gives up.</param>
    Task<WaitingMessage?> FindOldestAsync(string runId, string topic, IReadOnlyCollection<string> except, CancellationToken ct);
}
