using Elt.Durable.Tests.Suite;
using Elt.Testing;

namespace Elt.Durable.Tests.Control;

/// <summary>Base of the tests that change runs from outside.</summary>
public abstract class ControlSuite<TStore> : EngineSuite<TStore>
    where TStore : IStore, new()
{
    /// <summary>Starts an engine that never polls: it only does what it is told of.</summary>
    private protected Task<EngineHost> StartQuietEngineAsync() =>
        StartEngineAsync(durable => durable.ConfigureWorker(w => (w.PollInterval, w.ParkAfter) = (TimeSpan.FromHours(1), TimeSpan.FromHours(1))));

    /// <summary>A step that waits for its token; signals that it began, and that its token fired.</summary>
    protected Task<string> Hang(WorkflowContext context, string name, RetryPolicy? retry = null) => context.StepAsync(name, async ct =>
    {
        ct.Register(() => Probe.Signal($"{name}:token").TrySetResult());
        Probe.Signal(name).TrySetResult();
        await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, ct);
        return "never";
    }, retry);

    protected static async Task<string> SleepLongAsync(WorkflowContext context)
    {
        await context.SleepAsync(TimeSpan.FromDays(1));
        return "rested";
    }

    protected Task WaitForRowsAsync(string from, int rows) => Eventually.TrueAsync(async () => await Store.CountAsync($"select count(*) from {from}") == rows);

    /// <summary>Makes runs look as if all that happened to them had happened so much earlier.</summary>
    protected Task AgeAsync(TimeSpan by, string where = "true")
    {
        var earlier = Store is PostgresStore ? $"- interval '{(long)by.TotalSeconds} seconds'" : $"- {(long)by.TotalMicroseconds}";
        return Store.ExecuteAsync($"update runs set created_at = created_at {earlier}, completed_at = completed_at {earlier} where {where}");
    }
}
