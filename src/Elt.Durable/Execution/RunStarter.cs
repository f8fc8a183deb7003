using System.Collections.Concurrent;
using Elt.Durable.Control;
using Elt.Durable.Journal;

namespace Elt.Durable.Execution;

/// <summary>
/// Creates runs. Where the worker of this process has room for a run, it is created as already claimed and handed over after the commit:
/// a start costs one commit and no claim.
/// </summary>
internal sealed class RunStarter(JournalWriter writer, IJournal journal)
{
    private readonly ConcurrentDictionary<string, byte> _reserved = [];
    private Worker? _worker;
    private int _reservedCount;

    /// <summary>Whether the worker of this process holds its lease, by its own clock.</summary>
    public bool HoldsLease => _worker?.HoldsLease ?? false;

    /// <summary>Whether a run is executed in this process now.</summary>
    public bool IsExecuting(string runId) => _worker?.IsExecuting(runId) ?? false;

    /// <summary>Runs that are about to be handed to the worker: owned by it in the journal perhaps, but not executing yet.</summary>
    public IEnumerable<string> Reserved => _reserved.Keys;

    /// <summary>How many runs are reserved.</summary>
    public int ReservedCount => Volatile.Read(ref _reservedCount);

    /// <summary>Connects the worker when it begins, disconnects it (<see langword="null"/>) when it stops.</summary>
    public void Attach(Worker? worker) => _worker = worker;

    /// <summary>Says that runs were changed from outside.</summary>
    public void LookAgain() => _worker?.LookAgain();

    /// <summary>Says that there may be something to claim.</summary>
    public void WorkIsDue() => _worker?.WorkIsDue();

    /// <summary>Creates a run or finds the one of that id, or the one that holds the deduplication id.</summary>
    /// <param name="run">The run.</param>
    /// <param name="attachToAny">Whether the run that has the id is the right one whatever its input.</param>
    /// <exception cref="WorkflowConflictException">The id belongs to another workflow or another input.</exception>
    /// <exception cref="UnknownQueueException">No process has declared the queue.</exception>
    public async Task<StartWrite> StartAsync(NewRun run, bool attachToAny = false)
    {
        var worker = _worker;
        var incarnation = worker?.Incarnation ?? 0;
        var claimNow = run.Queue is null && run.Delay <= TimeSpan.Zero && worker is not null && worker.HasRoomFor(run.Workflow) && Reserve(run.Id);
        run = run with { Delay = Deadline.Within(run.Delay), DeadlineAt = Deadline.OrNone(run.DeadlineAt), Timeout = Deadline.OrNone(run.Timeout), ClaimNow = claimNow };
        try
        {
            var start = await CommitAsync(run).ConfigureAwait(false);
            if (start.Existing is { } existing)
            {
                if (!attachToAny)
                    ThrowIfOther(existing, run);
                // Should it be ours by a start whose answer was lost, the worker finds it.
                if (existing.Owner == writer.WorkerId)
                    worker?.LookForUnknownRuns();
            }
            else if (start.CreatedAt != default)
            {
                Telemetry.RunStarted(run.Workflow.Name);
                HandOver(start, worker, incarnation);
            }
            return start;
        }
        finally
        {
            if (claimNow && _reserved.TryRemove(run.Id, out _))
                Interlocked.Decrement(ref _reservedCount);
        }
    }

    private async Task<StartWrite> CommitAsync(NewRun run)
    {
        StartWrite start;
        do
            await writer.CommitAsync(start = new StartWrite(run)).ConfigureAwait(false);
        while (start.IsToBeRepeated);
        return start.QueueIsUnknown
            ? throw UnknownQueueException.Of(run.Queue!, await writer.ThroughOutagesAsync(() => journal.Queues.ListAsync(CancellationToken.None)).ConfigureAwait(false))
            : start;
    }

    private bool Reserve(string runId)
    {
        if (!_reserved.TryAdd(runId, 0))
            return false;
        Interlocked.Increment(ref _reservedCount);
        return true;
    }

    private static void HandOver(StartWrite start, Worker? worker, int incarnation)
    {
        var run = start.Run;
        if (!start.Claimed)
        {
            if (run.Delay > TimeSpan.Zero)
                worker?.LookAhead();
            else
                worker?.WorkIsDue();
            return;
        }
        worker!.Launch(new ClaimedRun
        {
            Id = run.Id,
            Workflow = run.Workflow.Name,
            Version = run.Workflow.Version,
            Input = run.Input,
            Epoch = 1,
            Recoveries = 0,
            WakeCount = 0,
            ParentId = run.Parent?.Id,
            DeadlineAt = run.DeadlineFrom(start.CreatedAt),
            CreatedAt = start.CreatedAt,
        }, incarnation);
    }

    private static void ThrowIfOther(RunInfo existing, NewRun run)
    {
        if (existing.Workflow != run.Workflow.Name)
            throw new WorkflowConflictException($"The id '{run.Id}' belongs to a run of '{existing.Workflow}'; it cannot start '{run.Workflow.Name}'. Choose another id.");
        if (!Payloads.AreSame(existing.Input, run.Input))
            throw new WorkflowConflictException($"The id '{run.Id}' belongs to a run of '{existing.Workflow}' with another input: {DifferenceOf(existing.Input, run.Input)}. Choose another id, or ask for that run.");
    }

    /// <summary>Names the members that differ, not their values: inputs may hold what does not belong into messages.</summary>
    private static string DifferenceOf(string existing, string given)
    {
        using var left = System.Text.Json.JsonDocument.Parse(existing);
        using var right = System.Text.Json.JsonDocument.Parse(given);
        if (left.RootElement.ValueKind != System.Text.Json.JsonValueKind.Object || right.RootElement.ValueKind != System.Text.Json.JsonValueKind.Object)
            return "the values differ";
        var members = left.RootElement.EnumerateObject().ToDictionary(m => m.Name, m => m.Value.GetRawText());
        var differing = right.RootElement.EnumerateObject().Where(m => !members.Remove(m.Name, out var value) || value != m.Value.GetRawText())
            .Select(m => m.Name).ToList();
        return $"member {string.Join(", ", differing.Concat(members.Keys).Select(m => $"'{m}'"))} differs";
    }
}
