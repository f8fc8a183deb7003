using Elt.Durable.Journal;
using Microsoft.Extensions.Hosting;

namespace Elt.Durable.Hosting;

/// <summary>Opens the journal with a host that executes nothing. The host does not come up when the journal cannot be used.</summary>
internal sealed class JournalService(IJournal journal) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken) => journal.OpenAsync(cancellationToken);

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
