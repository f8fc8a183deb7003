using Elt.Durable.Execution;
using Elt.Durable.Journal;
using Elt.Durable.Schedules;

namespace Elt.Durable;

/// <summary>A schedule as the journal shows it.</summary>
public sealed record ScheduleState
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>Its cron expression.</summary>
    public required string Cron { get; init; }

    /// <summary>The zone the expression is read in.</summary>
    public required string TimeZone { get; init; }

    /// <summary>How it starts its runs.</summary>
    public required ScheduleOptions Options { get; init; }

    /// <summary>Whether its slots are left out until it is resumed.</summary>
    public required bool IsPaused { get; init; }

    /// <summary>The last slot that was started; <see langword="null"/> before the first. Triggered and backfilled runs do not count.</summary>
    public DateTimeOffset? LastStarted { get; init; }

    /// <summary>The slot that waits for a run of the schedule to end (<see cref="ScheduleOverlap.QueueOne"/>), if there is one.</summary>
    public DateTimeOffset? WaitingSlot { get; init; }

    /// <summary>The next slot in UTC; <see langword="null"/> while paused, and when there is none any more.</summary>
    public DateTimeOffset? NextSlot { get; init; }
}

/// <summary>Looks at the schedules in the journal and steers them, from any process that reaches it.</summary>
public sealed class ScheduleClient
{
    private readonly IJournal _journal;
    private readonly IReadOnlyList<ScheduleDefinition> _declared;
    private readonly RunStarter _starter;
    private readonly Payloads _payloads;
    private readonly JournalClock _clock;

    internal ScheduleClient(IJournal journal, IReadOnlyList<ScheduleDefinition> declared, RunStarter starter, Payloads payloads, JournalClock clock)
    {
        _journal = journal;
        _declared = declared;
        _starter = starter;
        _payloads = payloads;
        _clock = clock;
    }

    /// <summary>All schedules that any process ever declared, by name.</summary>
    public async Task<IReadOnlyList<ScheduleState>> ListAsync(CancellationToken ct = default) =>
        [.. (await _journal.Schedules.ListAsync(ct).ConfigureAwait(false)).Select(StateOf)];

    /// <summary>The schedule of this name, or <see langword="null"/>.</summary>
    public async Task<ScheduleState?> FindAsync(string name, CancellationToken ct = default) =>
        await _journal.Schedules.FindAsync(name, ct).ConfigureAwait(false) is { } row ? StateOf(row) : null;

    /// <summary>Pauses a schedule for all workers. Runs that were started go on; a slot that waits for one goes on waiting.</summary>
    /// <exception cref="UnknownScheduleException">No process ever declared it.</exception>
    public async Task PauseAsync(string name, CancellationToken ct = default)
    {
        if (!await _journal.Schedules.PauseAsync(name, ct).ConfigureAwait(false))
            throw await UnknownAsync(name, ct).ConfigureAwait(false);
    }

    /// <summary>Lets a paused schedule go on with the next slot. Slots that fell due while it was paused are not caught up: <see cref="BackfillAsync"/> starts them.</summary>
    /// <exception cref="UnknownScheduleException">No process ever declared it.</exception>
    public async Task ResumeAsync(string name, CancellationToken ct = default)
    {
        if (!await _journal.Schedules.ResumeAsync(name, ct).ConfigureAwait(false))
            throw await UnknownAsync(name, ct).ConfigureAwait(false);
    }

    /// <summary>
    /// Starts a run of the schedule now, also when it is paused or busy; its id is <c>name/manual-id</c>. Its input is made for the current time.
    /// </summary>
    /// <param name="name">A schedule that this process declares.</param>
    /// <param name="id">Idempotency key within the schedule; default a new time-ordered id.</param>
    /// <param name="ct">Gives up waiting; the run may have been started all the same.</param>
    /// <exception cref="UnknownScheduleException">This process does not declare it, so it cannot make its input.</exception>
    /// <exception cref="ArgumentException">The id is blank, over 300 characters or holds a control character.</exception>
    public async Task<StartedRun> TriggerAsync(string name, string? id = null, CancellationToken ct = default)
    {
        if (id is not null && (string.IsNullOrWhiteSpace(id) || id.Length > 300 || id.Any(char.IsControl)))
            throw new ArgumentException($"A trigger's id has 1 to 300 characters, none of them a control character, and is not blank; this one has {id.Length}.", nameof(id));
        var (schedule, options, now) = await DeclaredAsync(name, ct).ConfigureAwait(false);
        var runId = $"{name}/manual-{id ?? Guid.CreateVersion7(now).ToString()}";
        return await StartAsync(schedule.Run(runId, now, options, _payloads)).WaitAsync(ct).ConfigureAwait(false);
    }

