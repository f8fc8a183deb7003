using Elt.Durable;

namespace Elt.Chaos.Workers;

/// <summary>Steps one after the other, in turn a plain one, a transactional one and one whose first execution fails. The result is 0 + 1 + … + (Steps - 1).</summary>
[Workflow("chain")]
public sealed record Chain(int Steps) : IWorkflow<int>;

/// <summary>A transactional step, children that are <see cref="Chain"/>s, a sleep and a plain step. The result is the sum of the children's.</summary>
[Workflow("tree")]
public sealed record Tree(int Children, int StepsEach, string? Queue = null) : IWorkflow<int>;

internal sealed class ChainWorkflow(Deeds deeds) : Workflow<Chain, int>
{
    public override async Task<int> RunAsync(Chain input, WorkflowContext context)
    {
        var sum = 0;
        for (var i = 0; i < input.Steps; i++)
        {
            sum += (i % 3) switch
            {
                0 => await deeds.StepAsync(context, $"step-{i}", i),
                1 => await deeds.EffectAsync(context, $"effect-{i}", i),
                _ => await deeds.FlakyAsync(context, $"flaky-{i}", i),
            };
        }
        return sum;
    }
}

internal sealed class TreeWorkflow(Deeds deeds) : Workflow<Tree, int>
{
    public override async Task<int> RunAsync(Tree input, WorkflowContext context)
    {
        await deeds.EffectAsync(context, "effect-before", 0);
        var sums = await context.MapAsync(
            Enumerable.Range(0, input.Children),
            name: child => $"child-{child}",
            run: (_, scope) => scope.ChildAsync(new Chain(input.StepsEach), queue: input.Queue));
        await context.SleepAsync(TimeSpan.FromMilliseconds(20));
        await deeds.StepAsync(context, "step-after", 0);
        return sums.Sum();
    }
}
