using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Elt.Durable.Journal;

namespace Elt.Durable.Tests.Suite;

/// <summary>A journal, or a store of one, where a test may let something happen between an answer and whoever waits for it.</summary>
[SuppressMessage("Performance", "CA1852", Justification = "The proxy derives from it.")]
internal class InterruptedJournal : DispatchProxy
{
    private object _inner = null!;
    private Func<string, Task> _between = null!;

    /// <param name="inner">The journal.</param>
    /// <param name="between">Gets the name of the method that has answered.</param>
    public static IJournal Around(IJournal inner, Func<string, Task> between) => (IJournal)Around(typeof(IJournal), inner, between);

    private static object Around(Type type, object inner, Func<string, Task> between)
    {
        var proxy = Create(type, typeof(InterruptedJournal));
        (((InterruptedJournal)proxy)._inner, ((InterruptedJournal)proxy)._between) = (inner, between);
        return proxy;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        var answer = targetMethod!.Invoke(_inner, BindingFlags.DoNotWrapExceptions, null, args, null);
        if (targetMethod.IsSpecialName)
            return Around(targetMethod.ReturnType, answer!, _between);
        if (!targetMethod.ReturnType.IsGenericType || targetMethod.ReturnType.GetGenericTypeDefinition() != typeof(Task<>))
            return answer;
        return typeof(InterruptedJournal).GetMethod(nameof(DelayAsync), BindingFlags.NonPublic | BindingFlags.Instance)!
            .MakeGenericMethod(targetMethod.ReturnType.GetGenericArguments()).Invoke(this, [targetMethod.Name, answer]);
    }

    private async Task<T> DelayAsync<T>(string method, Task<T> answer)
    {
        var result = await answer;
        await _between(method);
        return result;
    }
}
