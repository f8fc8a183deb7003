using System.Collections.Concurrent;

namespace Elt.Durable.Tests.Suite;

/// <summary>What the sample workflows did in the real world: counts that replays must not raise, and signals that tests wait on.</summary>
public sealed class Probe
{
    private readonly ConcurrentDictionary<string, int> _counts = [];
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _signals = [];

    /// <summary>What a step does in place of its usual work, by the step's label.</summary>
    public ConcurrentDictionary<string, Func<CancellationToken, Task>> OnStep { get; } = [];

    public int this[string label] => _counts.GetValueOrDefault(label);

    public IReadOnlyDictionary<string, int> Counts => _counts;

    public int Count(string label) => _counts.AddOrUpdate(label, 1, (_, n) => n + 1);

    public TaskCompletionSource Signal(string name) => _signals.GetOrAdd(name, _ => new(TaskCreationOptions.RunContinuationsAsynchronously));

    public async Task<int> StepAsync(string label, CancellationToken ct)
    {
        var count = Count(label);
        if (OnStep.TryGetValue(label, out var action))
            await action(ct);
        return count;
    }
}

/// <summary>Some steps one after the other; the result is the sum of what they returned.</summary>
[Workflow("sequence")]
public sealed record Sequence(int Steps, string Label = "s") : IWorkflow<int>;

public sealed class SequenceWorkflow(Probe probe) : Workflow<Sequence, int>
{
    public override async Task<int> RunAsync(Sequence input, WorkflowContext context)
    {
        probe.Count($"{input.Label}:body");
        var sum = 0;
        for (var i = 0; i < input.Steps; i++)
            sum += await context.StepAsync("add", async ct => await probe.StepAsync($"{input.Label}:{context.WorkflowId}:{sum}", ct) * 0 + 1);
        return sum;
    }
}

/// <summary>One step that fails as often as told, under a policy.</summary>
[Workflow("flaky")]
public sealed record Flaky(int Failures, int MaxAttempts, double FirstDelayMs = 1) : IWorkflow<string>;

public sealed class FlakyWorkflow(Probe probe) : Workflow<Flaky, string>
{
    public override Task<string> RunAsync(Flaky input, WorkflowContext context) => context.StepAsync(
        "flaky",
        async ct =>
        {
            var attempt = await probe.StepAsync($"flaky:{context.WorkflowId}", ct);
            return attempt <= input.Failures ? throw new InvalidOperationException($"attempt {attempt} failed") : $"attempt {attempt}";
        },
        new RetryPolicy { MaxAttempts = input.MaxAttempts, FirstDelay = TimeSpan.FromMilliseconds(input.FirstDelayMs), Jitter = 0 });
}

/// <summary>A parent with children in a map, each a <see cref="Sequence"/>; a step before and one after.</summary>
[Workflow("family")]
public sealed record Family(int Children, int StepsEach, int MaxParallel = 10, string? Queue = null) : IWorkflow<int[]>;

public sealed class FamilyWorkflow(Probe probe) : Workflow<Family, int[]>
{
    public override async Task<int[]> RunAsync(Family input, WorkflowContext context)
    {
        await context.StepAsync("before", ct => probe.StepAsync($"before:{context.WorkflowId}", ct));
        var sums = await context.MapAsync(
            Enumerable.Range(0, input.Children),
            name: i => $"child-{i:00000}",
            run: (i, scope) => scope.ChildAsync(new Sequence(input.StepsEach, $"c{i}"), queue: input.Queue),
            maxParallel: input.MaxParallel);
        await context.StepAsync("after", ct => probe.StepAsync($"after:{context.WorkflowId}", ct));
        return [.. sums];
    }
}

/// <summary>Runs what the test gave to the probe's <see cref="Scripts"/>.</summary>
[Workflow("scripted")]
public sealed record Scripted(string Script) : IWorkflow<string>;

public sealed class ScriptedWorkflow(Scripts scripts) : Workflow<Scripted, string>
{
    public override Task<string> RunAsync(Scripted input, WorkflowContext context) => scripts.Bodies[input.Script](context);
}

/// <summary>Bodies of <see cref="Scripted"/> workflows, by name.</summary>
public sealed class Scripts
{
    public ConcurrentDictionary<string, Func<WorkflowContext, Task<string>>> Bodies { get; } = [];
}

internal static class SampleWorkflows
{
    public static void AddTo(DurableBuilder durable) => durable
        .AddWorkflow<SequenceWorkflow>()
        .AddWorkflow<FlakyWorkflow>()
        .AddWorkflow<FamilyWorkflow>()
        .AddWorkflow<ScriptedWorkflow>()
        .AddQueue("narrow", concurrency: 2)
        .AddQueue("wide");
}
