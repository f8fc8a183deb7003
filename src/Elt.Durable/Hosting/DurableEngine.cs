using Elt.Durable.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Elt.Durable;

/// <summary>An engine without a host, for scripts and tools: open, use, dispose. Disposing stops a worker cleanly, as a host's stop does.</summary>
/// <example><c>await using var engine = await DurableEngine.OpenAsync(durable => durable.UsePostgres("Host=…").WithoutWorker());</c></example>
public sealed class DurableEngine : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    private DurableEngine(ServiceProvider services) => _services = services;

    /// <summary>Starts runs and looks at them.</summary>
    public WorkflowClient Client => _services.GetRequiredService<WorkflowClient>();

    /// <summary>How the engine is doing.</summary>
    public DurableHealth Health => _services.GetRequiredService<DurableHealth>();

    /// <summary>Opens the journal and, unless told otherwise, starts a worker.</summary>
    /// <param name="configure">Chooses the journal, registers workflows, declares queues and schedules.</param>
    /// <param name="ct">Gives up.</param>
    /// <exception cref="InvalidOperationException">No journal was chosen.</exception>
    /// <exception cref="JournalException">The journal cannot be used as it is.</exception>
    public static async Task<DurableEngine> OpenAsync(Action<DurableBuilder> configure, CancellationToken ct = default)
    {
        var engine = new DurableEngine(new ServiceCollection().AddLogging().AddDurable(configure).BuildServiceProvider());
        try
        {
            await engine.Hosted.StartAsync(ct).ConfigureAwait(false);
            return engine;
        }
        catch
        {
            await engine._services.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Hosted.StopAsync(CancellationToken.None).ConfigureAwait(false);
        await _services.DisposeAsync().ConfigureAwait(false);
    }

    private IHostedService Hosted => _services.GetRequiredService<IHostedService>();
}
