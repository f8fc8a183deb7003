using System.Data.Common;

namespace Elt.Durable.Ledger;

/// <summary>Which step of which run a ledger row stands for, and under which claim.</summary>
/// <param name="WorkflowId">The run.</param>
/// <param name="Key">Key of the step.</param>
/// <param name="Claim">The claim that executes the run.</param>
/// <param name="EnsureOwned">Throws <see cref="FencedException"/> when this process knows that it lost the run.</param>
internal sealed record StepIdentity(string WorkflowId, string Key, RunClaim Claim, Action EnsureOwned)
{
    /// <summary>The same step, which may not commit any more once a token has fired.</summary>
    public StepIdentity Until(CancellationToken time) => this with
    {
        EnsureOwned = () =>
        {
            EnsureOwned();
            time.ThrowIfCancellationRequested();
        },
    };
}

/// <summary>A claim of a run, comparable with the other claims under its id: of two runs the one created later counts, of one run the higher epoch.</summary>
/// <param name="Incarnation">When the run was created, in microseconds since 1970: another run of the same id, after the first was deleted, has a later one.</param>
/// <param name="Epoch">The run's epoch under the claim.</param>
internal readonly record struct RunClaim(long Incarnation, long Epoch)
{
    public bool IsNewerThan(RunClaim other) => (Incarnation, Epoch).CompareTo((other.Incarnation, other.Epoch)) > 0;
}

/// <summary>
/// A database whose writes can be made exactly-once by <see cref="WorkflowContext.TransactionAsync"/>: it keeps two small tables,
/// <c>step_ledger</c> (result of each transactional step, committed with its effect) and <c>step_fence</c> (latest claim seen of each run,
/// so that an executor which lost its run is refused). Rows of a run that was deleted stay; they say nothing to a later run of its id.
/// </summary>
/// <typeparam name="TTransaction">The driver's transaction type.</typeparam>
public abstract class TransactionalDatabase<TTransaction>
    where TTransaction : DbTransaction
{
    private readonly SemaphoreSlim _preparing = new(1);
    private volatile bool _prepared;

    /// <summary>Runs <paramref name="body"/> and records its result in one transaction, or returns the result recorded before.</summary>
    internal async Task<TResult> RunOnceAsync<TResult>(
        StepIdentity step, Func<TTransaction, CancellationToken, Task<TResult>> body, Payloads payloads, CancellationToken ct)
    {
        await PrepareAsync(ct).ConfigureAwait(false);
        string recorded;
        try
        {
            recorded = await InTransactionAsync(transaction => AttemptAsync(transaction, step, body, payloads, ct), ct).ConfigureAwait(false);
        }
        catch (Exception e) when (RetryPolicy.IsTransientDatabaseError(e))
        {
            // The commit may have gone through although its answer was lost, or another executor was first: only the ledger knows.
if (await FindResultAsync(step, ct).ConfigureAwait(false) is not { } committed)
                throw;
            recorded = committed;
        }
        return Payloads.Read<TResult>(recorded, "Ledger entry of step", step.Key);
    }

    private async Task<(string Result, bool Commit)> AttemptAsync<TResult>(
        TTransaction transaction, StepIdentity step, Func<TTransaction, CancellationToken, Task<TResult>> body, Payloads payloads, CancellationToken ct)
    {
        if (await RaiseFenceAsync(transaction, step, ct).ConfigureAwait(false) is var latest && latest.IsNewerThan(step.Claim))
            throw new FencedException($"Run '{step.WorkflowId}' is executed elsewhere ({latest}, ours is {step.Claim}): step '{step.Key}' writes nothing.");
        if (await FindResultAsync(transaction, step, ct).ConfigureAwait(false) is { } recorded)
            return (recorded, false);
        var result = payloads.Write(await body(transaction, ct).ConfigureAwait(false), "Result of step", step.Key);
        if (!await RecordAsync(transaction, step, result, ct).ConfigureAwait(false))
            throw new IOException($"Another executor of step '{step.Key}' was first.");
        step.EnsureOwned();
        return (result, true);
    }

    private async Task PrepareAsync(CancellationToken ct)
    {
        if (_prepared)
            return;
        await _preparing.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            if (!_prepared)
                await CreateLedgerAsync(ct).ConfigureAwait(false);
            _prepared = true;
        }
        finally
        {
            _preparing.Release();
        }
    }

    private async Task<string?> FindResultAsync(StepIdentity step, CancellationToken ct) =>
        (await InTransactionAsync(async transaction => (await FindResultAsync(transaction, step, ct).ConfigureAwait(false), false), ct).ConfigureAwait(false));

    /// <summary>Creates the ledger's tables where they are missing; safe when several processes do it at once.</summary>
    private protected abstract Task CreateLedgerAsync(CancellationToken ct);

    /// <summary>Opens a transaction, runs the body, and commits when the body says so; any exception rolls back.</summary>
    private protected abstract Task<T> InTransactionAsync<T>(Func<TTransaction, Task<(T Result, bool Commit)>> body, CancellationToken ct);

    /// <summary>Raises the run's fence to the step's claim, holds it until the transaction ends, and returns the latest claim seen.</summary>
    private protected abstract Task<RunClaim> RaiseFenceAsync(TTransaction transaction, StepIdentity step, CancellationToken ct);

    /// <summary>The result that this run recorded. A row from before incarnations were kept is the run's own when it is younger than the run.</summary>
    private protected abstract Task<string?> FindResultAsync(TTransaction transaction, StepIdentity step, CancellationToken ct);

    /// <summary>Records a result, in place of one of an earlier run of the id; <see langword="false"/> when another transaction was first.</summary>
    private protected abstract Task<bool> RecordAsync(TTransaction transaction, StepIdentity step, string result, CancellationToken ct);
}
