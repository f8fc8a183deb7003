using Elt.Durable.Execution;
using Elt.Durable.Hosting;
using Elt.Durable.Journal;
using Elt.Durable.Testing;

namespace Elt.Durable.Tests;

/// <summary>What a worker's loop waits for.</summary>
public sealed class WorkSignalTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly ManualTimeProvider _time = new(Start);
    private readonly WorkSignal _signal;

    public WorkSignalTests() =>
        _signal = new WorkSignal(journal: null!, new JournalClock(_time), new WorkerOptions { UseNotifications = false, PollInterval = TimeSpan.FromHours(1) });

    [Fact]
    public async Task A_signal_right_after_a_wait_that_time_has_ended_ends_the_next_wait()
    {
        for (var round = 0; round < 500; round++)
        {
            var ended = _signal.WaitAsync(DateTimeOffset.MaxValue, default);
            _time.Advance(TimeSpan.FromHours(1));
            await ended;
            // Busy threads: what the wait before has not cleared away yet is still there.
            for (var i = 0; i < 20; i++)
                _ = Task.Run(() => Thread.SpinWait(2000));
            _signal.Raise();
            await _signal.WaitAsync(DateTimeOffset.MaxValue, default).WaitAsync(TimeSpan.FromSeconds(30));
        }
    }

    [Fact]
    public async Task A_signal_before_the_wait_ends_it_and_only_it()
    {
        _signal.Raise();
        _signal.Raise();
        await _signal.WaitAsync(DateTimeOffset.MaxValue, default);
        var next = _signal.WaitAsync(DateTimeOffset.MaxValue, default);
        Assert.False(next.IsCompleted);
        _time.Advance(TimeSpan.FromHours(1));
        await next;
    }
}
