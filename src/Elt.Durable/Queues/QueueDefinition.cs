namespace Elt.Durable.Queues;

/// <summary>A queue as a process declares it; a limit that is <see langword="null"/> does not limit.</summary>
internal sealed record QueueDefinition
{
    public QueueDefinition(string name, int? concurrency, int? workerConcurrency)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        if (concurrency < 1 || workerConcurrency < 1)
            throw new ArgumentOutOfRangeException(nameof(concurrency), $"A limit of queue '{name}' is below 1; leave it out for no limit.");
        (Name, Concurrency, WorkerConcurrency) = (name, concurrency, workerConcurrency);
    }

    public string Name { get; }

    public int? Concurrency { get; }

    public int? WorkerConcurrency { get; }
}
