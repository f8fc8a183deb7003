using Quartz;

namespace Elt.Durable.Schedules;

/// <summary>
/// A cron expression of five fields in a time zone. Where both day fields are restricted, either may hold. A slot that daylight saving skips comes
/// at the end of the gap; of a doubled time the first is the slot, except for expressions that repeat within the day by ranges or steps of
/// hours or minutes, which go on through both. The one place that knows the cron library, so that Cronos can take its place.
/// </summary>
public sealed class CronSchedule
{
    private readonly CronExpression _expression;

    private CronSchedule(string text, TimeZoneInfo zone, CronExpression expression)
    {
        Text = text;
        Zone = zone;
        _expression = expression;
    }

    /// <summary>The expression as it was given.</summary>
    public string Text { get; }

    /// <summary>The zone its fields are read in.</summary>
    public TimeZoneInfo Zone { get; }

    /// <summary>Reads an expression.</summary>
    /// <param name="text">Minute, hour, day of month, month, day of week; for example <c>20 5 * * *</c>.</param>
    /// <param name="timeZone">IANA name such as <c>Europe/Berlin</c>, or <c>UTC</c>.</param>
    /// <exception cref="FormatException">The expression cannot be read.</exception>
    /// <exception cref="TimeZoneNotFoundException">There is no such zone.</exception>
    public static CronSchedule Parse(string text, string timeZone)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(text);
        var zone = TimeZoneInfo.FindSystemTimeZoneById(timeZone);
        try
        {
            return new CronSchedule(text, zone, CronExpression.Parse(text, CronFormat.Unix).WithTimeZone(zone));
        }
        catch (Exception e) when (e is FormatException or ArgumentException)
        {
            throw new FormatException($"'{text}' is not a cron expression of five fields (minute hour day month weekday): {e.Message}", e);
        }
    }

    /// <summary>The first slot after a time, in UTC; <see langword="null"/> when there is none any more.</summary>
    public DateTimeOffset? Next(DateTimeOffset after) => _expression.GetNextValidTimeAfter(after)?.ToUniversalTime();

    /// <summary>The slots after a time and up to another, oldest first.</summary>
    internal IEnumerable<DateTimeOffset> Between(DateTimeOffset after, DateTimeOffset upTo)
    {
        for (var slot = Next(after); slot <= upTo; slot = Next(slot.Value))
            yield return slot.Value;
    }

    /// <summary>The last slot after a time and up to another, if there is one.</summary>
    internal DateTimeOffset? Last(DateTimeOffset after, DateTimeOffset upTo)
    {
        // The library looks forward only: look at ever longer pieces of time before the end until one holds a slot.
        for (var piece = TimeSpan.FromHours(1); ; piece *= 4)
        {
            var from = piece < upTo - after ? upTo - piece : after;
            if (Next(from) <= upTo)
                return Between(from, upTo).Last();
            if (from == after)
                return null;
        }
    }
}
