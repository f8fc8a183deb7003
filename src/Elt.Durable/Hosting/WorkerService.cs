using Elt.Durable.Execution;
using Elt.Durable.Journal;
using Microsoft.Extensions.Hosting;

namespace Elt.Durable.Hosting;

/// <summary>Runs the worker with the host. The host does not come up when the journal cannot be used.</summary>
internal sealed class WorkerService(IJournal journal, Worker worker) : IHostedService, IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private Task _loop = Task.CompletedTask;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await journal.OpenAsync(cancellationToken).ConfigureAwait(false);
        await worker.BeginAsync(cancellationToken).ConfigureAwait(false);
        _loop = Task.Run(() => worker.RunAsync(_stop.Token), CancellationToken.None);
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _loop.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    public void Dispose()
    {
        // A host that could not start disposes without stopping: the loop must not go on over a journal that is closed.
        _stop.Cancel();
        _stop.Dispose();
    }
}
