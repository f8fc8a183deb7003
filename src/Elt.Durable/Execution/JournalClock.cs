namespace Elt.Durable.Execution;

/// <summary>
/// The journal's time as this process knows it: its own clock, corrected by the difference seen at heartbeats.
/// Microsecond precision, as both stores keep it, so that a recorded time reads back equal. Never goes back, so that times keep the order of events.
/// </summary>
internal sealed class JournalClock(TimeProvider time)
{
    private long _offsetTicks;
    private long _latestTicks;

    /// <summary>For waits in memory.</summary>
    public TimeProvider Time { get; } = time;

    public DateTimeOffset Now
    {
        get
        {
            var ticks = Time.GetUtcNow().UtcTicks + Volatile.Read(ref _offsetTicks);
            ticks -= ticks % TimeSpan.TicksPerMicrosecond;
            var latest = Volatile.Read(ref _latestTicks);
            while (ticks > latest && Interlocked.CompareExchange(ref _latestTicks, ticks, latest) is var seen && seen != latest)
                latest = seen;
            return new DateTimeOffset(Math.Max(ticks, latest), TimeSpan.Zero);
        }
    }

    /// <summary>Learns the journal's time from an answer.</summary>
    /// <param name="ask">Asks; its answer was right at some moment between the question and now, which is all that is known: within that, the difference is changed as little as can be.</param>
    /// <param name="timeOf">The journal's time in the answer, if it is there.</param>
    public async Task<T> LearnAsync<T>(Func<Task<T>> ask, Func<T, DateTimeOffset?> timeOf)
    {
        var asked = Time.GetUtcNow();
        var answer = await ask().ConfigureAwait(false);
        if (timeOf(answer) is { } journalTime)
        {
            var (least, most) = ((journalTime - Time.GetUtcNow()).Ticks, (journalTime - asked).Ticks);
            Volatile.Write(ref _offsetTicks, Math.Min(Math.Max(Volatile.Read(ref _offsetTicks), least), Math.Max(least, most)));
        }
        return answer;
    }
}
