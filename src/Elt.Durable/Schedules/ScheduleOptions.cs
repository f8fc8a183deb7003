using System.Text.Json;
using System.Text.Json.Serialization;

namespace Elt.Durable;

/// <summary>What to do with a slot that falls due while a run of its schedule has not ended.</summary>
public enum ScheduleOverlap
{
    /// <summary>Start it beside the other.</summary>
    Allow,

    /// <summary>Leave it out, for good.</summary>
    Skip,

    /// <summary>Let one slot wait and start it when the schedule has no run any more; leave out those that fall due while one waits.</summary>
    QueueOne,
}

/// <summary>What to do with slots that fell due more than a minute ago without being started: nobody ran, or the journal was away.</summary>
public enum ScheduleCatchUp
{
    /// <summary>Leave them out.</summary>
    None,

    /// <summary>Start the last of them.</summary>
    Last,

    /// <summary>Start them all, oldest first.</summary>
    All,
}

/// <summary>How a schedule starts its runs. Kept in the journal: the newest declaration holds for all processes.</summary>
public sealed record ScheduleOptions
{
    /// <summary>What to do while a run of the schedule, also a triggered one, has not ended. Default <see cref="ScheduleOverlap.Allow"/>.</summary>
    public ScheduleOverlap Overlap { get; init; } = ScheduleOverlap.Allow;

    /// <summary>What to do with missed slots. Default <see cref="ScheduleCatchUp.Last"/>.</summary>
    public ScheduleCatchUp CatchUp { get; init; } = ScheduleCatchUp.Last;

    /// <summary>Missed slots older than this are left out. Default 1 day.</summary>
    public TimeSpan CatchUpWindow { get; init; } = TimeSpan.FromDays(1);

    /// <summary>
    /// Each slot's run begins up to this much later, always the same for the same slot; its id stays that of the slot. Default 0, at most a day.
    /// </summary>
    public TimeSpan Jitter { get; init; }

    /// <summary>Queue that the runs go through; default none.</summary>
    public string? Queue { get; init; }

    /// <summary>Lower goes first within the queue; default 0.</summary>
    public int Priority { get; init; }

    // Lenient on the way in: during a rolling deploy an older process reads what a newer one declared.
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter() } };

    internal string ToJson() => JsonSerializer.Serialize(this, Json);

    internal static ScheduleOptions FromJson(string json) => JsonSerializer.Deserialize<ScheduleOptions>(json, Json)!;
}
