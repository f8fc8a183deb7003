using Elt.Durable.Execution;
using Elt.Durable.Queues;

namespace Elt.Durable;

/// <summary>Looks at queues and changes them while they are in use, from any process that reaches the journal.</summary>
public sealed class QueueClient
{
    private readonly IQueueStore _queues;
    private readonly RunStarter _starter;

    internal QueueClient(IQueueStore queues, RunStarter starter)
    {
        _queues = queues;
        _starter = starter;
    }

    /// <summary>All queues with their limits and counts, by name.</summary>
    /// <param name="ct">Gives up.</param>
    public Task<IReadOnlyList<QueueInfo>> ListAsync(CancellationToken ct = default) => _queues.ListAsync(ct);

    /// <summary>
    /// Changes a queue's limits from the next claim on; what has begun goes on. They stay through restarts, until a process declares the queue with
    /// other limits than were declared last.
    /// </summary>
    /// <param name="name">The queue.</param>
    /// <param name="limits">All its limits; those left out do not limit.</param>
    /// <param name="ct">Gives up waiting; the limits may have been changed all the same.</param>
    /// <exception cref="UnknownQueueException">There is no such queue.</exception>
    /// <exception cref="ArgumentException">A limit is below 1, or the period is not from a millisecond to a year.</exception>
    public async Task SetLimitsAsync(string name, QueueLimits limits, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(limits);
        limits.Validate(name);
        await ChangeAsync(name, _queues.SetLimitsAsync(name, limits, ct)).ConfigureAwait(false);
    }

    /// <summary>Lets no run of a queue begin until it is resumed, also through restarts. Runs are still accepted; what has begun goes on.</summary>
    /// <param name="name">The queue.</param>
    /// <param name="ct">Gives up waiting; the queue may have been paused all the same.</param>
    /// <exception cref="UnknownQueueException">There is no such queue.</exception>
    public Task PauseAsync(string name, CancellationToken ct = default) => ChangeAsync(name, _queues.SetPausedAsync(name, paused: true, ct));

    /// <summary>Lets the runs of a paused queue begin again.</summary>
    /// <param name="name">The queue.</param>
    /// <param name="ct">Gives up waiting; the queue may have been resumed all the same.</param>
    /// <exception cref="UnknownQueueException">There is no such queue.</exception>
    public Task ResumeAsync(string name, CancellationToken ct = default) => ChangeAsync(name, _queues.SetPausedAsync(name, paused: false, ct));

    /// <summary>Deletes a queue that nobody needs any more. A process that declares it creates it anew when it starts.</summary>
    /// <param name="name">The queue.</param>
    /// <param name="ct">Gives up waiting; the queue may have been deleted all the same.</param>
    /// <exception cref="UnknownQueueException">There is no such queue.</exception>
    /// <exception cref="QueueInUseException">Runs of the queue have not ended.</exception>
    public async Task DeleteAsync(string name, CancellationToken ct = default)
    {
        if (await _queues.DeleteAsync(name, ct).ConfigureAwait(false))
            return;
        var queues = await _queues.ListAsync(ct).ConfigureAwait(false);
        var queue = queues.FirstOrDefault(q => q.Name == name) ?? throw UnknownQueueException.Of(name, queues);
        throw new QueueInUseException($"Queue '{name}' cannot be deleted: {queue.Enqueued} runs are enqueued and {queue.Active} active. Let them end or cancel them first.");
    }

    /// <summary>Changes the place of a run that waits in a queue.</summary>
    /// <param name="workflowId">The run.</param>
    /// <param name="priority">Lower goes first.</param>
    /// <param name="ct">Gives up waiting; the priority may have been changed all the same.</param>
    /// <returns>False when there is no such run, or it waits in no queue (any more).</returns>
    public Task<bool> SetPriorityAsync(string workflowId, int priority, CancellationToken ct = default) => _queues.SetPriorityAsync(workflowId, priority, ct);

    private async Task ChangeAsync(string name, Task<bool> change)
    {
        if (!await change.ConfigureAwait(false))
            throw UnknownQueueException.Of(name, await _queues.ListAsync(CancellationToken.None).ConfigureAwait(false));
        _starter.WorkIsDue();
    }
}
