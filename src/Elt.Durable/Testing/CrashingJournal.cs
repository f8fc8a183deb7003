using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Elt.Durable.Journal;

namespace Elt.Durable.Testing;

/// <summary>The process that asked is dead.</summary>
internal sealed class ProcessCrashedException : Exception;

/// <summary>
/// A journal whose process dies at a call, before it or after it (what was asked for is done, its answer never arrives): from then on no call
/// gets through, also none to the stores that it is made of. Every call counts, whoever makes it: commit, claim, probe, history, renewal…
/// </summary>
[SuppressMessage("Performance", "CA1852", Justification = "The proxy derives from it.")]
internal class CrashingJournal : DispatchProxy
{
    private readonly TaskCompletionSource _crashed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private IJournal _inner = null!;
    private Func<MethodInfo, object?[]?, bool> _isLast = (_, _) => false;
    private bool _afterCall;
    private volatile bool _dead;

    /// <summary>Completes when the crash has happened.</summary>
    public Task Crashed => _crashed.Task;

    /// <summary>The journal as the engine sees it.</summary>
    public IJournal Journal => (IJournal)(object)this;

    public static CrashingJournal Around(IJournal inner)
    {
        var journal = (CrashingJournal)(object)Create<IJournal, CrashingJournal>();
        journal._inner = inner;
        return journal;
    }

    /// <summary>Dies at the n-th call from now on.</summary>
    public void CrashAt(int call, bool afterCall)
    {
        var calls = 0;
        _afterCall = afterCall;
        _isLast = (_, _) => Interlocked.Increment(ref calls) == call;
    }

    /// <summary>Dies after the next call of a method.</summary>
    public void CrashAfter(string method)
    {
        _afterCall = true;
        _isLast = (called, _) => called.Name == method;
    }

    /// <summary>Dies at the commit that records a step.</summary>
    public void CrashAtStep(string key, bool afterCommit)
    {
        _afterCall = afterCommit;
        _isLast = (_, arguments) => arguments is [_, IReadOnlyList<JournalWrite> writes, ..] && writes.OfType<StepWrite>().Any(w => w.Step.Key == key);
    }

    public void Crash()
    {
        _dead = true;
        _crashed.TrySetResult();
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        if (targetMethod!.Name is nameof(IAsyncDisposable.DisposeAsync) or nameof(IJournal.WaitForHintAsync))
            return Call(_inner, targetMethod, args);
        if (targetMethod.IsSpecialName)
            return MortalStore.Around(targetMethod.ReturnType, Call(_inner, targetMethod, args)!, this);
        return CallUnlessDead(_inner, targetMethod, args);
    }

    private object? CallUnlessDead(object target, MethodInfo method, object?[]? args)
    {
        ThrowIfDead();
        var isLast = _isLast(method, args);
        if (isLast && !_afterCall)
            Crash();
        ThrowIfDead();
        var answer = Call(target, method, args);
        return isLast ? LoseAnswer(method, (Task)answer!) : answer;
    }

    private object LoseAnswer(MethodInfo method, Task answer) => method.ReturnType == typeof(Task)
        ? LoseAsync<bool>(answer)
        : typeof(CrashingJournal).GetMethod(nameof(LoseAsync), BindingFlags.NonPublic | BindingFlags.Instance)!
            .MakeGenericMethod(method.ReturnType.GetGenericArguments()).Invoke(this, [answer])!;

    private async Task<T> LoseAsync<T>(Task answer)
    {
        await answer.ConfigureAwait(false);
        Crash();
        throw new ProcessCrashedException();
    }

    private static object? Call(object target, MethodInfo method, object?[]? args) => method.Invoke(target, BindingFlags.DoNotWrapExceptions, null, args, null);

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
        private CrashingJournal _journal = null!;

        public static object Around(Type store, object inner, CrashingJournal journal)
        {
            var proxy = Create(store, typeof(MortalStore));
            ((MortalStore)proxy)._inner = inner;
            ((MortalStore)proxy)._journal = journal;
            return proxy;
        }

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => _journal.CallUnlessDead(_inner, targetMethod!, args);
    }
}
