namespace Elt.Service;

/// <summary>All log messages of the service.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Elt {Version} listens on {Urls}; journal: {Journal}; destination: {Destination}")]
    public static partial void Listening(ILogger logger, string version, string urls, string journal, string destination);

    [LoggerMessage(2, LogLevel.Error, "{Method} {Path} failed")]
    public static partial void RequestFailed(ILogger logger, Exception error, string method, string path);

    [LoggerMessage(3, LogLevel.Information, "The standard input ended; stopping")]
    public static partial void InputEnded(ILogger logger);

    [LoggerMessage(4, LogLevel.Warning, "Faults on purpose are on: {Faults}")]
    public static partial void FaultsOn(ILogger logger, string faults);
}
