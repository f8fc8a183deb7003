using System.Collections.Concurrent;
using System.Diagnostics;
using Elt.Durable;

namespace Elt.Benchmarks.Engine;

/// <summary>How long each step took, from asking for it to having its result.</summary>
internal sealed class StepTimes
{
    public ConcurrentBag<double> Milliseconds { get; } = [];
}

/// <summary>Steps that do nothing, one after the other.</summary>
[Workflow("no-op-steps")]
internal sealed record NoOpSteps(int Steps) : IWorkflow<int>;

internal sealed class NoOpStepsWorkflow(StepTimes times) : Workflow<NoOpSteps, int>
{
    public override async Task<int> RunAsync(NoOpSteps input, WorkflowContext context)
    {
        for (var i = 0; i < input.Steps; i++)
        {
            var begun = Stopwatch.GetTimestamp();
            await context.StepAsync("step", static _ => Task.FromResult(1));
            times.Milliseconds.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
        }
        return input.Steps;
    }
}

/// <summary>A parent whose children have one step each.</summary>
[Workflow("no-op-children")]
internal sealed record NoOpChildren(int Children, int MaxParallel) : IWorkflow<int>;

internal sealed class NoOpChildrenWorkflow : Workflow<NoOpChildren, int>
{
    public override async Task<int> RunAsync(NoOpChildren input, WorkflowContext context) => (await context.MapAsync(
        Enumerable.Range(0, input.Children),
        name: i => $"child-{i:00000}",
        run: (_, scope) => scope.ChildAsync(new NoOpSteps(1)),
        maxParallel: input.MaxParallel)).Sum();
}

/// <summary>Takes up a slot of the worker until the gate opens.</summary>
[Workflow("held-slot")]
internal sealed record HeldSlot : IWorkflow<int>;

internal sealed class HeldSlotWorkflow(Gate gate) : Workflow<HeldSlot, int>
{
    public override Task<int> RunAsync(HeldSlot input, WorkflowContext context) => context.StepAsync("hold", gate.PassAsync);
}

/// <summary>What held slots wait for.</summary>
internal sealed class Gate
{
    private TaskCompletionSource _open = Closed();
    private int _waiting;

    public int Waiting => Volatile.Read(ref _waiting);

    public void Open()
    {
        Interlocked.Exchange(ref _waiting, 0);
        Interlocked.Exchange(ref _open, Closed()).SetResult();
    }

    public async Task<int> PassAsync(CancellationToken ct)
    {
        var open = _open;
        Interlocked.Increment(ref _waiting);
        await open.Task.WaitAsync(ct);
        return 1;
    }

    private static TaskCompletionSource Closed() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
