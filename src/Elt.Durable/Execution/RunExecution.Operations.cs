using System.Runtime.InteropServices;
using Elt.Durable.Journal;

namespace Elt.Durable.Execution;

/// <summary>Which operations are in flight, which of them only wait, and when the whole run may be parked.</summary>
internal sealed partial class RunExecution
{
    private readonly List<Wait> _waits = [];
    private int _working;
    private bool _isWaiting;
    private readonly TaskCompletionSource _quiet = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _quiesced;
    private bool _closed;
    private long _waitingSince;

    /// <summary>Lets no further operation begin; completes when none is at work (executing or committing) any more.</summary>
    public Task QuiesceAsync()
    {
        lock (_gate)
        {
            _quiesced = true;
            UpdateWaiting();
        }
        return _quiet.Task;
    }

    /// <summary>Gives a waiting run back to the journal when nothing will happen to it soon.</summary>
    /// <returns>Whether the run is parked.</returns>
    public async Task<bool> ParkWhenIdleAsync(TimeSpan parkAfter)
    {
        DateTimeOffset due;
        long wakeCount;
        lock (_gate)
        {
            if (!_isWaiting || Retired.IsCompleted || _services.Clock.Time.GetElapsedTime(_waitingSince) < parkAfter)
                return false;
            (due, wakeCount) = (_waits.Min(w => w.Due), _wakeCount);
        }
        if (due - _services.Clock.Now < parkAfter)
            return false;
        var park = new ParkWrite(_key, due == DateTimeOffset.MaxValue ? null : due, wakeCount);
        await _services.Writer.CommitAsync(park).ConfigureAwait(false);
        if (park.Woken)
            await CatchUpAsync().ConfigureAwait(false);
        else
            Retire(park.Fenced ? Retirement.Fenced : Retirement.Parked);
        return Retired is { IsCompletedSuccessfully: true, Result: Retirement.Parked };
    }

    /// <summary>Gives the slot back: from here on the execution counts for nothing.</summary>
    public void Close()
    {
        lock (_gate)
        {
            if (!_closed && !_isWaiting)
                _busyChanged(-1);
            _closed = true;
        }
    }

    /// <summary>What this execution knows of its run, to be compared with the journal.</summary>
    public ExecutedRun Known
    {
        get
        {
            lock (_gate)
                return new ExecutedRun(Id, _key.Epoch, _wakeCount);
        }
    }

    /// <summary>Takes over the outcome of a child that ended in this process; the commit that ended it has woken this run once for it.</summary>
    public void DeliverWoken(StepInfo child)
    {
        lock (_gate)
        {
            // One that was read from the journal meanwhile is counted already. To know of more wake-ups than there were would hide a later one for ever.
            if (Deliver(child))
                _wakeCount++;
        }
    }

    /// <summary>Takes over what the journal got for this run from elsewhere.</summary>
    public async Task CatchUpAsync()
    {
        var history = await _services.Journal.ReadHistoryAsync(Id, Stopping).ConfigureAwait(false);
        lock (_gate)
        {
            _wakeCount = history.WakeCount;
            foreach (var child in history.Steps.Where(s => s.Kind == StepKind.Child))
                Deliver(child);
            Signal(w => w.EndsWhenWoken);
        }
    }

    /// <summary>Hands a child's outcome to those who wait for it; the caller holds the gate. Returns whether it was not known yet.</summary>
    private bool Deliver(StepInfo child)
    {
        Signal(w => w.ChildKey == child.Key);
        return _history.AddOutcome(child);
    }

    /// <summary>
    /// Ends waits; the caller holds the gate. A waiter counts as at work from here on, not from when a thread gets to it: in between the run would look
    /// idle and be parked for ever.
    /// </summary>
    private void Signal(Predicate<Wait> which)
    {
        foreach (var wait in _waits.FindAll(which))
        {
            EndWait(wait);
            wait.Signal.TrySetResult();
        }
    }

    /// <summary>Begins an operation under a name, or never returns when the execution is over.</summary>
    private async ValueTask<Operation> BeginAsync(string name, bool isAnsweredByReplay = false)
    {
        Operation operation;
        lock (_gate)
        {
            if (_quiesced || Retired.IsCompleted)
                operation = default;
            else if (!_inFlight.Add(name))
                throw new DuplicateStepNameException(name);
            else
                operation = Begin(name);
        }
        if (operation.Name is null)
            return await NeverAsync<Operation>();
        if (operation.Recorded is null && !isAnsweredByReplay && _services.Unrecorded is { } tell)
        {
            tell(operation.Key);
            return await NeverAsync<Operation>();
        }
        // A replayed operation completes later than it began as a live one does, so that overlapping uses of a name are seen in both.
        if (operation.Recorded is not null)
            await Task.Yield();
        return operation;
    }

