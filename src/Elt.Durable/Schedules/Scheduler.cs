using Elt.Durable.Execution;
using Elt.Durable.Journal;
using Microsoft.Extensions.Logging;

namespace Elt.Durable.Schedules;

/// <summary>
/// Starts the runs of due slots. Every worker does so without a leader: whoever comes first moves the schedule on in the journal, in the transaction
/// that creates the runs. Between slots no worker asks for anything; when one is due, pauses and declarations made elsewhere are read with it.
/// </summary>
internal sealed class Scheduler(
    IReadOnlyList<ScheduleDefinition> schedules, IJournal journal, Payloads payloads, JournalClock clock, ILogger<Scheduler> logger)
{
    /// <summary>How soon to look again whether the runs that a slot waits for have ended.</summary>
    private static readonly TimeSpan PauseWhileWaiting = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromMinutes(1);

    private readonly Dictionary<string, DateTimeOffset> _lookAt = [];

    /// <summary>When a slot is due next, or a decision about one.</summary>
    public DateTimeOffset LookAt => _lookAt.Count > 0 ? _lookAt.Values.Min() : DateTimeOffset.MaxValue;

    public async Task DeclareAsync(CancellationToken ct)
    {
        if (schedules.Count == 0)
            return;
        var queues = await journal.Queues.ListAsync(ct).ConfigureAwait(false);
        foreach (var schedule in schedules)
        {
            if (schedule.Options.Queue is { } queue && !queues.Any(q => q.Name == queue))
                throw new UnknownQueueException($"Schedule '{schedule.Name}' uses the queue '{queue}', which nobody has declared. Declare it with AddQueue.");
            await journal.Schedules.DeclareAsync(schedule, ct).ConfigureAwait(false);
            _lookAt[schedule.Name] = DateTimeOffset.MinValue;
        }
    }

    /// <summary>Starts what is due.</summary>
    /// <returns>Whether runs were created.</returns>
    public async Task<bool> StartDueSlotsAsync(CancellationToken ct)
    {
        var started = false;
        foreach (var schedule in schedules.Where(s => _lookAt[s.Name] <= clock.Now))
        {
            try
            {
                (_lookAt[schedule.Name], var created) = await DecideAsync(schedule, ct).ConfigureAwait(false);
                started |= created;
            }
            catch (Exception e) when (e is not OperationCanceledException && !RetryPolicy.IsTransientDatabaseError(e))
            {
                // Its input cannot be made, for example: the other schedules and the worker have no part in that.
                Log.ScheduleFailed(logger, e, schedule.Name);
                _lookAt[schedule.Name] = clock.Now + PauseAfterFailure;
            }
        }
        return started;
    }

    /// <summary>Decides what is due and tells when to look again.</summary>
    private async Task<(DateTimeOffset LookAt, bool Created)> DecideAsync(ScheduleDefinition schedule, CancellationToken ct)
    {
        if (await clock.LearnAsync(() => journal.Schedules.FindAsync(schedule.Name, ct), found => found?.Now).ConfigureAwait(false) is not { } row)
            return (DateTimeOffset.MaxValue, false);
        var cron = row.Cron == schedule.Cron.Text && row.TimeZone == schedule.Cron.Zone.Id ? schedule.Cron : CronSchedule.Parse(row.Cron, row.TimeZone);
        var next = cron.Next(row.Now) ?? DateTimeOffset.MaxValue;
        if (row.IsPaused)
            return (next, false);
        var plan = SlotPlan.For(row, cron);
        if (plan.Changes(row))
            return (row.Now, await AdvanceAsync(schedule, row, plan, ct).ConfigureAwait(false));
        var soon = row.Now + PauseWhileWaiting;
        return (row.WaitingSlot is not null && soon < next ? soon : next, false);
    }

    private async Task<bool> AdvanceAsync(ScheduleDefinition schedule, ScheduleRow row, SlotPlan plan, CancellationToken ct)
    {
        var started = plan.Starts.Select(slot =>
        {
            var begin = slot + schedule.JitterOf(slot, row.Options.Jitter);
            return schedule.Run(schedule.RunId(slot), slot, row.Options, payloads) with { Delay = begin > row.Now ? begin - row.Now : TimeSpan.Zero };
        }).ToList();
        var created = await journal.Schedules.AdvanceAsync(row, plan, started, ct).ConfigureAwait(false);
        foreach (var run in started.Where(run => created.Contains(run.Id)))
        {
            Telemetry.RunStarted(run.Workflow.Name);
            Log.SlotStarted(logger, schedule.Name, run.Id);
        }
        return created.Count > 0;
    }
}
