using Elt.Durable.Journal;

namespace Elt.Durable.Execution;

/// <summary>What a worker's loop waits for: this process, a hint of the journal, or a time.</summary>
internal sealed class WorkSignal(IJournal journal, JournalClock clock, WorkerOptions options)
{
    /// <summary>How far this process's idea of the journal's time may be off.</summary>
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromMilliseconds(10);

    private static readonly TimeSpan LongestTimer = TimeSpan.FromDays(40);

    // Not a semaphore: one whose wait is given up lets that wait take a signal that was meant for the next.
    private TaskCompletionSource _raised = NotRaised();
    private Task<JournalHint>? _hint;
    private volatile int _phase;

    /// <summary>Odd while the loop waits, another number for each wait.</summary>
    public int Phase => _phase;

    /// <summary>The option, as far as timers go.</summary>
    public TimeSpan PollInterval => options.PollInterval < LongestTimer ? options.PollInterval : LongestTimer;

    /// <summary>Ends the present wait, or the next one. Who raises it has said before what there is to look at.</summary>
    public void Raise()
    {
        // The loop sees either the signal or, looking after it took the one before, what was said.
        Interlocked.MemoryBarrier();
        Volatile.Read(ref _raised).TrySetResult();
    }

    /// <summary>Waits for a signal or a time, for the poll interval at most, and returns what the journal said meanwhile.</summary>
    /// <param name="due">When the wait ends without a signal.</param>
    /// <param name="ct">Ends the loop; the same for each wait.</param>
    public async Task<JournalHint> WaitAsync(DateTimeOffset due, CancellationToken ct)
    {
        var untilDue = due - clock.Now;
        var atMost = untilDue < ClockTolerance ? ClockTolerance : untilDue < PollInterval ? untilDue : PollInterval;
        using var pause = CancellationTokenSource.CreateLinkedTokenSource(ct);
        _hint ??= options.UseNotifications ? journal.WaitForHintAsync(ct) : new TaskCompletionSource<JournalHint>().Task;
        var any = Task.WhenAny(_raised.Task, _hint, Task.Delay(atMost, clock.Time, pause.Token));
        _phase++;
        await any.ConfigureAwait(false);
        _phase++;
        await pause.CancelAsync().ConfigureAwait(false);
        // Before the loop looks: what is said from here on ends the next wait.
        if (_raised.Task.IsCompleted)
            Interlocked.Exchange(ref _raised, NotRaised());
        return _hint.IsCompleted ? await TakeHintAsync().ConfigureAwait(false) : JournalHint.None;
    }

    private static TaskCompletionSource NotRaised() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task<JournalHint> TakeHintAsync()
    {
        var hint = _hint!;
        _hint = null;
        return await hint.ConfigureAwait(false);
    }
}
