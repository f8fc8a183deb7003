using Elt.Durable.Execution;
using Elt.Durable.Testing;

namespace Elt.Durable.Tests;

public sealed class JournalClockTests
{
    private static readonly TimeSpan Slow = TimeSpan.FromMilliseconds(300);

    private readonly ManualTimeProvider _time = new(DateTimeOffset.UnixEpoch);
    private readonly JournalClock _clock;

    public JournalClockTests() => _clock = new JournalClock(_time);

    [Fact]
    public async Task An_answer_that_took_long_does_not_move_a_clock_that_may_be_right()
    {
        await LearnAsync(_time.GetUtcNow());
        Assert.Equal(_time.GetUtcNow(), _clock.Now);
    }

    [Fact]
    public async Task A_clock_that_is_certainly_wrong_is_corrected_by_what_is_certain()
    {
        await LearnAsync(_time.GetUtcNow() + TimeSpan.FromMinutes(1));
        Assert.Equal(_time.GetUtcNow() + TimeSpan.FromMinutes(1) - Slow, _clock.Now);
    }

    [Fact]
    public async Task Time_does_not_go_back()
    {
        var before = _clock.Now;
        await LearnAsync(_time.GetUtcNow() - TimeSpan.FromMinutes(1));
        Assert.True(_clock.Now >= before);
    }

    private Task LearnAsync(DateTimeOffset journalTime) => _clock.LearnAsync(
        () =>
        {
            _time.Advance(Slow);
            return Task.FromResult(journalTime);
        },
        time => time);
}
