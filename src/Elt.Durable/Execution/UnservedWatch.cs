using Elt.Durable.Journal;
using Microsoft.Extensions.Logging;

namespace Elt.Durable.Execution;

/// <summary>Looks now and then whether runs wait for a workflow version that no live worker has, and says so.</summary>
internal sealed class UnservedWatch(IJournal journal, JournalClock clock, ILogger<UnservedWatch> logger)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private long? _looked;

    /// <summary>What was found at the last look.</summary>
    public IReadOnlyList<UnservedWorkflow> Found { get; private set; } = [];

    public async Task LookWhenDueAsync(CancellationToken ct)
    {
        if (_looked is { } looked && clock.Time.GetElapsedTime(looked) < Interval)
            return;
        _looked = clock.Time.GetTimestamp();
        Found = await journal.FindUnservedAsync(ct).ConfigureAwait(false);
        foreach (var unserved in Found)
            Log.WorkflowUnserved(logger, new WorkflowReference(unserved.Workflow, unserved.Version).ToString(), unserved.Runs, unserved.DueSince);
    }
}
