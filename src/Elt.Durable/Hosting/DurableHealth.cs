using Elt.Durable.Execution;
using Elt.Durable.Journal;
using Elt.Durable.Schedules;

namespace Elt.Durable.Hosting;

/// <summary>A schedule and when it fires next.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Cron">Its cron expression.</param>
/// <param name="TimeZone">The zone the expression is read in.</param>
/// <param name="NextSlot">The next slot in UTC; <see langword="null"/> when there is none any more.</param>
public sealed record ScheduleInfo(string Name, string Cron, string TimeZone, DateTimeOffset? NextSlot);

/// <summary>How the engine in this process is doing.</summary>
public sealed class DurableHealth
{
    private readonly IJournal _journal;
    private readonly Worker? _worker;
    private readonly IReadOnlyList<ScheduleDefinition> _schedules;
    private readonly JournalClock _clock;
    private readonly WorkerOptions _options;

    internal DurableHealth(IJournal journal, Worker? worker, IReadOnlyList<ScheduleDefinition> schedules, JournalClock clock, WorkerOptions options)
    {
        _journal = journal;
        _worker = worker;
        _schedules = schedules;
        _clock = clock;
        _options = options;
    }

    /// <summary>Id of the worker in this process; <see langword="null"/> when it has none (<see cref="DurableBuilder.WithoutWorker"/>).</summary>
    public string? WorkerId => _worker?.Id;

    /// <summary>Runs that it executes now, those that only wait not counted.</summary>
    public int BusyRuns => _worker?.Busy ?? 0;

    /// <summary>
    /// Workflow versions that runs are due for and that no live worker has, as this process's worker saw it within the last minute; empty without a worker:
    /// <see cref="WorkflowClient.ListUnservedAsync"/> asks the journal.
    /// </summary>
    public IReadOnlyList<UnservedWorkflow> Unserved => _worker?.Unserved ?? [];

    /// <summary>The schedules that this process declares; <see cref="WorkflowClient.Schedules"/> tells whether they are paused.</summary>
    public IReadOnlyList<ScheduleInfo> Schedules => [.. _schedules.Select(s => new ScheduleInfo(s.Name, s.Cron.Text, s.Cron.Zone.Id, s.Cron.Next(_clock.Now)))];

    /// <summary>Asks the journal something small.</summary>
    /// <returns><see langword="null"/> when it answers, else why not.</returns>
    public async Task<string?> CheckJournalAsync(CancellationToken ct = default)
    {
        try
        {
            await _journal.FindRunAsync("", ct).ConfigureAwait(false);
            return null;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return e.Message;
        }
    }

    /// <summary>Whether the worker takes work and its lease is fresh.</summary>
    /// <returns><see langword="null"/> when so, or when this process has no worker; else why not.</returns>
    public string? CheckWorker()
    {
        if (_worker is null)
            return null;
        if (_worker.IsStopping)
            return "The worker is stopping: steps in flight may finish, the rest is given back.";
        return _worker.HoldsLease
            ? null
            : $"The worker's lease of {_options.Lease.TotalSeconds:F0} s was renewed {_worker.LeaseAge.TotalSeconds:F0} s ago; it executes nothing until the journal answers.";
    }
}
