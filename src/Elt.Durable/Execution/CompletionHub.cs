using Elt.Durable.Journal;

namespace Elt.Durable.Execution;

/// <summary>Tells those who wait in this process that a run has ended.</summary>
internal sealed class CompletionHub
{
    private readonly Dictionary<string, List<Watcher>> _watchers = [];

    /// <summary>Watches a run from now on; look at its state after this call, then wait.</summary>
    public Watcher Watch(string runId)
    {
        var watcher = new Watcher(this, runId);
        lock (_watchers)
        {
            if (_watchers.TryGetValue(runId, out var others))
                others.Add(watcher);
            else
                _watchers[runId] = [watcher];
        }
        return watcher;
    }

    public void Ended(string runId, RunOutcome outcome)
    {
        lock (_watchers)
        {
            if (_watchers.TryGetValue(runId, out var watchers))
                watchers.ForEach(w => w.Signal(outcome));
        }
    }

    public void Ended(Control.Cancelled cancelled)
    {
        foreach (var runId in cancelled.RunIds)
            Ended(runId, cancelled.Outcome);
    }

    internal sealed class Watcher(CompletionHub hub, string runId) : IDisposable
    {
        private readonly TaskCompletionSource<RunOutcome> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Signal(RunOutcome outcome) => _ended.TrySetResult(outcome);

        /// <summary>Waits for the end of the run in this process, at most for a time; <see langword="null"/> when it did not come.</summary>
        public async Task<RunOutcome?> WaitAsync(TimeSpan atMost, TimeProvider time, CancellationToken ct)
        {
            await ((Task)_ended.Task.WaitAsync(atMost, time, ct)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            ct.ThrowIfCancellationRequested();
            return _ended.Task.IsCompletedSuccessfully ? await _ended.Task.ConfigureAwait(false) : null;
        }

        public void Dispose()
        {
            lock (hub._watchers)
            {
                if (hub._watchers.TryGetValue(runId, out var watchers) && watchers.Remove(this) && watchers.Count == 0)
                    hub._watchers.Remove(runId);
            }
        }
    }
}
