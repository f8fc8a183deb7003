using System.Collections.Concurrent;
using System.Diagnostics;
using Elt.Durable.Control;
using Elt.Durable.Journal;
using Elt.Durable.Queues;
using Elt.Durable.Schedules;
using Microsoft.Extensions.Logging;

namespace Elt.Durable.Execution;

/// <summary>
/// Executes due runs in this process. Everything periodic happens in <see cref="TickAsync"/>: keep the lease, take over the runs of the dead,
/// start due schedule slots, claim, park. The loop around it only waits.
/// </summary>
internal sealed class Worker(
    IJournal journal,
    JournalWriter writer,
    WorkflowRegistry registry,
    RunStarter starter,
    RunExecutor executor,
    Scheduler scheduler,
    UnservedWatch unserved,
    Overdue overdue,
    Retention retention,
    IReadOnlyList<QueueDefinition> queues,
    JournalClock clock,
    WorkerOptions options,
    ILogger<Worker> logger)
{
    private readonly ConcurrentDictionary<string, RunExecution> _executions = [];
    private readonly ConcurrentDictionary<string, long> _launching = [];
    private readonly ConcurrentDictionary<Task, byte> _tasks = [];
    private readonly WorkSignal _signal = new(journal, clock, options);
    private readonly List<string> _queueNames = [.. queues.Select(q => q.Name)];
    private long _leaseTimestamp;
    private volatile bool _stopping;
    private volatile bool _quiesced;
    private volatile bool _ownsUnknown;
    private volatile bool _hasBacklog;
    private volatile bool _mayHaveWork = true;
    private long _probed;
    private long _followed;
    private DateTimeOffset? _nextDue;
    private int _busy;
    private int _incarnation;

    /// <summary>Counts the lost leases: what was claimed under an older number belongs to others.</summary>
    public int Incarnation => Volatile.Read(ref _incarnation);

    /// <summary>Id of this incarnation of the worker.</summary>
    public string Id => writer.WorkerId;

    /// <summary>Runs that take up a slot now.</summary>
    public int Busy => Volatile.Read(ref _busy);

    /// <summary>Workflow versions that runs wait for and that no live worker has, as of a minute ago at most.</summary>
    public IReadOnlyList<UnservedWorkflow> Unserved => unserved.Found;

    /// <summary>How long ago the lease was renewed.</summary>
    public TimeSpan LeaseAge => clock.Time.GetElapsedTime(Volatile.Read(ref _leaseTimestamp));

    /// <summary>Whether the lease holds, by this process's clock.</summary>
    public bool HoldsLease => LeaseAge < options.Lease;

    /// <summary>Whether the worker stops: steps in flight may finish, none begins.</summary>
    public bool IsStopping => _quiesced;

    /// <summary>Whether a run of this workflow could be executed here at once.</summary>
    public bool HasRoomFor(WorkflowReference workflow) =>
        !_stopping && Busy + starter.ReservedCount < options.MaxConcurrentRuns && HoldsLease && registry.Find(workflow) is not null;

    /// <summary>Whether a run is executed here now.</summary>
    public bool IsExecuting(string runId) => _executions.ContainsKey(runId) || _launching.ContainsKey(runId);

    /// <summary>Says that the journal may name this worker as the owner of runs that it does not execute.</summary>
    public void LookForUnknownRuns() => _ownsUnknown = true;

    /// <summary>Says that runs were changed from outside: some that are executed here may have ended or been woken, others may be due.</summary>
    public void LookAgain()
    {
        Tell(JournalHint.WorkIsDue | JournalHint.RunsAreWoken);
    }

    /// <summary>Whether nothing happens here until time passes or somebody asks for something.</summary>
    public bool IsSettled
    {
        get
        {
            // Odd while the loop waits. The same wait before and after the look: else what was seen belongs to different moments.
            var phase = _signal.Phase;
            return phase % 2 == 1 && !_mayHaveWork && Volatile.Read(ref _probed) != 0 && Busy == 0 && _launching.IsEmpty && starter.ReservedCount == 0
                && writer.IsIdle && phase == _signal.Phase;
        }
    }

    /// <summary>Says that there may be something to claim.</summary>
    public void WorkIsDue() => Tell(JournalHint.WorkIsDue);

    private void Tell(JournalHint hint)
    {
        Heed(hint);
        _signal.Raise();
    }

    /// <summary>Says that something becomes due later, perhaps earlier than what the worker waits for.</summary>
    public void LookAhead()
    {
        Volatile.Write(ref _probed, 0);
        _signal.Raise();
    }

    /// <summary>Declares queues and schedules, takes a lease and the runs of dead workers.</summary>
    public async Task BeginAsync(CancellationToken ct)
    {
        await journal.Queues.DeclareAsync(queues, ct).ConfigureAwait(false);
        await scheduler.DeclareAsync(ct).ConfigureAwait(false);
        await RegisterAsync(ct).ConfigureAwait(false);
        starter.Attach(this);
        Telemetry.Observe(this);
        writer.Woke = Tell;
        Log.WorkerStarted(logger, Id, string.Join(", ", registry.References.Order(Comparer<WorkflowReference>.Create((a, b) => string.CompareOrdinal(a.Name, b.Name)))));
    }

    /// <summary>Does what is due.</summary>
    /// <returns>Whether there is probably more to claim at once.</returns>
    public async Task<bool> TickAsync(CancellationToken ct)
    {
        if (LeaseAge > options.Lease / 3)
            await RenewLeaseAsync(ct).ConfigureAwait(false);
        if (_ownsUnknown)
            await ReleaseUnknownAsync(ct).ConfigureAwait(false);
        await unserved.LookWhenDueAsync(ct).ConfigureAwait(false);
        if (await scheduler.StartDueSlotsAsync(ct).ConfigureAwait(false))
            _probed = 0;
        if (await overdue.CancelAsync(ct).ConfigureAwait(false))
            Volatile.Write(ref _followed, 0);
        if (IsOver(ref _followed, options.PollInterval))
            await FollowExecutionsAsync(ct).ConfigureAwait(false);
        if ((await Task.WhenAll(_executions.Values.Select(e => e.ParkWhenIdleAsync(options.ParkAfter))).ConfigureAwait(false)).Contains(true))
            _probed = 0;
        if (IsOver(ref _probed, options.PollInterval) || clock.Now >= _nextDue)
            await ProbeAsync(ct).ConfigureAwait(false);
        await retention.PurgeAsync(ct).ConfigureAwait(false);
        return _mayHaveWork && await ClaimAsync(ct).ConfigureAwait(false);
    }

    /// <summary>Ticks until told to stop, then ends cleanly.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                if (!await TickAsync(stop).ConfigureAwait(false))
                    await WaitForWorkAsync(stop).ConfigureAwait(false);
            }
            catch (Exception) when (stop.IsCancellationRequested)
            {
                break;
            }
            catch (Exception e)
            {
                // The answer of a claim may have been lost with the connection: then runs are ours without our knowing.
                _ownsUnknown = true;
                if (RetryPolicy.IsTransientDatabaseError(e))
                    Log.JournalUnavailable(logger, e.Message);
                else
                    Log.TickFailed(logger, e);
                await Task.Delay(_signal.PollInterval, clock.Time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        await StopAsync().ConfigureAwait(false);
    }

    /// <summary>Executes a run that the journal said is this worker's.</summary>
    /// <param name="run">The run.</param>
    /// <param name="incarnation">The incarnation before the journal was asked.</param>
    public void Launch(ClaimedRun run, int incarnation)
    {
        BusyChanged(1);
        _launching[run.Id] = run.Epoch;
        // The loop pauses until a deadline at the latest, if it knows of it.
        if (overdue.Expect(run.DeadlineAt))
            WorkIsDue();
        var task = LaunchApart(run, incarnation);
        _tasks.TryAdd(task, 0);
        task.ContinueWith(t => _tasks.TryRemove(t, out _), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    /// <summary>Without the starter's culture and other ambient values, which a replay would not have; only its activity stays the run's parent.</summary>
    private Task LaunchApart(ClaimedRun run, int incarnation)
    {
        var starter = Activity.Current;
        using var apart = ExecutionContext.SuppressFlow();
        return Task.Run(() =>
        {
            Activity.Current = starter;
            return ExecuteAsync(run, incarnation);
        });
    }

    private async Task ExecuteAsync(ClaimedRun run, int incarnation)
    {
        RunExecution? execution = null;
        try
        {
            execution = await executor.BeginAsync(run, BusyChanged).ConfigureAwait(false);
            // A newer claim of a run whose older execution is not quite gone: the older one can write nothing any more.
            _executions.AddOrUpdate(run.Id, execution, (_, older) => Replace(older, execution));
            _launching.TryRemove(KeyValuePair.Create(run.Id, run.Epoch));
            // A stop either found this execution among the others, or was announced before.
            if (_stopping)
                execution.Retire(RunExecution.Retirement.Stopped);
            // So did the loss of the lease.
            if (incarnation != Incarnation)
                execution.Retire(RunExecution.Retirement.Fenced);
            var outcome = await executor.RunAsync(run, execution).ConfigureAwait(false);
            if (outcome is not null && _executions.TryGetValue(run.ParentId!, out var parent))
                parent.DeliverWoken(outcome);
        }
        catch (Exception e)
        {
            // Only the journal can fail here: in it the run stays ours, until the sweep gives it back.
            Log.TickFailed(logger, e);
            _ownsUnknown = true;
        }
        finally
        {
            _launching.TryRemove(KeyValuePair.Create(run.Id, run.Epoch));
            Finish(run, execution);
        }
    }

    private static RunExecution Replace(RunExecution older, RunExecution newer)
    {
        older.Retire(RunExecution.Retirement.Fenced);
        return newer;
    }

    private void Finish(ClaimedRun run, RunExecution? execution)
    {
        if (execution is null)
        {
            BusyChanged(-1);
            return;
        }
        _executions.TryRemove(KeyValuePair.Create(run.Id, execution));
        execution.Close();
        if (execution.Retired is { IsCompletedSuccessfully: true, Result: RunExecution.Retirement.Fenced })
            _ownsUnknown = true;
        // Its place in a queue with a limit is free.
        if (run.Queue is not null)
            WorkIsDue();
    }

    private void BusyChanged(int by)
    {
        if (Interlocked.Add(ref _busy, by) < options.MaxConcurrentRuns && by < 0 && _hasBacklog)
            WorkIsDue();
    }

    private async Task StopAsync()
    {
        _stopping = true;
        starter.Attach(null);
        var quiet = Task.WhenAll(_executions.Values.Select(e => e.QuiesceAsync()).ToList());
        _quiesced = true;
        await Task.WhenAny(quiet, Task.Delay(options.StopGrace, clock.Time, CancellationToken.None)).ConfigureAwait(false);
        foreach (var execution in _executions.Values)
            execution.Retire(RunExecution.Retirement.Stopped);
        await Task.WhenAll(_tasks.Keys).ConfigureAwait(false);
        Telemetry.Forget(this);
        await journal.ReleaseWorkerAsync(Id, CancellationToken.None).ConfigureAwait(false);
        Log.WorkerStopped(logger, Id);
    }

    private async Task RegisterAsync(CancellationToken ct)
    {
        var id = Guid.CreateVersion7(clock.Time.GetUtcNow()).ToString("N");
        var timestamp = clock.Time.GetTimestamp();
        await clock.LearnAsync(() => journal.RegisterWorkerAsync(id, options.Lease, registry.References, ct), now => now).ConfigureAwait(false);
        writer.WorkerId = id;
        Volatile.Write(ref _leaseTimestamp, timestamp);
        await RecoverAsync(ct).ConfigureAwait(false);
    }

    private async Task RenewLeaseAsync(CancellationToken ct)
    {
        var timestamp = clock.Time.GetTimestamp();
        if (await clock.LearnAsync(() => journal.RenewLeaseAsync(Id, options.Lease, ct), now => now).ConfigureAwait(false) is not null)
        {
            Volatile.Write(ref _leaseTimestamp, timestamp);
            return;
        }
        var lost = Id;
        Interlocked.Increment(ref _incarnation);
        var executions = _executions.Values.ToList();
        executions.ForEach(e => e.Retire(RunExecution.Retirement.Fenced));
        await RegisterAsync(ct).ConfigureAwait(false);
        Log.LeaseLost(logger, lost, executions.Count, Id);
    }

    private async Task RecoverAsync(CancellationToken ct)
    {
        if (await journal.RecoverAsync(ct).ConfigureAwait(false) is not (> 0 and var runs))
            return;
        Telemetry.RunsRecovered(runs);
        Log.RunsRecovered(logger, runs);
        _mayHaveWork = true;
    }

    /// <summary>Asks cheaply whether there is anything to do, so that an idle worker costs next to nothing.</summary>
    private async Task ProbeAsync(CancellationToken ct)
    {
        // Said first, so that a look ahead that is asked for meanwhile is not taken for this one.
        Volatile.Write(ref _probed, clock.Time.GetTimestamp());
        var prospect = await journal.ProbeAsync(Request(1), ct).ConfigureAwait(false);
        _nextDue = prospect.NextDue;
        overdue.Expect(prospect.NextDeadline);
        if (prospect.WorkIsDue)
            _mayHaveWork = true;
        if (prospect.WorkersAreGone)
            await RecoverAsync(ct).ConfigureAwait(false);
    }

    /// <summary>Finds out what happened to the runs that are executed here without this process: ended from outside, taken over, woken.</summary>
    private async Task FollowExecutionsAsync(CancellationToken ct)
    {
        Volatile.Write(ref _followed, clock.Time.GetTimestamp());
        var executed = _executions.Values.Select(e => e.Known).ToList();
        if (executed.Count == 0)
            return;
        foreach (var changed in await journal.FindChangedAsync(Id, executed, ct).ConfigureAwait(false))
        {
            // Known once more: an execution that began after the question was asked is not meant.
            if (!_executions.TryGetValue(changed.Id, out var execution) || !executed.Exists(e => e.Id == changed.Id && e.Epoch == execution.Known.Epoch))
                continue;
            if (changed.IsLost)
                execution.Retire(RunExecution.Retirement.Fenced);
            else
                await execution.CatchUpAsync().ConfigureAwait(false);
        }
    }

    private bool IsOver(ref long since, TimeSpan interval) => clock.Time.GetElapsedTime(Volatile.Read(ref since)) >= interval;

    private async Task ReleaseUnknownAsync(CancellationToken ct)
    {
        _ownsUnknown = false;
        var runs = await journal.ReleaseUnknownAsync(Id, [.. starter.Reserved, .. _launching.Keys, .. _executions.Keys], ct).ConfigureAwait(false);
        if (runs > 0)
            Log.UnknownReleased(logger, runs);
    }

    private async Task<bool> ClaimAsync(CancellationToken ct)
    {
        // Said first, so that what becomes due or ends while this one looks is not missed.
        _mayHaveWork = false;
        _hasBacklog = true;
        var free = options.MaxConcurrentRuns - Busy;
        if (free <= 0)
            return false;
        var incarnation = Incarnation;
        var claim = await journal.ClaimAsync(Request(free), ct).ConfigureAwait(false);
        foreach (var run in claim.Runs)
        {
            Telemetry.RunClaimed(run, clock.Now);
            Launch(run, incarnation);
        }
        if (_nextDue is null || claim.NextStart < _nextDue)
            _nextDue = claim.NextStart;
        _hasBacklog = claim.Runs.Count == free;
        if (_hasBacklog)
            _mayHaveWork = true;
        return _mayHaveWork;
    }

    private ClaimRequest Request(int limit) => new(Id, limit, [.. registry.References], _queueNames);

    private async Task WaitForWorkAsync(CancellationToken ct)
    {
        var due = Deadline.Earlier(Deadline.Earlier(_nextDue, overdue.Next), scheduler.LookAt)!.Value;
        Heed(await _signal.WaitAsync(due, ct).ConfigureAwait(false));
    }

    private void Heed(JournalHint hint)
    {
        if (hint.HasFlag(JournalHint.WorkIsDue))
            _mayHaveWork = true;
        if (hint.HasFlag(JournalHint.RunsAreWoken))
            Volatile.Write(ref _followed, 0);
    }
}
