using Elt.Durable.Execution;
using Elt.Durable.Hosting;
using Elt.Durable.Journal;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Elt.Durable.Tests.Suite;

/// <summary>An engine as a process has it: journal, worker and client over a store. Several on one store are several processes.</summary>
internal sealed class EngineHost : IAsyncDisposable
{
    private readonly ServiceProvider _services;
    private bool _stopped;

    private EngineHost(ServiceProvider services) => _services = services;

    public WorkflowClient Client => _services.GetRequiredService<WorkflowClient>();

    public IJournal Journal => _services.GetRequiredService<IJournal>();

    public JournalWriter Writer => _services.GetRequiredService<JournalWriter>();

    public T Get<T>()
        where T : notnull => _services.GetRequiredService<T>();

    public DurableHealth Health => _services.GetRequiredService<DurableHealth>();

    public static async Task<EngineHost> StartAsync(
        IStore store, Probe probe, Action<DurableBuilder>? configure = null, Func<IJournal, IJournal>? wrap = null, TimeProvider? time = null,
        TimeProvider? journalTime = null)
    {
        var services = new ServiceCollection();
        services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.None));
        services.AddSingleton(probe);
        if (time is not null)
            services.AddSingleton(time);
        services.AddDurable(durable =>
        {
            store.Use(durable);
            durable.ConfigureWorker(worker =>
            {
                worker.PollInterval = TimeSpan.FromMilliseconds(50);
                worker.StopGrace = TimeSpan.FromSeconds(5);
            });
            SampleWorkflows.AddTo(durable);
            configure?.Invoke(durable);
        });
        if (time is not null)
            services.Replace(ServiceDescriptor.Singleton(new JournalSettings(journalTime ?? time)));
        if (wrap is not null)
        {
            var inner = services.Single(s => s.ServiceType == typeof(IJournal));
            services.Replace(ServiceDescriptor.Singleton(provider => wrap((IJournal)inner.ImplementationFactory!(provider))));
        }
        var host = new EngineHost(services.BuildServiceProvider());
        try
        {
            await host.Hosted.StartAsync(CancellationToken.None);
            return host;
        }
        catch
        {
            await host._services.DisposeAsync();
            throw;
        }
    }

    /// <summary>Stops cleanly.</summary>
    public async Task StopAsync()
    {
        if (_stopped)
            return;
        _stopped = true;
        await Hosted.StopAsync(CancellationToken.None);
        await _services.DisposeAsync();
    }

    /// <summary>Ends as a process that is killed: whatever it would still write is lost. Needs a <see cref="CrashingJournal"/>.</summary>
    public async Task KillAsync()
    {
        _stopped = true;
        ((CrashingJournal)(object)Journal).Crash();
        _services.GetRequiredService<WorkerOptions>().StopGrace = TimeSpan.Zero;
        try
        {
            await Hosted.StopAsync(CancellationToken.None);
        }
        catch (ProcessCrashedException)
        {
            // Nobody is there to give the runs back: that is the point.
        }
        await _services.DisposeAsync();
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    private IHostedService Hosted => _services.GetRequiredService<IHostedService>();
}
