namespace Elt.Durable.Schedules;

/// <summary>The schedules as the journal keeps them. Part of <see cref="Journal.IJournal"/>; the same contract holds.</summary>
internal interface IScheduleStore
{
    /// <summary>Declares a schedule and returns the slot up to which it has been started: the time of its first declaration when none was.</summary>
    Task<DateTimeOffset> DeclareAsync(string name, string cron, string timeZone, CancellationToken ct);

    /// <summary>Records that a schedule's runs are started up to a slot; never moves back.</summary>
    Task AdvanceAsync(string name, DateTimeOffset slot, CancellationToken ct);
}
