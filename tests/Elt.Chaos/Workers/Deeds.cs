using Elt.Durable;

namespace Elt.Chaos.Workers;

/// <summary>
/// What the workflows do in the world, and leave evidence of: each execution of a plain step a row, each effect of a transactional step a row, in tables
/// that have no key, so that whatever happens twice is there twice.
/// </summary>
/// <param name="pause">How long an execution takes.</param>
internal abstract class Deeds(TimeSpan pause)
{
    /// <summary>The world itself is not reliable: its outages must not be taken for the step's own failures.</summary>
    private static readonly RetryPolicy ThroughOutages = new()
    {
        MaxAttempts = 1000,
        FirstDelay = TimeSpan.FromMilliseconds(50),
        MaxDelay = TimeSpan.FromSeconds(1),
        Handles = RetryPolicy.IsTransientDatabaseError,
    };

    public Task<int> StepAsync(WorkflowContext context, string name, int value) => context.StepAsync(
        name,
        async ct =>
        {
            await WorkAsync(context, name, ct);
            return value;
        },
        ThroughOutages);

    /// <summary>Fails when it is executed for the first time.</summary>
    public Task<int> FlakyAsync(WorkflowContext context, string name, int value) => context.StepAsync(
        name,
        async ct => await WorkAsync(context, name, ct) == 1 ? throw new FirstExecutionException() : value,
        ThroughOutages with { FirstDelay = TimeSpan.FromMilliseconds(1), Handles = e => e is FirstExecutionException || RetryPolicy.IsTransientDatabaseError(e) });

    /// <summary>A transactional step.</summary>
    public abstract Task<int> EffectAsync(WorkflowContext context, string name, int value);

    /// <summary>Notes an execution, and whether the step was recorded already at that moment.</summary>
    /// <returns>How often the step was executed by now.</returns>
    protected abstract Task<long> ExecutedAsync(string run, string step, CancellationToken ct);

    private async Task<long> WorkAsync(WorkflowContext context, string name, CancellationToken ct)
    {
        var executions = await ExecutedAsync(context.WorkflowId, name, ct);
        await Task.Delay(pause, TimeProvider.System, ct);
        return executions;
    }

    private sealed class FirstExecutionException() : Exception("The first execution fails.");
}
