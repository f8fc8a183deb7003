using Microsoft.Extensions.Logging;

namespace Elt.Durable.Execution;

/// <summary>A workflow's logger: silent until everything recorded before has been replayed.</summary>
internal sealed class ReplayLogger(ILogger inner, Func<bool> isReplayed) : ILogger
{
    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => inner.BeginScope(state);

    public bool IsEnabled(LogLevel logLevel) => isReplayed() && inner.IsEnabled(logLevel);

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (isReplayed())
            inner.Log(logLevel, eventId, state, exception, formatter);
    }
}
