using Microsoft.Extensions.Logging;

namespace Elt.Durable.Journal;

/// <summary>
/// The one way into the journal: writes of all runs of the process are gathered into one transaction each time the one before is durable
/// (group commit). A waiter continues only after its own commit. When idle, a single write goes straight through.
/// </summary>
internal sealed class JournalWriter : IAsyncDisposable
{
    private const int MaxWrites = 1000;
    private const int MaxWeight = 4 * 1024 * 1024;

    private readonly IJournal _journal;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly Queue<JournalWrite> _waiting = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _isCommitting;

    public JournalWriter(IJournal journal, TimeProvider time, ILogger<JournalWriter> logger)
    {
        _journal = journal;
        _time = time;
        _logger = logger;
    }

    /// <summary>The worker in whose name owned writes are made; a new one after a lost lease.</summary>
    public string WorkerId { get; set; } = "";

    /// <summary>Whether nothing is on its way into the journal.</summary>
    public bool IsIdle
    {
        get
        {
            lock (_gate)
                return !_isCommitting;
        }
    }

    /// <summary>Told when a commit made something due in this process.</summary>
    public Action<JournalHint>? Woke { get; set; }

    /// <summary>Hands a write in.</summary>
    /// <returns>Completes when it is durable or refused.</returns>
    public Task CommitAsync(JournalWrite write)
    {
        bool isFirst;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_stop.IsCancellationRequested, this);
            _waiting.Enqueue(write);
            isFirst = !_isCommitting;
            _isCommitting = true;
        }
        // Whoever finds the writer idle commits right here, without waking another thread for it.
        if (isFirst)
            _ = CommitWaitingAsync();
        return write.Committed;
    }

    /// <summary>Asks the journal again and again until it answers; errors that do not pass by themselves are thrown.</summary>
    public async Task<T> ThroughOutagesAsync<T>(Func<Task<T>> ask)
    {
        for (var pause = TimeSpan.FromMilliseconds(50); ; pause = pause.TotalSeconds < 1 ? pause * 2 : pause)
        {
            try
            {
                return await ask().ConfigureAwait(false);
            }
            catch (Exception e) when (RetryPolicy.IsTransientDatabaseError(e) && !_stop.IsCancellationRequested)
            {
                Log.JournalUnavailable(_logger, e.Message);
                await Task.Delay(pause, _time, CancellationToken.None).ConfigureAwait(false);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            _stop.Cancel();
            if (!_isCommitting)
                _stopped.TrySetResult();
        }
        await _stopped.Task.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task CommitWaitingAsync()
    {
        for (var batch = TakeBatch(); batch.Count > 0;)
        {
            var committing = CommitBatchAsync(batch);
            var isOnCallersThread = committing.IsCompleted;
            await committing.ConfigureAwait(false);
            if (WaitingCount >= Math.Max(1, batch.Count / 2))
            {
                // The database goes on working while they are told.
                ThreadPool.UnsafeQueueUserWorkItem(Tell, batch, preferLocal: false);
            }
            else
            {
                Tell(batch);
                if (batch.Count > 1)
                    await GatherAsync().ConfigureAwait(false);
            }
            batch = TakeBatch();
            // The next batch is not the affair of the thread that brought the first.
            if (batch.Count > 0 && isOnCallersThread)
                await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        }
    }

    /// <summary>
    /// Lets those who were told hand in what they do next: else the first of them would be committed alone, and all others would wait for that. Each turn goes
    /// to the end of the thread pool's queue.
    /// </summary>
    private async Task GatherAsync()
    {
        for (var (count, before) = (0, -1); count > before; (before, count) = (count, WaitingCount))
            await Task.Yield();
    }

    private int WaitingCount
    {
        get
        {
            lock (_gate)
                return _waiting.Count;
        }
    }

    private List<JournalWrite> TakeBatch()
    {
        var batch = new List<JournalWrite>();
        lock (_gate)
        {
            for (var weight = 0; batch.Count < MaxWrites && weight < MaxWeight && _waiting.TryDequeue(out var write); weight += write.Weight)
                batch.Add(write);
            _isCommitting = batch.Count > 0;
            if (!_isCommitting && _stop.IsCancellationRequested)
                _stopped.TrySetResult();
        }
        return batch;
    }

    /// <summary>Commits a batch; writes that can never be written fail.</summary>
    private async Task CommitBatchAsync(IReadOnlyList<JournalWrite> batch)
    {
        var begun = Telemetry.CommitBegins();
        try
        {
            await ThroughOutagesAsync(async () =>
            {
                await _journal.CommitAsync(WorkerId, batch, CancellationToken.None).ConfigureAwait(false);
                return true;
            }).ConfigureAwait(false);
        }
        catch (Exception e) when (batch.Count == 1)
        {
            batch[0].Fail(e);
            return;
        }
        catch (Exception e)
        {
            // One of them cannot be written. Alone, each either goes through or fails its own run only.
            Log.BatchSplit(_logger, batch.Count, e.Message);
            foreach (var write in batch)
                await CommitBatchAsync([write]).ConfigureAwait(false);
            return;
        }
        Telemetry.Committed(batch, begun);
    }

    /// <summary>Tells who waits for a batch; each write of it that failed has been told.</summary>
    private void Tell(IReadOnlyList<JournalWrite> batch)
    {
        if (batch.Aggregate(JournalHint.None, (woke, write) => woke | write.Woke) is not JournalHint.None and var hint)
            Woke?.Invoke(hint);
        foreach (var write in batch)
            write.Complete();
    }
}
