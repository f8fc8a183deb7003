using Elt.Durable.Schedules;

namespace Elt.Durable.Tests.Schedules;

[Trait("promise", "E15")]
public sealed class SlotPlanTests
{
    private static readonly DateTimeOffset Midnight = new(2026, 11, 21, 0, 0, 0, TimeSpan.Zero);
    private static readonly CronSchedule Hourly = CronSchedule.Parse("0 * * * *", "UTC");

    [Theory]
    [InlineData(ScheduleCatchUp.None, 3.0, "3")]
    [InlineData(ScheduleCatchUp.None, 3.01, "3")]
    [InlineData(ScheduleCatchUp.None, 3.1, "")]
    [InlineData(ScheduleCatchUp.Last, 3.1, "3")]
    [InlineData(ScheduleCatchUp.Last, 0.9, "")]
    [InlineData(ScheduleCatchUp.Last, 90.5, "90")]
    [InlineData(ScheduleCatchUp.All, 3.1, "1 2 3")]
    [InlineData(ScheduleCatchUp.All, 27.5, "4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27")]
    public void Catch_up_says_which_missed_slots_are_started(ScheduleCatchUp catchUp, double hours, string slots)
    {
        var plan = SlotPlan.For(Schedule(hours, new ScheduleOptions { CatchUp = catchUp }), Hourly);
        Assert.Equal(slots, Hours(plan.Starts));
    }

    [Fact]
    public void A_slot_older_than_the_window_is_left_out_also_when_it_is_the_last() =>
        Assert.Empty(SlotPlan.For(Schedule(3.9, new ScheduleOptions { CatchUpWindow = TimeSpan.FromMinutes(30) }), Hourly).Starts);

    [Fact]
    public void A_window_of_nothing_still_starts_what_is_on_time() =>
        Assert.Single(SlotPlan.For(Schedule(3.001, new ScheduleOptions { CatchUpWindow = TimeSpan.Zero }), Hourly).Starts);

    [Fact]
    public void More_slots_than_one_decision_holds_are_decided_in_several()
    {
        var minutely = CronSchedule.Parse("* * * * *", "UTC");
        var schedule = Schedule(24, new ScheduleOptions { CatchUp = ScheduleCatchUp.All });
        var first = SlotPlan.For(schedule, minutely);
        var second = SlotPlan.For(schedule with { DecidedUpTo = first.DecidedUpTo }, minutely);
        Assert.Equal(1440, first.Starts.Count + second.Starts.Count);
        Assert.Equal(schedule.Now, second.DecidedUpTo);
    }

    [Theory]
    [InlineData(ScheduleOverlap.Allow, false, null, "1 2 3", "")]
    [InlineData(ScheduleOverlap.Allow, true, null, "1 2 3", "")]
    [InlineData(ScheduleOverlap.Skip, false, null, "1", "")]
    [InlineData(ScheduleOverlap.Skip, true, null, "", "")]
    [InlineData(ScheduleOverlap.QueueOne, false, null, "1", "2")]
    [InlineData(ScheduleOverlap.QueueOne, true, null, "", "1")]
    [InlineData(ScheduleOverlap.QueueOne, true, 0, "", "0")]
    [InlineData(ScheduleOverlap.QueueOne, false, 0, "0", "1")]
    public void Overlap_says_what_becomes_of_slots_beside_a_run(ScheduleOverlap overlap, bool busy, int? waiting, string starts, string waits)
    {
        var schedule = Schedule(3.1, new ScheduleOptions { Overlap = overlap, CatchUp = ScheduleCatchUp.All }) with
        {
            IsBusy = busy,
            WaitingSlot = waiting is { } hour ? Midnight.AddHours(hour) : null,
        };
        var plan = SlotPlan.For(schedule, Hourly);
        Assert.Equal(starts, Hours(plan.Starts));
        Assert.Equal(waits, Hours(plan.WaitingSlot is { } slot ? [slot] : []));
        Assert.Equal(Midnight.AddHours(3), plan.DecidedUpTo);
    }

    [Fact]
    public void Jitter_is_spread_over_its_width_and_the_same_for_a_slot()
    {
        var schedule = new ScheduleDefinition("jittery", Hourly, _ => new object(), new ScheduleOptions());
        var width = TimeSpan.FromMinutes(10);
        var delays = Enumerable.Range(0, 1000).Select(h => schedule.JitterOf(Midnight.AddHours(h), width)).ToList();
        Assert.Equal(delays, Enumerable.Range(0, 1000).Select(h => schedule.JitterOf(Midnight.AddHours(h), width)));
        Assert.All(delays, d => Assert.InRange(d, TimeSpan.Zero, width));
        Assert.InRange(delays.Average(d => d.TotalMinutes), 4.5, 5.5);
        Assert.All(Enumerable.Range(0, 10), tenth => Assert.InRange(delays.Count(d => (int)d.TotalMinutes == tenth), 60, 140));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a/b")]
    public void A_name_that_would_not_keep_ids_apart_is_refused(string name) =>
        Assert.ThrowsAny<ArgumentException>(() => new ScheduleDefinition(name, Hourly, _ => new object(), new ScheduleOptions()));

    private static ScheduleRow Schedule(double hours, ScheduleOptions options) =>
        new("hourly", "0 * * * *", "UTC", options, Midnight, null, null, false, false, Midnight.AddHours(hours));

    private static string Hours(IEnumerable<DateTimeOffset> slots) => string.Join(" ", slots.Select(s => (s - Midnight).TotalHours));
}
