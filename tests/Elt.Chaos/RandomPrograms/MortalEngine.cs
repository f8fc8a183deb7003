using Elt.Durable;
using Elt.Durable.Hosting;
using Elt.Durable.Journal;
using Elt.Durable.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Elt.Chaos.RandomPrograms;

/// <summary>An engine as a process has it, which dies at one of its calls to the journal: before it, or after it and before the answer.</summary>
internal sealed class MortalEngine
{
    private readonly ServiceProvider _services;
    private readonly CrashingJournal _journal;

    private MortalEngine(ServiceProvider services)
    {
        _services = services;
        _journal = (CrashingJournal)(object)services.GetRequiredService<IJournal>();
    }

    public WorkflowClient Client => _services.GetRequiredService<WorkflowClient>();

    /// <summary>Completes when it dies.</summary>
    public Task Crashed => _journal.Crashed;

    public static async Task<MortalEngine> StartAsync(World world, int crashAt, bool afterCall)
    {
        var services = new ServiceCollection();
        services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.None));
        services.AddSingleton(world);
        services.AddDurable(durable =>
        {
            world.Use(durable);
            durable.AddWorkflow<RandomWorkflow>().AddQueue("narrow", concurrency: 3).AddQueue("wide").ConfigureWorker(worker =>
            {
                worker.PollInterval = TimeSpan.FromMilliseconds(50);
                worker.ParkAfter = TimeSpan.FromMilliseconds(3);
                worker.MaxRecoveryAttempts = int.MaxValue;
            });
        });
        var inner = services.Single(s => s.ServiceType == typeof(IJournal));
        services.Replace(ServiceDescriptor.Singleton(provider => CrashingJournal.Around((IJournal)inner.ImplementationFactory!(provider)).Journal));
        var engine = new MortalEngine(services.BuildServiceProvider());
        await engine.Hosted.StartAsync(CancellationToken.None);
        engine._journal.CrashAt(crashAt, afterCall);
        return engine;
    }

    /// <summary>Stops it as a deploy does.</summary>
    /// <returns>False if it died of its last calls: then it is still to be cleared away.</returns>
    public async Task<bool> TryStopAsync()
    {
        try
        {
            await Hosted.StopAsync(CancellationToken.None);
        }
        catch (ProcessCrashedException)
        {
            return false;
        }
        await _services.DisposeAsync();
        return true;
    }

    /// <summary>Clears away what is left after a crash.</summary>
    /// <returns>The id of the worker that is dead.</returns>
    public async Task<string> ClearAsync()
    {
        var worker = _services.GetRequiredService<DurableHealth>().WorkerId;
        _services.GetRequiredService<WorkerOptions>().StopGrace = TimeSpan.Zero;
        try
        {
            await Hosted.StopAsync(CancellationToken.None);
        }
        catch (ProcessCrashedException)
        {
            // Nobody is there to give the runs back.
        }
        await _services.DisposeAsync();
        return worker!;
    }

    private IHostedService Hosted => _services.GetServices<IHostedService>().OfType<WorkerService>().Single();
}
