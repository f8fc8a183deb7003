using System.Diagnostics;
using Elt.Durable;
using Elt.Durable.Execution;

namespace Elt.Benchmarks.Engine;

/// <summary>How long a shape took; its parts where it has two.</summary>
internal readonly record struct ShapeTime(TimeSpan Duration, TimeSpan? Enqueuing = null);

/// <summary>What shapes load.</summary>
internal sealed record Target(WorkflowClient Client, CompletionHub Completions, Gate Gate);

/// <summary>A shape of load.</summary>
/// <param name="Runs">Runs that are counted.</param>
/// <param name="Steps">Steps of each.</param>
/// <param name="Room">Slots of the worker.</param>
internal abstract record Shape(int Runs, int Steps, int Room)
{
    public const string Queue = "bench";

    /// <summary>Whether there is one step at a time.</summary>
    public virtual bool IsSerial => false;

    public abstract Task<ShapeTime> RunAsync(Target target, CancellationToken ct);

    /// <summary>Runs a body so many times, some at the same time.</summary>
    protected static async Task<TimeSpan> ManyAsync(int times, int concurrency, Func<int, Task> body, CancellationToken ct)
    {
        var next = -1;
        var begun = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, concurrency).Select(_ => Task.Run(
            async () =>
            {
                while (Interlocked.Increment(ref next) is var i && i < times)
                    await body(i);
            },
            ct)));
        return Stopwatch.GetElapsedTime(begun);
    }
}

/// <summary>Runs that are started one after the other by each of some callers.</summary>
internal sealed record IndependentRuns(int Runs, int Steps, int Concurrency) : Shape(Runs, Steps, Concurrency * 2)
{
    public override bool IsSerial => Concurrency == 1;

    public override async Task<ShapeTime> RunAsync(Target target, CancellationToken ct) => new(await ManyAsync(
        Runs, Concurrency, async _ => await (await target.Client.StartAsync(new NoOpSteps(Steps), ct: ct)).ResultAsync(ct), ct));

    public override string ToString() => $"{Runs}x{Steps} C={Concurrency}";
}

/// <summary>One parent; its children are counted.</summary>
internal sealed record OneParent(int Children, int MaxParallel) : Shape(Children, 1, MaxParallel * 2)
{
    public override async Task<ShapeTime> RunAsync(Target target, CancellationToken ct) => new(await ManyAsync(
        1, 1, async _ => await (await target.Client.StartAsync(new NoOpChildren(Children, MaxParallel), ct: ct)).ResultAsync(ct), ct));

    public override string ToString() => $"parent x {Children} C={MaxParallel}";
}

/// <summary>Runs are put into a queue while the worker has no room, then it gets room. Only the draining is the duration.</summary>
internal sealed record EnqueueThenDrain(int Runs, int Concurrency) : Shape(Runs, 1, Concurrency)
{
    public override async Task<ShapeTime> RunAsync(Target target, CancellationToken ct)
    {
        for (var i = 0; i < Room; i++)
            await target.Client.StartAsync(new HeldSlot(), ct: ct);
        while (target.Gate.Waiting < Room)
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, ct);
        var ids = Enumerable.Range(0, Runs).Select(_ => Guid.CreateVersion7(TimeProvider.System.GetUtcNow()).ToString()).ToArray();
        var options = new StartOptions { Queue = Queue };
        var enqueuing = await ManyAsync(Runs, Concurrency, i => target.Client.StartAsync(new NoOpSteps(1), ids[i], options, ct), ct);
        // All are executed in this process, which tells their ends without asking the journal.
        var ends = ids.Select(id => target.Completions.Watch(id)).ToList();
        var begun = Stopwatch.GetTimestamp();
        target.Gate.Open();
        foreach (var end in ends)
        {
            using (end)
                _ = await end.WaitAsync(TimeSpan.FromMinutes(5), TimeProvider.System, ct) ?? throw new TimeoutException("A queued run did not end in 5 minutes.");
        }
        return new(Stopwatch.GetElapsedTime(begun), enqueuing);
    }

    public override string ToString() => $"enqueue, drain {Runs}x1 C={Concurrency}";
}
