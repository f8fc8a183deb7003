using System.Globalization;
using Elt.Durable.Schedules;

namespace Elt.Durable.Tests.Schedules;

[Trait("promise", "E15")]
public sealed class CronScheduleTests
{
    [Theory]
    [InlineData("20 5 * * *", "11-21 05:20, 11-22 05:20")]
    [InlineData("*/5 * * * *", "11-20 23:05, 11-20 23:10")]
    [InlineData("*/7 * * * *", "11-20 23:07, 11-20 23:14, 11-20 23:21, 11-20 23:28, 11-20 23:35, 11-20 23:42, 11-20 23:49, 11-20 23:56, 11-21 00:00")]
    [InlineData("5/15 * * * *", "11-20 23:05, 11-20 23:20, 11-20 23:35, 11-20 23:50, 11-21 00:05")]
    [InlineData("5-10/2 3,4 * * *", "11-21 03:05, 11-21 03:07, 11-21 03:09, 11-21 04:05")]
    [InlineData("0 22-1 * * *", "11-21 00:00, 11-21 01:00, 11-21 22:00")]
    [InlineData("0 0 * * 0", "11-22 00:00, 11-29 00:00")]
    [InlineData("0 0 * * 7", "11-22 00:00, 11-29 00:00")]
    [InlineData("0 0 * * 5-7", "11-21 00:00, 11-22 00:00, 11-27 00:00")]
    [InlineData("0 0 * jan-mar Mon-Fri", "2027-01-01 00:00, 2027-01-04 00:00")]
    [InlineData("0 0 13 * 5", "11-27 00:00, 12-04 00:00, 12-11 00:00, 12-13 00:00")]
    [InlineData("0 0 13 * *", "12-13 00:00, 2027-01-13 00:00")]
    [InlineData("0 0 31 * *", "12-31 00:00, 2027-01-31 00:00, 2027-03-31 00:00")]
    [InlineData("0 0 L * *", "11-30 00:00, 12-31 00:00, 2027-01-31 00:00, 2027-02-28 00:00")]
    [InlineData("0 0 29 2 *", "2028-02-29 00:00, 2032-02-29 00:00")]
    [InlineData("0 12 * * ?", "11-21 12:00")]
    [InlineData("@daily", "11-21 00:00, 11-22 00:00")]
    public void Fields_name_minutes_hours_days_months_and_weekdays(string cron, string slots) =>
        AssertSlots(cron, "UTC", "2026-11-20 23:00", slots);

    [Theory]
    [InlineData("0 0 29 2 *", "2096-03-01 00:00", "2104-02-29 00:00")]
    [InlineData("0 0 30 2 *", "2026-11-20 23:00", "")]
    [InlineData("0 0 31 4,6,9,11 *", "2026-11-20 23:00", "")]
    public void Days_that_are_rare_or_never_come_are_found_to_be_so(string cron, string after, string slots) => AssertSlots(cron, "UTC", after, slots);

