using System.Data.Common;

namespace Elt.Durable.Ledger;

/// <summary>Which step of which run a ledger row stands for, and under which claim.</summary>
/// <param name="WorkflowId">The run.</param>
/// <param name="Key">Key of the step.</param>
/// <param name="Epoch">The run's epoch under the claim that executes it.</param>
/// <param name="EnsureOwned">Throws <see cref="FencedException"/> when this process knows that it lost the run.</param>
internal sealed record StepIdentity(string WorkflowId, string Key, long Epoch, Action EnsureOwned);

/// <summary>
/// A database whose writes can be made exactly-once by <see cref="WorkflowContext.TransactionAsync"/>: it keeps two small tables,
/// <c>step_ledger</c> (result of each transactional step, committed with its effect) and <c>step_fence</c> (highest epoch seen of each run,
/// so that an executor which lost its run is refused).
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
        catch (Exception e) when (RetryPolicy.IsTransientDatabaseError(e) || IsLedgerConflict(e))
        {
            // The commit may have gone through although its answer was lost, or another executor was first: only the ledger knows.
            recorded = await FindResultAsync(step, ct).ConfigureAwait(false) ?? throw AsTransient(e);
        }
        return Payloads.Read<TResult>(recorded, $"Ledger entry of step '{step.Key}'");
    }

    private async Task<(string Result, bool Commit)> AttemptAsync<TResult>(
        TTransaction transaction, StepIdentity step, Func<TTransaction, CancellationToken, Task<TResult>> body, Payloads payloads, CancellationToken ct)
    {
        if (await RaiseFenceAsync(transaction, step, ct).ConfigureAwait(false) is var highest && highest > step.Epoch)
            throw new FencedException($"Run '{step.WorkflowId}' is executed elsewhere (epoch {highest}, ours is {step.Epoch}): step '{step.Key}' writes nothing.");
        if (await FindResultAsync(transaction, step, ct).ConfigureAwait(false) is { } recorded)
            return (recorded, false);
        var result = payloads.Write(await body(transaction, ct).ConfigureAwait(false), $"Result of step '{step.Key}'");
        await RecordAsync(transaction, step, result, ct).ConfigureAwait(false);
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

    // A duplicate ledger key without a ledger row to be seen: the other executor rolled back meanwhile, so another attempt is right.
    private Exception AsTransient(Exception error) =>
        IsLedgerConflict(error) ? new IOException("Another executor of the same step rolled back; try again.", error) : error;

    /// <summary>Creates the ledger's tables where they are missing; safe when several processes do it at once.</summary>
    private protected abstract Task CreateLedgerAsync(CancellationToken ct);

    /// <summary>Opens a transaction, runs the body, and commits when the body says so; any exception rolls back.</summary>
    private protected abstract Task<T> InTransactionAsync<T>(Func<TTransaction, Task<(T Result, bool Commit)>> body, CancellationToken ct);

    /// <summary>Raises the run's fence to the step's epoch, holds it until the transaction ends, and returns the highest epoch seen.</summary>
    private protected abstract Task<long> RaiseFenceAsync(TTransaction transaction, StepIdentity step, CancellationToken ct);

    private protected abstract Task<string?> FindResultAsync(TTransaction transaction, StepIdentity step, CancellationToken ct);

    private protected abstract Task RecordAsync(TTransaction transaction, StepIdentity step, string result, CancellationToken ct);

    /// <summary>Whether the error says that another transaction recorded the same step first.</summary>
    private protected abstract bool IsLedgerConflict(Exception error);
}
