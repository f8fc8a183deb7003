using Microsoft.Extensions.Logging;

namespace Elt.Chaos.Workers;

/// <summary>Hands the engine's warnings and errors to whoever counts them.</summary>
internal sealed class EventLog(Action<EventId, string> write) : ILoggerProvider, ILogger
{
    /// <summary>A write that came too late was refused.</summary>
    public const int Fenced = 10;

    /// <summary>A worker noticed that its runs belong to others.</summary>
    public const int LeaseLost = 3;

    /// <summary>A batch of writes failed for another reason than an outage.</summary>
    public const int BatchSplit = 13;

    /// <summary>The worker's loop met an error that it does not know.</summary>
    public const int TickFailed = 14;

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (IsEnabled(logLevel))
            write(eventId, $"{formatter(state, exception)} {exception}".ReplaceLineEndings(" "));
    }

    public void Dispose()
    {
    }
}