    /// <summary>
    /// Starts each slot of a range once: those that were started before are found, the others are started whatever overlap and pauses say. Slots that are
    /// still to come are left to the schedule.
    /// </summary>
    /// <param name="name">A schedule that this process declares.</param>
    /// <param name="from">First time of the range.</param>
    /// <param name="to">Last time of the range.</param>
    /// <param name="ct">Stops between two slots; calling again goes on.</param>
    /// <returns>The run of each slot, oldest first.</returns>
    /// <exception cref="UnknownScheduleException">This process does not declare it, so it cannot make its inputs.</exception>
    /// <exception cref="ArgumentException">The range holds more than 10 000 slots.</exception>
    public async Task<IReadOnlyList<StartedRun>> BackfillAsync(string name, DateTimeOffset from, DateTimeOffset to, CancellationToken ct = default)
    {
        var (schedule, options, now) = await DeclaredAsync(name, ct).ConfigureAwait(false);
        var slots = schedule.Cron.Between(from.AddTicks(-1), to < now ? to : now).Take(MaxBackfill + 1).ToList();
        if (slots.Count > MaxBackfill)
            throw new ArgumentException($"From {from:u} to {to:u} schedule '{name}' has more than {MaxBackfill} slots. Choose shorter ranges.", nameof(to));
        var runs = new List<StartedRun>();
        foreach (var chunk in slots.Chunk(100))
        {
            ct.ThrowIfCancellationRequested();
            runs.AddRange(await Task.WhenAll(chunk.Select(slot => StartAsync(schedule.Run(schedule.RunId(slot), slot, options, _payloads)))).ConfigureAwait(false));
        }
        return runs;
    }

    /// <summary>The next slots of a schedule in UTC; fewer when there are no more.</summary>
    /// <param name="name">A schedule that any process declared.</param>
    /// <param name="count">How many at most.</param>
    /// <param name="after">Slots after this time; default now, by the journal's clock.</param>
    /// <param name="ct">Gives up.</param>
    /// <exception cref="UnknownScheduleException">No process ever declared it.</exception>
    public async Task<IReadOnlyList<DateTimeOffset>> PreviewAsync(string name, int count, DateTimeOffset? after = null, CancellationToken ct = default)
    {
        var row = await _journal.Schedules.FindAsync(name, ct).ConfigureAwait(false) ?? throw await UnknownAsync(name, ct).ConfigureAwait(false);
        return [.. CronSchedule.Parse(row.Cron, row.TimeZone).Between(after ?? row.Now, DateTimeOffset.MaxValue).Take(count)];
    }

    private const int MaxBackfill = 10_000;

    /// <summary>The schedule as this process declares it, with the journal's options and time where it is known there.</summary>
    private async Task<(ScheduleDefinition Schedule, ScheduleOptions Options, DateTimeOffset Now)> DeclaredAsync(string name, CancellationToken ct)
    {
        var schedule = _declared.FirstOrDefault(s => s.Name == name) ?? throw new UnknownScheduleException(
            $"Schedule '{name}' is not declared in this process, which therefore cannot make its input. Ask a process that declares it. "
            + $"Declared here: {(_declared.Count > 0 ? string.Join(", ", _declared.Select(s => s.Name)) : "none")}.");
        var row = await _journal.Schedules.FindAsync(name, ct).ConfigureAwait(false);
        return (schedule, row?.Options ?? schedule.Options, row?.Now ?? _clock.Now);
    }

    /// <summary>Starts a run, or finds it: the id stands for the slot, whatever the input was made of then.</summary>
    private async Task<StartedRun> StartAsync(NewRun run) =>
        new(run.Id, (await _starter.StartAsync(run, attachToAny: true).ConfigureAwait(false)).Existing is null);

    private static ScheduleState StateOf(ScheduleRow row) => new()
    {
        Name = row.Name,
        Cron = row.Cron,
        TimeZone = row.TimeZone,
        Options = row.Options,
        IsPaused = row.IsPaused,
        LastStarted = row.LastStarted,
        WaitingSlot = row.WaitingSlot,
        NextSlot = row.IsPaused ? null : CronSchedule.Parse(row.Cron, row.TimeZone).Next(row.Now),
    };

    private async Task<UnknownScheduleException> UnknownAsync(string name, CancellationToken ct)
    {
        var known = await _journal.Schedules.ListAsync(ct).ConfigureAwait(false);
        return new UnknownScheduleException($"There is no schedule '{name}'. Declared: {(known.Count > 0 ? string.Join(", ", known.Select(s => s.Name)) : "none")}.");
    }
}
