namespace Elt.Durable.Messages;

/// <summary>
/// Hands each message of a run to one receiver. Only the run's owner can consume its messages, so it is enough that the receivers of this execution do
/// not get the same one; the commit that records a receiver's step marks the message in the journal.
/// </summary>
internal sealed class Inbox(IMessageStore messages, string runId)
{
    private readonly SemaphoreSlim _asking = new(1);
    private readonly HashSet<string> _taken = [];

    /// <summary>Takes the message of a topic that waits longest, if there is one; <see cref="Consumed"/> must follow its commit.</summary>
    public async Task<WaitingMessage?> TakeAsync(string topic, CancellationToken ct)
    {
        // One after the other: an answer that was on its way while somebody else took and committed might name that one's message.
        await _asking.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            List<string> taken;
            lock (_taken)
                taken = [.. _taken];
            var message = await messages.FindOldestAsync(runId, topic, taken, ct).ConfigureAwait(false);
            if (message is not null)
            {
                lock (_taken)
                    _taken.Add(message.IdempotencyKey);
            }
            return message;
        }
        finally
        {
            _asking.Release();
        }
    }

    /// <summary>Says that the journal knows: the message will not be found again.</summary>
    public void Consumed(string idempotencyKey)
    {
        lock (_taken)
            _taken.Remove(idempotencyKey);
    }
}
