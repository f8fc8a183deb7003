using System.Collections.Concurrent;

// The golden journals hold runs of these workflows. Never change which operations they ask for, their names, or their inputs and results:
// a journal that a user has would not fit its code any more either. Cases that a later version adds are workflows beside them.
namespace Elt.Durable.Tests.Golden;

/// <summary>What the steps of the golden workflows do: their results tell whether they were executed when the journal was written (<c>then</c>) or by the test (<c>now</c>).</summary>
public sealed class GoldenWorld(string era)
{
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _reached = [];

    /// <summary>Steps that do not end while their process lives.</summary>
    public HashSet<string> Blocking { get; } = [];

    /// <summary>Steps that throw.</summary>
    public HashSet<string> Failing { get; } = [];

    /// <summary>How often each step was executed.</summary>
    public ConcurrentDictionary<string, int> Executions { get; } = [];

    /// <summary>A transactional step with one row in <c>golden_effects</c> as its effect.</summary>
    public Func<WorkflowContext, string, Task<string>> PayAsync { get; set; } = (_, _) => throw new InvalidOperationException("No database to pay in.");

    /// <summary>Completes when a step has begun.</summary>
    public Task Reached(string step) => Signal(step).Task;

    public async Task<string> StepAsync(string step, CancellationToken ct)
    {
        Executions.AddOrUpdate(step, 1, (_, n) => n + 1);
        Signal(step).TrySetResult();
        if (Blocking.Contains(step))
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, ct);
        return Failing.Contains(step) ? throw new InvalidOperationException($"{step} failed {era}") : $"{step}:{era}";
    }

    private TaskCompletionSource Signal(string step) => _reached.GetOrAdd(step, _ => new(TaskCreationOptions.RunContinuationsAsynchronously));
}

/// <summary>Steps one after the other, names used again, a failed one that is survived, an id and a time.</summary>
[Workflow("golden-steps")]
public sealed record GoldenSteps : IWorkflow<string>;

public sealed class GoldenStepsWorkflow(GoldenWorld world) : Workflow<GoldenSteps, string>
{
    public override async Task<string> RunAsync(GoldenSteps input, WorkflowContext context)
    {
        Task<string> Step(string name) => context.StepAsync(name, ct => world.StepAsync($"{context.WorkflowId}/{name}", ct));
        var parts = new List<string> { await Step("first") };
        var id = context.NewGuid();
        parts.Add(id == await context.StepAsync("id", _ => Task.FromResult(id)) ? "same id" : "other id");
        var now = context.Now;
        parts.Add(now == await context.StepAsync("now", _ => Task.FromResult(now)) ? "same time" : "other time");
        for (var i = 0; i < 3; i++)
            parts.Add(await Step("loop"));
        try
        {
            parts.Add(await Step("flaw"));
        }
        catch (StepFailedException e)
        {
            parts.Add($"{e.Error!.Type}: {e.Error.Message}");
        }
        parts.Add(await Step("last"));
        return string.Join(", ", parts);
    }
}

[Workflow("golden-sleep")]
public sealed record GoldenSleep : IWorkflow<string>;

public sealed class GoldenSleepWorkflow(GoldenWorld world) : Workflow<GoldenSleep, string>
{
    public override async Task<string> RunAsync(GoldenSleep input, WorkflowContext context)
    {
        var before = await context.StepAsync("before", ct => world.StepAsync($"{context.WorkflowId}/before", ct));
        var asleep = context.Now;
        await context.SleepAsync(TimeSpan.FromHours(1));
        var after = await context.StepAsync("after", ct => world.StepAsync($"{context.WorkflowId}/after", ct));
        return $"{before}, {after}, {(asleep.AddHours(1) <= context.Now ? "an hour later" : "too early")}";
    }
}

/// <summary>A step that is tried again after an hour.</summary>
[Workflow("golden-retry")]
public sealed record GoldenRetry : IWorkflow<string>;

public sealed class GoldenRetryWorkflow(GoldenWorld world) : Workflow<GoldenRetry, string>
{
    private static readonly RetryPolicy Hourly = new() { MaxAttempts = 3, FirstDelay = TimeSpan.FromHours(1), MaxDelay = TimeSpan.FromHours(1) };

    public override Task<string> RunAsync(GoldenRetry input, WorkflowContext context) =>
        context.StepAsync("again", ct => world.StepAsync($"{context.WorkflowId}/again", ct), Hourly);
}

/// <summary>A parent and its children: some at once, one through a queue, one that fails.</summary>
[Workflow("golden-family")]
public sealed record GoldenFamily : IWorkflow<string>;

public sealed class GoldenFamilyWorkflow(GoldenWorld world) : Workflow<GoldenFamily, string>
{
    public override async Task<string> RunAsync(GoldenFamily input, WorkflowContext context)
    {
        var before = await context.StepAsync("before", ct => world.StepAsync($"{context.WorkflowId}/before", ct));
        var children = await context.MapAsync(["first", "second", "flawed", "open", "queued"], name => name, ChildAsync);
        var after = await context.StepAsync("after", ct => world.StepAsync($"{context.WorkflowId}/after", ct));
        return string.Join(", ", [before, .. children, after]);
    }

    private static async Task<string> ChildAsync(string name, WorkflowContext scope)
    {
        try
        {
            return await scope.ChildAsync(new GoldenChild(name), queue: name == "queued" ? "golden-queue" : null);
        }
        catch (WorkflowFailedException e)
        {
            return $"{name} {e.Status.ToText()}";
        }
    }
}

[Workflow("golden-child")]
public sealed record GoldenChild(string Name) : IWorkflow<string>;

public sealed class GoldenChildWorkflow(GoldenWorld world) : Workflow<GoldenChild, string>
{
    public override async Task<string> RunAsync(GoldenChild input, WorkflowContext context)
    {
        var one = await context.StepAsync("one", ct => world.StepAsync($"{context.WorkflowId}/one", ct));
        var two = await context.StepAsync("two", ct => world.StepAsync($"{context.WorkflowId}/two", ct));
        return $"{input.Name}({one}, {two})";
    }
}

/// <summary>Parallel branches, each at another point.</summary>
[Workflow("golden-map")]
public sealed record GoldenMap : IWorkflow<string>;

public sealed class GoldenMapWorkflow(GoldenWorld world) : Workflow<GoldenMap, string>
{
    public override async Task<string> RunAsync(GoldenMap input, WorkflowContext context) => string.Join(", ", await context.MapAsync(
        ["a", "b", "c"],
        name => name,
        async (name, scope) =>
        {
            var one = await scope.StepAsync("one", ct => world.StepAsync($"{context.WorkflowId}/{name}/one", ct));
            return $"{one}, {await scope.StepAsync("two", ct => world.StepAsync($"{context.WorkflowId}/{name}/two", ct))}";
        }));
}

/// <summary>A transactional step and a usual one.</summary>
[Workflow("golden-payment")]
public sealed record GoldenPayment : IWorkflow<string>;

public sealed class GoldenPaymentWorkflow(GoldenWorld world) : Workflow<GoldenPayment, string>
{
    public override async Task<string> RunAsync(GoldenPayment input, WorkflowContext context)
    {
        var paid = await world.PayAsync(context, $"{context.WorkflowId}/pay");
        return $"{paid}, {await context.StepAsync("receipt", ct => world.StepAsync($"{context.WorkflowId}/receipt", ct))}";
    }
}
