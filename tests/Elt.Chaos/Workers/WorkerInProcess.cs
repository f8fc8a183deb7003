using System.Collections.Concurrent;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Elt.Chaos.Workers;

/// <summary>A worker as <see cref="WorkerProgram"/> has it, in the test's own process.</summary>
internal sealed class WorkerInProcess : IAsyncDisposable
{
    private readonly ServiceProvider _services;
    private readonly ConcurrentQueue<(int Event, string Message)> _log = [];

    private WorkerInProcess(IReadOnlyDictionary<string, string> options)
    {
        var services = new ServiceCollection();
        services.AddLogging(logging => logging.AddProvider(new EventLog((id, message) => _log.Enqueue((id.Id, message)))));
        WorkerProgram.AddEngine(services, options);
        _services = services.BuildServiceProvider();
    }

    /// <summary>Its warnings and errors so far.</summary>
    public IReadOnlyCollection<(int Event, string Message)> Log => _log;

    public static async Task<WorkerInProcess> StartAsync(params (string Name, string Value)[] options)
    {
        var worker = new WorkerInProcess(options.ToDictionary(o => o.Name, o => o.Value));
        await worker.Hosted.StartAsync(CancellationToken.None);
        return worker;
    }

    public async ValueTask DisposeAsync()
    {
        await Hosted.StopAsync(CancellationToken.None);
        await _services.DisposeAsync();
    }

    private IHostedService Hosted => _services.GetServices<IHostedService>().Single();
}
