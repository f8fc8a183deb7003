using Microsoft.Extensions.Logging;

namespace Elt.Durable;

/// <summary>All log messages of the engine.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Worker {Worker} started; it executes {Workflows}")]
    public static partial void WorkerStarted(ILogger logger, string worker, string workflows);

    [LoggerMessage(2, LogLevel.Information, "Worker {Worker} stopped; its runs are free for others")]
    public static partial void WorkerStopped(ILogger logger, string worker);

    [LoggerMessage(3, LogLevel.Warning, "Worker {Worker} lost its lease; its {Runs} runs belong to others now. It goes on as {NewWorker}")]
    public static partial void LeaseLost(ILogger logger, string worker, int runs, string newWorker);

    [LoggerMessage(4, LogLevel.Warning, "Recovered {Runs} runs of workers that are gone")]
    public static partial void RunsRecovered(ILogger logger, int runs);

    [LoggerMessage(5, LogLevel.Debug, "Run {RunId} ({Workflow}) started")]
    public static partial void RunStarted(ILogger logger, string runId, string workflow);

    [LoggerMessage(6, LogLevel.Information, "Run {RunId} ({Workflow}) goes on at epoch {Epoch} with {Steps} recorded steps")]
    public static partial void RunResumed(ILogger logger, string runId, string workflow, long epoch, int steps);

    [LoggerMessage(EventId = 7, Message = "Run {RunId} ({Workflow}) ended as {Status} after {Milliseconds:F0} ms")]
    public static partial void RunEnded(ILogger logger, LogLevel level, string runId, string workflow, string status, double milliseconds);

    [LoggerMessage(8, LogLevel.Error, "Run {RunId} ({Workflow}) ended as {Status}: {Error}")]
    public static partial void RunFailed(ILogger logger, string runId, string workflow, string status, string error);

    [LoggerMessage(9, LogLevel.Debug, "Run {RunId} is parked until {DueAt}")]
    public static partial void RunParked(ILogger logger, string runId, DateTimeOffset? dueAt);

    [LoggerMessage(10, LogLevel.Warning, "Run {RunId} is executed elsewhere or was ended; this execution stops: {Reason}")]
    public static partial void RunFenced(ILogger logger, string runId, string reason);

    [LoggerMessage(11, LogLevel.Warning, "Run {RunId} step {Step} attempt {Attempt} failed, next attempt in {Delay}: {Error}")]
    public static partial void StepRetried(ILogger logger, string runId, string step, int attempt, TimeSpan delay, string error);

    [LoggerMessage(12, LogLevel.Warning, "The journal cannot be reached, trying again: {Error}")]
    public static partial void JournalUnavailable(ILogger logger, string error);

    [LoggerMessage(13, LogLevel.Warning, "A batch of {Writes} journal writes failed and is written one by one: {Error}")]
    public static partial void BatchSplit(ILogger logger, int writes, string error);

    [LoggerMessage(14, LogLevel.Error, "The worker's loop failed and goes on")]
    public static partial void TickFailed(ILogger logger, Exception error);

    [LoggerMessage(15, LogLevel.Information, "Schedule {Schedule} starts slot {RunId}")]
    public static partial void SlotStarted(ILogger logger, string schedule, string runId);

    [LoggerMessage(17, LogLevel.Error, "Schedule {Schedule} could not decide its due slots and tries again in a minute")]
    public static partial void ScheduleFailed(ILogger logger, Exception error, string schedule);

    [LoggerMessage(18, LogLevel.Warning, "No live worker executes {Workflow}: {Runs} runs wait for one, the first since {DueSince:u}. Deploy a worker that has it")]
    public static partial void WorkflowUnserved(ILogger logger, string workflow, long runs, DateTimeOffset dueSince);

    [LoggerMessage(40, LogLevel.Warning, "Cancelled {Runs} runs past their deadline, {RunId} first")]
    public static partial void RunsOverdue(ILogger logger, int runs, string runId);

    [LoggerMessage(41, LogLevel.Information, "Purged {Runs} runs that ended more than {Age} ago")]
    public static partial void RunsPurged(ILogger logger, int runs, TimeSpan age);

    [LoggerMessage(16, LogLevel.Warning, "Released {Runs} runs that this worker owned without knowing it")]
    public static partial void UnknownReleased(ILogger logger, int runs);
}
