using Microsoft.Extensions.DependencyInjection;

namespace Elt.Durable.Tests.Suite;

/// <summary>Base of the suite: every test runs once per kind of journal, on a store of its own.</summary>
public abstract class EngineSuite<TStore> : IAsyncLifetime
    where TStore : IStore, new()
{
    private readonly List<EngineHost> _hosts = [];

    protected static TimeSpan Patience => TimeSpan.FromSeconds(30);

    protected TStore Store { get; } = new();

    protected Probe Probe { get; } = new();

    protected Scripts Scripts { get; } = new();

    public Task InitializeAsync() => Store.CreateAsync();

    public async Task DisposeAsync()
    {
        foreach (var host in _hosts)
            await host.StopAsync();
        await Store.DisposeAsync();
    }

    private protected async Task<EngineHost> StartEngineAsync(
        Action<DurableBuilder>? configure = null, Func<Journal.IJournal, Journal.IJournal>? wrap = null, TimeProvider? time = null)
    {
        var host = await EngineHost.StartAsync(
            Store,
            Probe,
            durable =>
            {
                durable.Services.AddSingleton(Scripts);
                configure?.Invoke(durable);
            },
            wrap,
            time);
        _hosts.Add(host);
        return host;
    }

    /// <summary>Starts an engine whose process dies when its journal is told.</summary>
    private protected async Task<(EngineHost Host, CrashingJournal Journal)> StartCrashingEngineAsync()
    {
        CrashingJournal? journal = null;
        var host = await StartEngineAsync(wrap: inner => (journal = CrashingJournal.Around(inner)).Journal);
        return (host, journal!);
    }

    /// <summary>Registers the body of a scripted workflow under a name and returns its input.</summary>
    protected Scripted Script(string name, Func<WorkflowContext, Task<string>> body)
    {
        Scripts.Bodies[name] = body;
        return new Scripted(name);
    }

    protected static async Task<T> WithinPatienceAsync<T>(Task<T> task) => await task.WaitAsync(Patience);

    protected static async Task WithinPatienceAsync(Task task) => await task.WaitAsync(Patience);
}
