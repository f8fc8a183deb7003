using Elt.Durable.Journal;

namespace Elt.Durable.Schedules;

/// <summary>The schedules as the journal keeps them. Part of <see cref="IJournal"/>; the same contract holds.</summary>
internal interface IScheduleStore
{
    /// <summary>
    /// Declares a schedule; the newest declaration holds for all processes. Slots before the first declaration, or of a cron expression before it was
    /// declared, are not due.
    /// </summary>
    Task DeclareAsync(ScheduleDefinition schedule, CancellationToken ct);

    /// <summary>All schedules that were ever declared, by name.</summary>
    Task<IReadOnlyList<ScheduleRow>> ListAsync(CancellationToken ct);

    /// <summary>The schedule, or <see langword="null"/>.</summary>
    Task<ScheduleRow?> FindAsync(string name, CancellationToken ct);

    /// <summary>
    /// Decides slots: moves the schedule on from the state that was read and starts their runs, both or neither. Nothing happens when the schedule
    /// was moved on or paused since it was read. Delays count from when it was read. Returns the ids of the runs that were created.
    /// </summary>
    Task<IReadOnlyList<string>> AdvanceAsync(ScheduleRow read, SlotPlan plan, IReadOnlyList<NewRun> runs, CancellationToken ct);

    /// <summary>Pauses a schedule; <see langword="false"/> when there is none of that name.</summary>
    Task<bool> PauseAsync(string name, CancellationToken ct);

    /// <summary>Lets a paused schedule go on with the slots after now; <see langword="false"/> when there is none of that name.</summary>
    Task<bool> ResumeAsync(string name, CancellationToken ct);
}

/// <summary>A schedule as the journal has it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Cron">Its expression as text.</param>
/// <param name="TimeZone">The zone the expression is read in.</param>
/// <param name="Options">Its options.</param>
/// <param name="DecidedUpTo">Every slot up to here was started or left out.</param>
/// <param name="WaitingSlot">The slot that waits for the schedule's runs to end.</param>
/// <param name="LastStarted">The last slot that was started.</param>
/// <param name="IsPaused">Whether its slots are left out.</param>
/// <param name="IsBusy">Whether a run of it has not ended.</param>
/// <param name="Now">The journal's time when this was read.</param>
internal sealed record ScheduleRow(
    string Name, string Cron, string TimeZone, ScheduleOptions Options, DateTimeOffset DecidedUpTo, DateTimeOffset? WaitingSlot, DateTimeOffset? LastStarted,
    bool IsPaused, bool IsBusy, DateTimeOffset Now);
