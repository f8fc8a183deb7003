using Elt.Durable.Control;
using Elt.Durable.Execution;

namespace Elt.Durable;

/// <summary>Cancel, resume, fork, delete: one run by its id, or all that fit a filter, whose <see cref="RunFilter.Limit"/> does not count then.</summary>
public sealed partial class WorkflowClient
{
    private const int RunsPerBatch = 200;
    private const int PurgeBatch = 1000;

    /// <summary>
    /// Ends a run as <see cref="RunStatus.Cancelled"/>, whoever executes it: nothing is recorded for it any more, no further step begins, and steps in flight get their
    /// token as soon as their process hears of it, at once as a rule. Waiting runs end without being executed. A parent that awaits it gets the cancellation as its failure.
    /// </summary>
    /// <param name="workflowId">The run.</param>
    /// <param name="reason">Why, for people; becomes the message of its error.</param>
    /// <param name="cascade">Whether its descendants end as well, in the same transaction. Default <see langword="true"/>.</param>
    /// <param name="ct">Gives up waiting; the run may have been cancelled all the same.</param>
    /// <returns>Whether this call ended it; <see langword="false"/> when it had ended before, or there is none.</returns>
    public async Task<bool> CancelAsync(string workflowId, string? reason = null, bool cascade = true, CancellationToken ct = default) =>
        await CancelAsync([workflowId], reason, cascade, ct).ConfigureAwait(false) > 0;

    /// <summary>Cancels all runs that fit a filter.</summary>
    /// <param name="filter">Which runs.</param>
    /// <param name="reason">Why, for people; becomes the message of their errors.</param>
    /// <param name="cascade">Whether their descendants end as well. Default <see langword="true"/>.</param>
    /// <param name="ct">Ends it between two transactions.</param>
    /// <returns>How many runs this call ended, descendants included.</returns>
    public Task<int> CancelAsync(RunFilter filter, string? reason = null, bool cascade = true, CancellationToken ct = default) =>
        ChangeAsync(filter, status => !status.IsFinal(), ids => CancelAsync(ids, reason, cascade, ct), ct);

    /// <summary>
    /// Lets a run go on that is <see cref="RunStatus.Cancelled"/> or <see cref="RunStatus.MaxRecoveryAttemptsExceeded"/>: due now, or when the delay it was started with is
    /// over; without deadline and with a fresh budget of recoveries. Recorded steps are not repeated. A parent that was told of its end keeps that answer.
    /// </summary>
    /// <param name="workflowId">The run.</param>
    /// <param name="cascade">Whether descendants go on as well that ended in the same way and whose end was not recorded by their parent. Default <see langword="true"/>.</param>
    /// <param name="ct">Gives up waiting; the run may have been resumed all the same.</param>
    /// <returns>Whether this call resumed it; <see langword="false"/> when it is live or has ended otherwise, or there is none.</returns>
    /// <exception cref="WorkflowConflictException">A live run holds its deduplication id.</exception>
    public async Task<bool> ResumeAsync(string workflowId, bool cascade = true, CancellationToken ct = default) =>
        await ResumeAsync([workflowId], cascade, ct).ConfigureAwait(false) > 0;

    /// <summary>Resumes all runs that fit a filter; leaves out those whose deduplication id a live run holds.</summary>
    /// <param name="filter">Which runs.</param>
    /// <param name="cascade">Whether descendants go on as well, as for a single run. Default <see langword="true"/>.</param>
    /// <param name="ct">Ends it between two transactions.</param>
    /// <returns>How many runs this call resumed, descendants included.</returns>
    public Task<int> ResumeAsync(RunFilter filter, bool cascade = true, CancellationToken ct = default) =>
        ChangeAsync(filter, status => status is RunStatus.Cancelled or RunStatus.MaxRecoveryAttemptsExceeded, ids => ResumeFreeAsync(ids, cascade, ct), ct);