    private Operation Begin(string name)
    {
        var key = NextUse(name);
        _working++;
        UpdateWaiting();
        return new Operation(name, key, _history.Take(key));
    }

    private void End(Operation operation)
    {
        lock (_gate)
        {
            _inFlight.Remove(operation.Name);
            _working--;
            UpdateWaiting();
        }
    }

    /// <summary>The key for the next use of a name: itself, then <c>#2</c>, <c>#3</c>…</summary>
    private string NextUse(string name)
    {
        ref var use = ref CollectionsMarshal.GetValueRefOrAddDefault(_uses, name, out _);
        if (use == TakenByOther)
            throw new DuplicateStepNameException(name);
        if (++use == 1)
            return name;
        var key = $"{name}#{use}";
        return _uses.TryAdd(key, TakenByOther) ? key : throw new DuplicateStepNameException(key);
    }

    /// <summary>In the place of a number of uses: the name is the key of another name's use.</summary>
    private const int TakenByOther = -1;

    private StepAttempt? LastAttempt(string key)
    {
        lock (_gate)
            return _history.LastAttempt(key);
    }

    private async Task WaitUntilAsync(DateTimeOffset due)
    {
        var wait = new Wait(due, null);
        while (due - _services.Clock.Now is var remaining && remaining > TimeSpan.Zero)
        {
            BeginWait(wait);
            try
            {
                // A day at a time: timers have a limit, and long waits are parked before.
                var pause = remaining < OneDay ? remaining : OneDay;
                await Task.Delay(pause, _services.Clock.Time, Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            finally
            {
                EndWait(wait);
            }
            if (Stopping.IsCancellationRequested)
                await NeverAsync<bool>().ConfigureAwait(false);
        }
    }

    private async Task<StepInfo> WaitForChildAsync(string key)
    {
        var wait = new Wait(DateTimeOffset.MaxValue, key);
        lock (_gate)
        {
            if (_history.Take(key) is { } known)
                return known;
            _waits.Add(wait);
            _working--;
            UpdateWaiting();
        }
        await wait.Signal.Task.ConfigureAwait(false);
        lock (_gate)
            return _history.Take(key)!;
    }

    /// <summary>Waits for a wake-up beyond those that are known, at most until a time.</summary>
    private async Task WaitForWakeAsync(long known, DateTimeOffset due)
    {
        var wait = new Wait(due, null, EndsWhenWoken: true);
        var remaining = due - _services.Clock.Now;
        lock (_gate)
        {
            if (_wakeCount != known || remaining <= TimeSpan.Zero)
                return;
            BeginWait(wait);
        }
        using var pause = CancellationTokenSource.CreateLinkedTokenSource(Stopping);
        var timer = Task.Delay(remaining < OneDay ? remaining : OneDay, _services.Clock.Time, pause.Token);
        await Task.WhenAny(wait.Signal.Task, timer).ConfigureAwait(false);
        await pause.CancelAsync().ConfigureAwait(false);
        EndWait(wait);
        if (Stopping.IsCancellationRequested)
            await NeverAsync<bool>().ConfigureAwait(false);
    }

    private void BeginWait(Wait wait)
    {
        lock (_gate)
        {
            _waits.Add(wait);
            _working--;
            UpdateWaiting();
        }
    }

    private void EndWait(Wait wait)
    {
        lock (_gate)
        {
            if (!_waits.Remove(wait))
                return;
            _working++;
            UpdateWaiting();
        }
    }

    private void UpdateWaiting()
    {
        if (_quiesced && _working == 0)
            _quiet.TrySetResult();
        var isWaiting = _working == 0 && _waits.Count > 0;
        if (isWaiting == _isWaiting)
            return;
        _isWaiting = isWaiting;
        _waitingSince = _services.Clock.Time.GetTimestamp();
        if (!_closed)
            _busyChanged(isWaiting ? -1 : 1);
    }

    private static readonly TimeSpan OneDay = TimeSpan.FromDays(1);

    /// <summary>An operation in flight: its name, the key of this use, and its record when it was done before.</summary>
    private readonly record struct Operation(string Name, string Key, StepInfo? Recorded);

    private sealed record Wait(DateTimeOffset Due, string? ChildKey, bool EndsWhenWoken = false)
    {
        public TaskCompletionSource Signal { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
