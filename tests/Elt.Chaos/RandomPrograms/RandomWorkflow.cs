using Elt.Durable;

namespace Elt.Chaos.RandomPrograms;

/// <summary>Runs the program of a seed; the result tells what each operation returned.</summary>
[Workflow("random")]
public sealed record RandomRun(int Seed, int Depth) : IWorkflow<string>;

internal sealed class RandomWorkflow(World world) : Workflow<RandomRun, string>
{
    public override async Task<string> RunAsync(RandomRun input, WorkflowContext context)
    {
        var program = RandomProgram.Generate(input.Seed, input.Depth);
        var trace = await RunAsync(program.Operations, "", context);
        return program.Fails ? throw new InvalidOperationException(trace) : trace;
    }

    private async Task<string> RunAsync(IReadOnlyList<Operation> operations, string scope, WorkflowContext context)
    {
        var trace = new List<string>();
        var open = new List<(string Name, ChildHandle<string> Child)>();
        foreach (var operation in operations)
        {
            if (operation is Child { AwaitedLast: true } child)
                open.Add((child.Name, await context.StartChildAsync(new RandomRun(child.Seed, child.Depth), child.Name, child.Queue)));
            else
                trace.Add($"{operation.Name}={await OutcomeAsync(() => RunAsync(operation, scope, context))}");
        }
        foreach (var (name, child) in open)
            trace.Add($"{name}={await OutcomeAsync(child.ResultAsync)}");
        return string.Join(' ', trace);
    }

    private async Task<string> RunAsync(Operation operation, string scope, WorkflowContext context)
    {
        switch (operation)
        {
            case Step step:
                return $"{await StepAsync(step, scope + step.Name, context)}";
            case Loop loop:
                var sum = 0;
                for (var i = 0; i < loop.Times; i++)
                    sum += await context.StepAsync(loop.Name, _ => Task.FromResult(i));
                return $"{sum}";
            case Effect effect:
                return $"{await world.EffectAsync(context, effect.Name, scope + effect.Name, effect.Value)}";
            case Sleep sleep:
                await context.SleepAsync(TimeSpan.FromMilliseconds(sleep.Milliseconds), sleep.Name);
                return "";
            case Child child:
                return await context.ChildAsync(new RandomRun(child.Seed, child.Depth), child.Name, child.Queue);
            case Map map:
                var traces = await context.MapAsync(map.Items, item => item.Name, (item, inner) => RunItemAsync(item, scope, inner), map.MaxParallel, MapFailure.CollectAll);
                return $"[{string.Join('|', traces)}]";
            default:
                throw new NotSupportedException(operation.Name);
        }
    }

    private Task<int> StepAsync(Step step, string key, WorkflowContext context) => context.StepAsync(
        step.Name,
        _ => world.Executed(context.WorkflowId, key) is var executions && (step.AlwaysFails || executions <= step.Failures)
            ? throw new InvalidOperationException("fails")
            : Task.FromResult(step.Value),
        new RetryPolicy { MaxAttempts = step.MaxAttempts, FirstDelay = TimeSpan.FromMilliseconds(1) });

    private async Task<string> RunItemAsync(Item item, string scope, WorkflowContext context)
    {
        var trace = await RunAsync(item.Operations, $"{scope}{item.Name}/", context);
        return item.Fails ? throw new InvalidOperationException("fails") : trace;
    }

    private static async Task<string> OutcomeAsync(Func<Task<string>> operation)
    {
        try
        {
            return await operation();
        }
        catch (StepFailedException)
        {
            return "failed";
        }
        catch (WorkflowFailedException e)
        {
            return e.Status.ToText();
        }
        catch (MapFailedException e)
        {
            return string.Join(',', e.Failures.Select(f => f.Key[(f.Key.LastIndexOf('/') + 1)..]));
        }
    }
}
