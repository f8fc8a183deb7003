using Elt.Durable.Journal;
using Elt.Durable.Queues;

namespace Elt.Durable.Tests.Suite;

internal sealed class ProcessCrashedException : Exception;

/// <summary>
/// A journal whose process dies at the n-th commit, before it or after it (the commit is durable, its answer never arrives):
/// from then on no call gets through.
/// </summary>
internal sealed class CrashingJournal(IJournal inner, int crashAt = int.MaxValue, bool afterCommit = false) : IJournal
{
    private readonly TaskCompletionSource _crashed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _commits;
    private volatile bool _dead;

    public int Commits => Volatile.Read(ref _commits);

    /// <summary>Completes when the crash has happened.</summary>
    public Task Crashed => _crashed.Task;

    public void Crash()
    {
        _dead = true;
        _crashed.TrySetResult();
    }

    public async Task CommitAsync(string workerId, IReadOnlyList<JournalWrite> writes, CancellationToken ct)
    {
        ThrowIfDead();
        var isLast = Interlocked.Increment(ref _commits) == crashAt;
        if (!isLast || afterCommit)
            await inner.CommitAsync(workerId, writes, ct);
        if (isLast)
            Crash();
        ThrowIfDead();
    }

    public Task OpenAsync(CancellationToken ct) => Alive(() => inner.OpenAsync(ct));

    public Task<DateTimeOffset> RegisterWorkerAsync(string workerId, TimeSpan lease, CancellationToken ct) => Alive(() => inner.RegisterWorkerAsync(workerId, lease, ct));

    public Task<DateTimeOffset?> RenewLeaseAsync(string workerId, TimeSpan lease, CancellationToken ct) => Alive(() => inner.RenewLeaseAsync(workerId, lease, ct));

    public Task ReleaseWorkerAsync(string workerId, CancellationToken ct) => Alive(() => inner.ReleaseWorkerAsync(workerId, ct));

    public Task<int> RecoverAsync(CancellationToken ct) => Alive(() => inner.RecoverAsync(ct));

    public Task<int> ReleaseUnknownAsync(string workerId, IReadOnlyCollection<string> known, CancellationToken ct) => Alive(() => inner.ReleaseUnknownAsync(workerId, known, ct));

    public Task<IReadOnlyList<ClaimedRun>> ClaimAsync(ClaimRequest request, CancellationToken ct) => Alive(() => inner.ClaimAsync(request, ct));

    public Task<RunHistory> ReadHistoryAsync(string runId, CancellationToken ct) => Alive(() => inner.ReadHistoryAsync(runId, ct));

    public Task<RunInfo?> FindRunAsync(string runId, CancellationToken ct) => Alive(() => inner.FindRunAsync(runId, ct));

    public Task<IReadOnlyList<RunInfo>> ListRunsAsync(RunFilter filter, CancellationToken ct) => Alive(() => inner.ListRunsAsync(filter, ct));

    public Task DeclareQueuesAsync(IReadOnlyList<QueueDefinition> queues, CancellationToken ct) => Alive(() => inner.DeclareQueuesAsync(queues, ct));

    public Task<IReadOnlyList<string>> ListQueuesAsync(CancellationToken ct) => Alive(() => inner.ListQueuesAsync(ct));

    public Task<DateTimeOffset> DeclareScheduleAsync(string name, string cron, string timeZone, CancellationToken ct) => Alive(() => inner.DeclareScheduleAsync(name, cron, timeZone, ct));

    public Task AdvanceScheduleAsync(string name, DateTimeOffset slot, CancellationToken ct) => Alive(() => inner.AdvanceScheduleAsync(name, slot, ct));

    public Task WaitForHintAsync(CancellationToken ct) => inner.WaitForHintAsync(ct);

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    private T Alive<T>(Func<T> call)
    {
        ThrowIfDead();
        return call();
    }

    private void ThrowIfDead()
    {
        if (_dead)
            throw new ProcessCrashedException();
    }
}