    /// <summary>
    /// Starts a new run with the input of another, in any state, and with its history up to a step; what was recorded later is executed anew, children
    /// under new ids. <see cref="RunInfo.ForkedFrom"/> names the other run.
    /// </summary>
    /// <param name="workflowId">The run to fork; it stays as it is.</param>
    /// <param name="options">From which step, under which id, as which version.</param>
    /// <param name="ct">Gives up waiting; the run may have been forked all the same.</param>
    /// <returns>Id of the new run.</returns>
    /// <exception cref="UnknownRunException">There is no such run.</exception>
    /// <exception cref="UnknownStepException">It has recorded no such step; the message lists some it has.</exception>
    /// <exception cref="WorkflowConflictException">The new id belongs to a run that was not forked from this one.</exception>
    /// <exception cref="UnknownQueueException">No process has declared the queue.</exception>
    public async Task<string> ForkAsync(string workflowId, ForkOptions? options = null, CancellationToken ct = default)
    {
        options ??= new ForkOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Version ?? 1, 1, nameof(options));
        var forkId = IdOrNew(options.WorkflowId);
        if (await FindAsync(workflowId, ct).ConfigureAwait(false) is null)
            throw UnknownRunException.For(workflowId);
        await EnsureDeclaredAsync(options.Queue, ct).ConfigureAwait(false);
        var before = options.FromStep is { } key ? await RecordedAtAsync(workflowId, key, ct).ConfigureAwait(false) : (DateTimeOffset?)null;
        var fork = new RunFork(workflowId, forkId, before, options.Version, options.Queue);
        if (!await _journal.Control.ForkAsync(fork, ct).ConfigureAwait(false)
            && (await FindAsync(forkId, ct).ConfigureAwait(false))?.ForkedFrom != workflowId)
            throw new WorkflowConflictException($"The id '{forkId}' belongs to a run that was not forked from '{workflowId}'. Choose another id.");
        _starter.LookAgain();
        return forkId;
    }

    /// <summary>Starts a new run with the input of another, from the beginning.</summary>
    /// <inheritdoc cref="ForkAsync"/>
    public Task<string> RestartAsync(string workflowId, CancellationToken ct = default) => ForkAsync(workflowId, null, ct);

    /// <summary>Deletes an ended run with its steps and all else that belongs to it. Its id is free then, as if it had never been used.</summary>
    /// <param name="workflowId">The run.</param>
    /// <param name="cascade">Whether its descendants are deleted as well, all in one transaction. Default <see langword="true"/>.</param>
    /// <param name="ct">Gives up waiting; the run may have been deleted all the same.</param>
    /// <returns>Whether this call deleted it; <see langword="false"/> when there is none.</returns>
    /// <exception cref="RunNotEndedException">It, a child or, with <paramref name="cascade"/>, any descendant has not ended; nothing is deleted.</exception>
    public async Task<bool> DeleteAsync(string workflowId, bool cascade = true, CancellationToken ct = default)
    {
        if (await _journal.Control.DeleteAsync([workflowId], cascade, ct).ConfigureAwait(false) > 0)
            return true;
        return await FindAsync(workflowId, ct).ConfigureAwait(false) is not { } run
            ? false
            : throw new RunNotEndedException(
                run.CompletedAt is null
                    ? $"Run '{workflowId}' is {run.Status.ToText()}: cancel it, or wait for its end, and delete it then."
                    : $"Runs that '{workflowId}' started have not ended: cancel them, or wait for their end, and delete it then.");
    }

    /// <summary>Deletes all ended runs that fit a filter; leaves out those with live descendants.</summary>
    /// <param name="filter">Which runs.</param>
    /// <param name="cascade">Whether their descendants are deleted as well. Default <see langword="true"/>.</param>
    /// <param name="ct">Ends it between two transactions.</param>
    /// <returns>How many runs this call deleted, descendants included.</returns>
    public Task<int> DeleteAsync(RunFilter filter, bool cascade = true, CancellationToken ct = default) =>
        ChangeAsync(filter, status => status.IsFinal(), ids => _journal.Control.DeleteAsync(ids, cascade, ct), ct);

    /// <summary>
    /// Deletes all runs that ended longer ago than a time, with all that belongs to them, some at a time; none that a live run can still ask for. What
    /// <see cref="WorkerOptions.RetainFinished"/> does by itself, for scripts.
    /// </summary>
    /// <param name="olderThan">How long ago they ended; zero and less means all that have ended.</param>
    /// <param name="ct">Ends it between two transactions.</param>
    /// <returns>How many runs were deleted.</returns>
    public async Task<int> PurgeAsync(TimeSpan olderThan, CancellationToken ct = default)
    {
        var purged = 0;
        for (var batch = PurgeBatch; batch == PurgeBatch; purged += batch)
            batch = await _journal.Control.PurgeAsync(Deadline.Within(olderThan), PurgeBatch, ct).ConfigureAwait(false);
        return purged;
    }

    private async Task<int> CancelAsync(IReadOnlyList<string> ids, string? reason, bool cascade, CancellationToken ct)
    {
        var cancelled = await _journal.Control.CancelAsync(ids, Cancellation.By(reason), cascade, ct).ConfigureAwait(false);
        if (cancelled.RunIds.Count == 0)
            return 0;
        _starter.LookAgain();
        _completions.Ended(cancelled);
        return cancelled.RunIds.Count;
    }

    private async Task<int> ResumeAsync(IReadOnlyList<string> ids, bool cascade, CancellationToken ct)
    {
        var resumed = await _journal.Control.ResumeAsync(ids, cascade, ct).ConfigureAwait(false);
        _starter.LookAgain();
        return resumed;
    }

    private async Task<int> ResumeFreeAsync(IReadOnlyList<string> ids, bool cascade, CancellationToken ct)
    {
        try
        {
            return await ResumeAsync(ids, cascade, ct).ConfigureAwait(false);
        }
        catch (WorkflowConflictException) when (ids.Count > 1)
        {
            var resumed = 0;
            foreach (var id in ids)
                resumed += await ResumeFreeAsync([id], cascade, ct).ConfigureAwait(false);
            return resumed;
        }
        catch (WorkflowConflictException)
        {
            return 0;
        }
    }

    /// <summary>Changes all runs that fit, parents before their children: they are all found first, and the oldest comes first.</summary>
    private async Task<int> ChangeAsync(RunFilter filter, Func<RunStatus, bool> fits, Func<IReadOnlyList<string>, Task<int>> change, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(filter);
        var statuses = Enum.GetValues<RunStatus>().Where(s => fits(s) && (filter.Statuses.Count == 0 || filter.Statuses.Contains(s))).ToList();
        var ids = new List<string>();
        for (var page = statuses.Count == 0 ? null : filter with { Statuses = statuses, Limit = RunsPerBatch }; page is not null;)
        {
            var runs = await _journal.ListRunsAsync(page, ct).ConfigureAwait(false);
            ids.AddRange(runs.Select(r => r.Id));
            page = runs.Count == RunsPerBatch ? page with { After = RunCursor.Of(runs[^1]) } : null;
        }
        ids.Reverse();
        var changed = 0;
        foreach (var batch in ids.Chunk(RunsPerBatch))
            changed += await change(batch).ConfigureAwait(false);
        return changed;
    }

    private async Task<DateTimeOffset> RecordedAtAsync(string workflowId, string key, CancellationToken ct)
    {
        var steps = await ListStepsAsync(workflowId, ct).ConfigureAwait(false);
        return steps.FirstOrDefault(s => s.Key == key)?.CompletedAt ?? throw new UnknownStepException(
            $"Run '{workflowId}' has recorded no step '{key}'. "
            + (steps.Count == 0 ? "It has recorded none yet." : $"It has recorded {string.Join(", ", steps.Take(10).Select(s => $"'{s.Key}'"))}{(steps.Count > 10 ? $" and {steps.Count - 10} more" : "")}."));
    }

    private async Task EnsureDeclaredAsync(string? queue, CancellationToken ct)
    {
        if (queue is null)
            return;
        var queues = await _journal.Queues.ListAsync(ct).ConfigureAwait(false);
        if (queues.All(q => q.Name != queue))
            throw UnknownQueueException.Of(queue, queues);
    }
}
