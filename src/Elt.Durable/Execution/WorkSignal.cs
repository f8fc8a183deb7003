using Elt.Durable.Journal;

namespace Elt.Durable.Execution;

/// <summary>What a worker's loop waits for: this process, a hint of the journal, or a time.</summary>
internal sealed class WorkSignal(IJournal journal, JournalClock clock, WorkerOptions options)
{
    /// <summary>How far this process's idea of the journal's time may be off.</summary>
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromMilliseconds(10);

    private static readonly TimeSpan LongestTimer = TimeSpan.FromDays(40);

    private readonly SemaphoreSlim _raised = new(0, 1);
    private volatile int _phase;

    /// <summary>Odd while the loop waits, another number for each wait.</summary>
    public int Phase => _phase;

    /// <summary>The option, as far as timers go.</summary>
    public TimeSpan PollInterval => options.PollInterval < LongestTimer ? options.PollInterval : LongestTimer;

    /// <summary>Ends the present wait, or the next one.</summary>
    public void Raise()
    {
        try
        {
            _raised.Release();
        }
        catch (SemaphoreFullException)
        {
            // Somebody said so already, and the loop has not looked yet.
        }
    }

    /// <summary>Waits for a signal or a time, for the poll interval at most, and returns what the journal said meanwhile.</summary>
    public async Task<JournalHint> WaitAsync(DateTimeOffset due, CancellationToken ct)
    {
        var untilDue = due - clock.Now;
        var atMost = untilDue < ClockTolerance ? ClockTolerance : untilDue < PollInterval ? untilDue : PollInterval;
        using var pause = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var hint = options.UseNotifications ? journal.WaitForHintAsync(pause.Token) : new TaskCompletionSource<JournalHint>().Task;
        var any = Task.WhenAny(_raised.WaitAsync(pause.Token), hint, Task.Delay(atMost, clock.Time, pause.Token));
        _phase++;
        await any.ConfigureAwait(false);
        _phase++;
        var said = hint.IsCompletedSuccessfully ? await hint.ConfigureAwait(false) : JournalHint.None;
        await pause.CancelAsync().ConfigureAwait(false);
        return said;
    }
}
