using System.Globalization;

namespace Elt.Durable.Queues;

/// <summary>A queue as a process declares it.</summary>
internal sealed record QueueDefinition
{
    private const int MaxNameLength = 100;

    public QueueDefinition(string name, QueueLimits limits)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(name);
        if (name.Length > MaxNameLength)
            throw new ArgumentException($"A queue's name has at most {MaxNameLength} characters; this one has {name.Length}.", nameof(name));
        limits.Validate(name);
        (Name, Limits) = (name, limits);
    }

    public string Name { get; }

    public QueueLimits Limits { get; }

    /// <summary>The declaration as the journal keeps it beside the limits in force.</summary>
    public string Declared => string.Create(
        CultureInfo.InvariantCulture,
        $"{Limits.Concurrency}/{Limits.WorkerConcurrency}/{Limits.KeyConcurrency}/{Limits.RateLimit?.Runs}/{Limits.RateLimit?.Period}");
}
