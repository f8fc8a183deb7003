using System.Globalization;
using Elt.Durable.Execution;
using Elt.Durable.Journal;
using Microsoft.Extensions.Logging;

namespace Elt.Durable.Schedules;

/// <summary>A schedule as a process declares it.</summary>
internal sealed record ScheduleDefinition(string Name, CronSchedule Cron, Func<DateTimeOffset, object> Input);

/// <summary>
/// Starts the runs of due slots. Every worker does so without a leader: the slot is part of the run's id, so the first start makes the run and
/// all others attach to it. Of the slots missed while nobody ran, the last one is started if it is at most a day old.
/// </summary>
internal sealed class Scheduler(
    IReadOnlyList<ScheduleDefinition> schedules, IJournal journal, RunStarter starter, Payloads payloads, JournalClock clock, ILogger<Scheduler> logger)
{
    private static readonly TimeSpan CatchUpWindow = TimeSpan.FromDays(1);

    private readonly Dictionary<string, DateTimeOffset> _startedUpTo = [];

    /// <summary>The next slot of each schedule.</summary>
    public IEnumerable<(string Name, string Cron, string Zone, DateTimeOffset? Next)> NextSlots() =>
        schedules.Select(s => (s.Name, s.Cron.Text, s.Cron.Zone.Id, s.Cron.Next(clock.Now)));

    public async Task DeclareAsync(CancellationToken ct)
    {
        foreach (var schedule in schedules)
            _startedUpTo[schedule.Name] = await journal.Schedules.DeclareAsync(schedule.Name, schedule.Cron.Text, schedule.Cron.Zone.Id, ct).ConfigureAwait(false);
    }

    public async Task StartDueSlotsAsync(CancellationToken ct)
    {
        foreach (var schedule in schedules)
        {
            if (LastDueSlot(schedule) is not { } slot)
                continue;
            var runId = string.Create(CultureInfo.InvariantCulture, $"{schedule.Name}/{slot.UtcDateTime:yyyy-MM-ddTHH:mm}Z");
            var input = schedule.Input(slot);
            var workflow = WorkflowReference.Of(input.GetType());
            var start = await starter.StartAsync(
                new NewRun { Id = runId, Workflow = workflow, Input = payloads.Write(input, $"Input of workflow '{workflow.Name}'") }).ConfigureAwait(false);
            if (start.Existing is null)
                Log.SlotStarted(logger, schedule.Name, runId);
            await journal.Schedules.AdvanceAsync(schedule.Name, slot, ct).ConfigureAwait(false);
            _startedUpTo[schedule.Name] = slot;
        }
    }

    private DateTimeOffset? LastDueSlot(ScheduleDefinition schedule)
    {
        var now = clock.Now;
        var from = _startedUpTo[schedule.Name];
        if (now - from > CatchUpWindow)
            from = now - CatchUpWindow;
        DateTimeOffset? due = null;
        while (schedule.Cron.Next(due ?? from) is { } slot && slot <= now)
            due = slot;
        return due;
    }
}
