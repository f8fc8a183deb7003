using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Elt.Durable.Journal;

namespace Elt.Durable.Tests.Suite;

internal sealed class ProcessCrashedException : Exception;

/// <summary>
/// A journal whose process dies at the n-th commit, before it or after it (the commit is durable, its answer never arrives):
/// from then on no call gets through, also none to the stores that it is made of.
/// </summary>
[SuppressMessage("Performance", "CA1852", Justification = "The proxy derives from it.")]
internal class CrashingJournal : DispatchProxy
{
    private readonly TaskCompletionSource _crashed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private IJournal _inner = null!;
    private int _crashAt;
    private bool _afterCommit;
    private int _commits;
    private volatile bool _dead;

    public int Commits => Volatile.Read(ref _commits);

    /// <summary>Completes when the crash has happened.</summary>
    public Task Crashed => _crashed.Task;

    /// <summary>The journal as the engine sees it.</summary>
    public IJournal Journal => (IJournal)(object)this;

    public static CrashingJournal Around(IJournal inner, int crashAt = int.MaxValue, bool afterCommit = false)
    {
        var journal = (CrashingJournal)(object)Create<IJournal, CrashingJournal>();
        (journal._inner, journal._crashAt, journal._afterCommit) = (inner, crashAt, afterCommit);
        return journal;
    }

    public void Crash()
    {
        _dead = true;
        _crashed.TrySetResult();
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        if (targetMethod!.Name == nameof(IJournal.CommitAsync))
            return CommitAsync((string)args![0]!, (IReadOnlyList<JournalWrite>)args[1]!, (CancellationToken)args[2]!);
        if (targetMethod.Name is not (nameof(IAsyncDisposable.DisposeAsync) or nameof(IJournal.WaitForHintAsync)))
            ThrowIfDead();
        var answer = targetMethod.Invoke(_inner, BindingFlags.DoNotWrapExceptions, null, args, null);
        return targetMethod.IsSpecialName ? MortalStore.Around(targetMethod.ReturnType, answer!, ThrowIfDead) : answer;
    }

    private async Task CommitAsync(string workerId, IReadOnlyList<JournalWrite> writes, CancellationToken ct)
    {
        ThrowIfDead();
        var isLast = Interlocked.Increment(ref _commits) == _crashAt;
        if (!isLast || _afterCommit)
            await _inner.CommitAsync(workerId, writes, ct);
        if (isLast)
            Crash();
        ThrowIfDead();
    }

    private void ThrowIfDead()
    {
        if (_dead)
            throw new ProcessCrashedException();
    }

    /// <summary>A store of the journal, which dies with it.</summary>
    [SuppressMessage("Performance", "CA1852", Justification = "The proxy derives from it.")]
    internal class MortalStore : DispatchProxy
    {
        private object _inner = null!;
        private Action _throwIfDead = null!;

        public static object Around(Type store, object inner, Action throwIfDead)
        {
            var proxy = Create(store, typeof(MortalStore));
            ((MortalStore)proxy)._inner = inner;
            ((MortalStore)proxy)._throwIfDead = throwIfDead;
            return proxy;
        }

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
        {
            _throwIfDead();
            return targetMethod!.Invoke(_inner, BindingFlags.DoNotWrapExceptions, null, args, null);
        }
    }
}
