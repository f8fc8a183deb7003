using System.Diagnostics;
using Elt.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace Elt.Durable.Tests.Suite;

/// <summary>Base of the suite: every test runs once per kind of journal, on a store of its own.</summary>
public abstract class EngineSuite<TStore> : IAsyncLifetime
    where TStore : IStore, new()
{
    /// <summary>Counts the statements in this test's database that wait for a lock.</summary>
    protected const string Blocked = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";

    private readonly List<EngineHost> _hosts = [];
    private readonly List<Journal.IJournal> _journals = [];

    protected static TimeSpan Patience => TimeSpan.FromSeconds(30);

    protected TStore Store { get; } = new();

    protected Probe Probe { get; } = new();

    protected Scripts Scripts { get; } = new();

    public Task InitializeAsync() => Store.CreateAsync();

    public async Task DisposeAsync()
    {
        foreach (var host in _hosts)
            await host.StopAsync();
        foreach (var journal in _journals)
            await journal.DisposeAsync();
        await Store.DisposeAsync();
    }

    private protected async Task<EngineHost> StartEngineAsync(
        Action<DurableBuilder>? configure = null, Func<Journal.IJournal, Journal.IJournal>? wrap = null, TimeProvider? time = null,
        TimeProvider? journalTime = null)
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
            time,
            journalTime);
        _hosts.Add(host);
        return host;
    }

    /// <summary>Opens the store's journal alone: nobody works on it but the test.</summary>
    private protected async Task<Journal.IJournal> OpenJournalAsync(TimeProvider? time = null)
    {
        var builder = new DurableBuilder(new ServiceCollection());
        Store.Use(builder);
        var journal = builder.CreateJournal!(new Journal.JournalSettings(time));
        _journals.Add(journal);
        await journal.OpenAsync(CancellationToken.None);
        return journal;
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

    /// <summary>Lets workers tick, whose pauses follow a manual clock, until something has come to pass.</summary>
    protected static async Task<T> UntilAsync<T>(ManualTimeProvider time, Func<Task<T?>> find, string what)
        where T : class
    {
        for (var started = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(started) < Patience;)
        {
            if (await find() is { } found)
                return found;
            time.Advance(TimeSpan.FromMilliseconds(3));
            // On a busy machine the clock must not run away from the workers.
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System);
        }
        throw new TimeoutException($"It did not come to pass: {what}.");
    }

    /// <summary>Lets workers tick until a run has ended.</summary>
    private protected static Task<RunInfo> EndAsync(EngineHost engine, ManualTimeProvider time, string id) =>
        UntilAsync(time, async () => await engine.Client.FindAsync(id) is { CompletedAt: not null } run ? run : null, $"'{id}' has ended");

    /// <summary>Lets the worker tick a few times: runs that it claims and ends show that it did.</summary>
    private protected static async Task TickAsync(EngineHost engine, ManualTimeProvider time)
    {
        for (var i = 0; i < 2; i++)
        {
            var sign = await engine.Client.StartAsync(new Sequence(1), options: new StartOptions { Queue = "wide" });
            await EndAsync(engine, time, sign.WorkflowId);
        }
    }

    /// <summary>Takes the runs of a live worker away from it, unless it renews its lease at that very moment.</summary>
    /// <returns>Whether it has lost them.</returns>
    private protected async Task<bool> LoseLeaseAsync(EngineHost engine)
    {
        await Store.ExpireLeasesAsync();
        return await engine.Journal.RecoverAsync(default) > 0;
    }

    protected static async Task<T> WithinPatienceAsync<T>(Task<T> task) => await task.WaitAsync(Patience);

    protected static async Task WithinPatienceAsync(Task task) => await task.WaitAsync(Patience);
}
