namespace Elt.Durable.Schedules;

/// <summary>What is to become of a schedule's due slots.</summary>
/// <param name="Starts">Slots to start, oldest first.</param>
/// <param name="WaitingSlot">The slot that waits for the schedule's runs to end.</param>
/// <param name="DecidedUpTo">Every slot up to here is decided.</param>
internal sealed record SlotPlan(IReadOnlyList<DateTimeOffset> Starts, DateTimeOffset? WaitingSlot, DateTimeOffset DecidedUpTo)
{
    /// <summary>How long after its time a slot counts as on time and not as missed.</summary>
    internal static readonly TimeSpan OnTime = TimeSpan.FromMinutes(1);

    /// <summary>Slots decided at once; the rest follows.</summary>
    private const int MaxSlots = 1000;

    /// <summary>Decides the slots that are due by the journal's time, as catch-up and overlap say.</summary>
    public static SlotPlan For(ScheduleRow schedule, CronSchedule cron)
    {
        var due = DueSlots(schedule, cron);
        var starts = new List<DateTimeOffset>();
        var waiting = schedule.WaitingSlot;
        var isBusy = schedule.IsBusy;
        if (waiting is { } first && !isBusy)
            Start(first);
        foreach (var slot in due)
        {
            if (schedule.Options.Overlap == ScheduleOverlap.Allow || !isBusy)
                Start(slot);
            else if (schedule.Options.Overlap == ScheduleOverlap.QueueOne)
                waiting ??= slot;
        }
        return new SlotPlan(starts, waiting, due is [.., var last] ? last : schedule.DecidedUpTo);

        void Start(DateTimeOffset slot)
        {
            starts.Add(slot);
            waiting = waiting == slot ? null : waiting;
            isBusy = true;
        }
    }

    /// <summary>Whether it changes anything.</summary>
    public bool Changes(ScheduleRow schedule) => Starts.Count > 0 || WaitingSlot != schedule.WaitingSlot || DecidedUpTo != schedule.DecidedUpTo;

    private static List<DateTimeOffset> DueSlots(ScheduleRow schedule, CronSchedule cron)
    {
        var (options, now) = (schedule.Options, schedule.Now);
        var window = options.CatchUp == ScheduleCatchUp.None || options.CatchUpWindow < OnTime ? OnTime : options.CatchUpWindow;
        var from = window < now - schedule.DecidedUpTo ? now - window : schedule.DecidedUpTo;
        return options.CatchUp == ScheduleCatchUp.Last
            ? cron.Last(from, now) is { } last ? [last] : []
            : [.. cron.Between(from, now).Take(MaxSlots)];
    }
}
