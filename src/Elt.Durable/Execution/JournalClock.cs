namespace Elt.Durable.Execution;

/// <summary>
/// The journal's time as this process knows it: its own clock, corrected by the difference seen at the last heartbeat.
/// Microsecond precision, as both stores keep it, so that a recorded time reads back equal.
/// </summary>
internal sealed class JournalClock(TimeProvider time)
{
    private long _offsetTicks;

    /// <summary>For waits in memory.</summary>
    public TimeProvider Time { get; } = time;

    public DateTimeOffset Now
    {
        get
        {
            var ticks = Time.GetUtcNow().UtcTicks + Volatile.Read(ref _offsetTicks);
            return new DateTimeOffset(ticks - (ticks % TimeSpan.TicksPerMicrosecond), TimeSpan.Zero);
        }
    }

    public void Adjust(DateTimeOffset journalTime) => Volatile.Write(ref _offsetTicks, journalTime.UtcTicks - Time.GetUtcNow().UtcTicks);
}
