using Elt.Pipelines.Integrations;
using Microsoft.Extensions.Logging;

namespace Elt.Pipelines;

/// <summary>All log messages of the project.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Warning, "{Deletes} deletes of {Integration} are held: {Reason}")]
    public static partial void DeletesHeld(ILogger logger, long deletes, IntegrationKey integration, string reason);

    [LoggerMessage(2, LogLevel.Warning, "{Records} records of {Integration} have no usable key and were not staged")]
    public static partial void UnreadableKeys(ILogger logger, long records, IntegrationKey integration);

    [LoggerMessage(3, LogLevel.Warning, "The destination did not follow {Integration} from this warehouse so far: it was loaded in full, {Rows} rows")]
    public static partial void FullLoad(ILogger logger, IntegrationKey integration, long rows);

    [LoggerMessage(5, LogLevel.Warning, "{Records} records of {Integration} cannot be taken and are in quarantine")]
    public static partial void Quarantined(ILogger logger, long records, IntegrationKey integration);

    [LoggerMessage(40, LogLevel.Warning, "{Keys} keys of {Integration} came with records that differ: the one changed last counts, or else the last one")]
    public static partial void Duplicates(ILogger logger, long keys, IntegrationKey integration);

    [LoggerMessage(41, LogLevel.Warning, "{Records} records of {Integration} are missing and are deleted when the next complete run misses them too: {Reason}")]
    public static partial void DeletesUnconfirmed(ILogger logger, long records, IntegrationKey integration, string reason);

    [LoggerMessage(42, LogLevel.Warning, "The source of {Integration} cannot be asked for records that are missing, a second run decides: {Reason}")]
    public static partial void NotConfirmed(ILogger logger, IntegrationKey integration, string reason);

    [LoggerMessage(70, LogLevel.Warning, "{Issues} issues with the quality of {Integration}: {Invalid} of {Records} records are not valid")]
    public static partial void QualityIssues(ILogger logger, long issues, IntegrationKey integration, long invalid, long records);

    [LoggerMessage(200, LogLevel.Information, "Records of {Integration} have fields that none had before: {Fields}")]
    public static partial void NewFields(ILogger logger, IntegrationKey integration, string fields);

    [LoggerMessage(50, LogLevel.Warning, "{Integration} is read anew by the same run: {Reason}")]
    public static partial void ReadAgain(ILogger logger, IntegrationKey integration, string? reason);

    [LoggerMessage(90, LogLevel.Warning, "{Integration} is not onboarded ({Outcome}): {Message}")]
    public static partial void NotOnboarded(ILogger logger, IntegrationKey integration, string outcome, string message);

    [LoggerMessage(91, LogLevel.Warning, "{Integration} is left out: its source did not accept its credentials")]
    public static partial void NotAsked(ILogger logger, IntegrationKey integration);

    [LoggerMessage(4, LogLevel.Critical, "Injected crash after batch {Batch}: killing this process")]
    public static partial void Crashing(ILogger logger, int batch);
}
