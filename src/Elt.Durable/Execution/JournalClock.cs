namespace Elt.Durable.Execution;

/// <summary>
/// The journal's time as this process knows it: its own clock, corrected by the difference seen at the last heartbeat.
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

    public void Adjust(DateTimeOffset journalTime) => Volatile.Write(ref _offsetTicks, journalTime.UtcTicks - Time.GetUtcNow().UtcTicks);
}
