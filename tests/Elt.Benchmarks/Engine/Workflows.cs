using System.Collections.Concurrent;
using System.Diagnostics;
using Elt.Durable;

namespace Elt.Benchmarks.Engine;

/// <summary>A shape of load.</summary>
internal sealed record Shape(int Workflows, int Steps, int Concurrency)
{
    public override string ToString() => $"{Workflows}x{Steps} C={Concurrency}";
}

/// <summary>How long each step took, from asking for it to having its result.</summary>
internal sealed class StepTimes
{
    public ConcurrentBag<double> Milliseconds { get; } = [];
}

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
