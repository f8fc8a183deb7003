using Elt.Durable.Execution;
using Elt.Durable.Journal;
using Microsoft.Extensions.Logging;

namespace Elt.Durable.Control;

/// <summary>Purges runs that ended long ago, a batch at a time.</summary>
internal sealed class Retention(IJournal journal, WorkerOptions options, JournalClock clock, ILogger<Retention> logger)
{
    private const int Batch = 1000;

    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan PauseWithBacklog = TimeSpan.FromSeconds(10);

    private DateTimeOffset _next;

    /// <summary>Purges a batch, when it is time for one.</summary>
    public async Task PurgeAsync(CancellationToken ct)
    {
        if (options.RetainFinished is not { } age || clock.Now < _next)
            return;
        var purged = await journal.Control.PurgeAsync(Deadline.Within(age), Batch, ct).ConfigureAwait(false);
        _next = clock.Now + (purged < Batch ? Pause : PauseWithBacklog);
        if (purged > 0)
            Log.RunsPurged(logger, purged, age);
    }
}