    [Theory]
    [InlineData("20 5 * * *", "Europe/Berlin", "2026-11-20 23:00", "11-21 04:20")]
    [InlineData("20 5 * * *", "Europe/Berlin", "2026-07-20 23:00", "07-21 03:20")]
    [InlineData("20 5 * * *", "Asia/Kathmandu", "2026-07-20 12:00", "07-20 23:35")]
    [InlineData("0 0 * * 1", "Pacific/Auckland", "2026-07-20 12:00", "07-26 12:00")]
    // 02:00 to 03:00 does not exist on March 29 in Berlin.
    [InlineData("30 2 * * *", "Europe/Berlin", "2026-03-28 00:00", "03-28 01:30, 03-29 01:00, 03-30 00:30")]
    [InlineData("0 2 * * *", "Europe/Berlin", "2026-03-28 12:00", "03-29 01:00, 03-30 00:00")]
    [InlineData("15 2,3 * * *", "Europe/Berlin", "2026-03-28 12:00", "03-29 01:00, 03-29 01:15, 03-30 00:15")]
    [InlineData("*/30 * * * *", "Europe/Berlin", "2026-03-29 00:00", "03-29 00:30, 03-29 01:00, 03-29 01:30")]
    [InlineData("0 * * * *", "Europe/Berlin", "2026-03-28 23:30", "03-29 00:00, 03-29 01:00, 03-29 02:00")]
    // 02:00 to 03:00 comes twice on October 25 in Berlin.
    [InlineData("30 2 * * *", "Europe/Berlin", "2026-10-24 12:00", "10-25 00:30, 10-26 01:30")]
    [InlineData("15 2,3 * * *", "Europe/Berlin", "2026-10-24 22:30", "10-25 00:15, 10-25 02:15, 10-26 01:15")]
    [InlineData("*/30 * * * *", "Europe/Berlin", "2026-10-24 23:40", "10-25 00:00, 10-25 00:30, 10-25 01:00, 10-25 01:30, 10-25 02:00")]
    [InlineData("0 * * * *", "Europe/Berlin", "2026-10-24 23:30", "10-25 00:00, 10-25 01:00, 10-25 02:00")]
    [InlineData("30 2 * * *", "America/New_York", "2026-03-07 12:00", "03-08 07:00, 03-09 06:30")]
    [InlineData("30 1 * * *", "America/New_York", "2026-10-31 12:00", "11-01 05:30, 11-02 06:30")]
    [InlineData("*/15 * * * *", "America/New_York", "2026-11-01 05:40", "11-01 05:45, 11-01 06:00, 11-01 06:15, 11-01 06:30, 11-01 06:45, 11-01 07:00")]
    // The clocks on Lord Howe move by half an hour: 02:00 to 02:30 is skipped on October 4, 01:30 to 02:00 comes twice on April 5.
    [InlineData("15 2 * * *", "Australia/Lord_Howe", "2026-10-02 18:00", "10-03 15:30, 10-04 15:15")]
    [InlineData("45 1 * * *", "Australia/Lord_Howe", "2026-04-03 18:00", "04-04 14:45, 04-05 15:15")]
    [InlineData("*/30 * * * *", "Australia/Lord_Howe", "2026-10-03 14:40", "10-03 15:00, 10-03 15:30, 10-03 16:00")]
    [InlineData("*/30 * * * *", "Australia/Lord_Howe", "2026-04-04 14:10", "04-04 14:30, 04-04 15:00, 04-04 15:30")]
    public void Slots_follow_the_zone_through_its_clock_changes(string cron, string zone, string after, string slots) => AssertSlots(cron, zone, after, slots);

    [Theory]
    [InlineData("30 2 * * *", "Europe/Berlin", 36_524)]
    [InlineData("15 2 * * *", "Australia/Lord_Howe", 36_524)]
    [InlineData("0 0 29 2 *", "UTC", 24)]
    public void A_century_of_slots_is_walked_without_a_gap_or_a_repeat(string cron, string zone, int expected)
    {
        var (from, to) = (Time("2026-01-01 00:00"), Time("2126-01-01 00:00"));
        var slots = CronSchedule.Parse(cron, zone).Between(from, to).ToList();
        Assert.Equal(slots.Order().Distinct(), slots);
        Assert.InRange(slots.Count, expected, expected + 1);
    }

    [Theory]
    [InlineData("2026-11-20 23:00", "2026-11-21 05:20", "2026-11-21 05:20")]
    [InlineData("2026-11-20 23:00", "2026-11-21 05:19", null)]
    [InlineData("2026-11-21 05:20", "2026-11-21 23:00", null)]
    [InlineData("2020-01-01 00:00", "2026-11-21 23:00", "2026-11-21 05:20")]
    public void The_last_slot_of_a_range_is_found_from_its_end(string after, string upTo, string? slot) =>
        Assert.Equal(slot is null ? null : Time(slot), CronSchedule.Parse("20 5 * * *", "UTC").Last(Time(after), Time(upTo)));

    [Theory]
    [InlineData("")]
    [InlineData("20 5 * *")]
    [InlineData("20 5 * * * *")]
    [InlineData("61 5 * * *")]
    [InlineData("0 24 * * *")]
    [InlineData("0 0 0 * *")]
    [InlineData("0 0 * 13 *")]
    [InlineData("0 0 * * 8")]
    [InlineData("*/0 * * * *")]
    [InlineData("every day")]
    public void A_cron_expression_that_cannot_be_read_is_an_error(string cron) =>
        Assert.ThrowsAny<Exception>(() => CronSchedule.Parse(cron, "UTC"));

    [Fact]
    public void A_zone_that_does_not_exist_is_an_error() =>
        Assert.Throws<TimeZoneNotFoundException>(() => CronSchedule.Parse("20 5 * * *", "Europe/Atlantis"));

    /// <summary>Compares the first slots; those of the year 2026 are written without it.</summary>
    private static void AssertSlots(string cron, string zone, string after, string slots)
    {
        var expected = slots.Split(", ", StringSplitOptions.RemoveEmptyEntries).Select(s => Time(s.Length > 11 ? s : "2026-" + s)).ToList();
        var found = CronSchedule.Parse(cron, zone).Between(Time(after), DateTimeOffset.MaxValue).Take(Math.Max(expected.Count, 1));
        Assert.Equal(expected, found);
    }

    private static DateTimeOffset Time(string text) =>
        DateTimeOffset.ParseExact(text, "yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);
}
