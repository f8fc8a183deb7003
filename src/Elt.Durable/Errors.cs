namespace Elt.Durable;

/// <summary>An error as the journal keeps it: enough to show and to act on, without the live exception.</summary>
/// <param name="Type">Full name of the exception type that was thrown.</param>
/// <param name="Message">Its message.</param>
/// <param name="Stack">Its stack trace, <see langword="null"/> when it had none.</param>
public sealed record ErrorInfo(string Type, string Message, string? Stack)
{
    /// <summary>Takes down an exception. An error that already travelled through a journal keeps its original type and stack.</summary>
    /// <param name="error">The exception.</param>
    public static ErrorInfo From(Exception error)
    {
        ArgumentNullException.ThrowIfNull(error);
        return error is DurableException { Error: { } remote }
            ? remote with { Message = error.Message }
            : new ErrorInfo(error.GetType().FullName ?? error.GetType().Name, error.Message, error.StackTrace);
    }
}

/// <summary>Base of the engine's own exceptions.</summary>
/// <param name="message">What was expected, what was found, what to do.</param>
/// <param name="error">The recorded error behind it, if there is one.</param>
public abstract class DurableException(string message, ErrorInfo? error = null) : Exception(message)
{
    /// <summary>The recorded error behind this exception; <see langword="null"/> when the engine itself raised it.</summary>
    public ErrorInfo? Error { get; } = error;
}

/// <summary>A step failed for good: its last attempt's error was recorded, and every replay throws it again.</summary>
/// <param name="step">Key of the step, such as <c>batch-03/page-017</c>.</param>
/// <param name="error">The recorded error.</param>
public sealed class StepFailedException(string step, ErrorInfo error)
    : DurableException($"Step '{step}' failed: {error?.Message}", error)
{
    /// <summary>Key of the step.</summary>
    public string Step { get; } = step;
}

/// <summary>A run that was awaited did not end as <see cref="RunStatus.Success"/>.</summary>
/// <param name="workflowId">The run.</param>
/// <param name="status">How it ended.</param>
/// <param name="error">The recorded error.</param>
public sealed class WorkflowFailedException(string workflowId, RunStatus status, ErrorInfo error)
    : DurableException(Describe(workflowId, status, error), error)
{
    /// <summary>The run.</summary>
    public string WorkflowId { get; } = workflowId;

    /// <summary>How it ended.</summary>
    public RunStatus Status { get; } = status;

    // Of a tree of runs the one tells where it began: its id says all the way down.
    private static string Describe(string workflowId, RunStatus status, ErrorInfo? error) =>
        error?.Type == typeof(WorkflowFailedException).FullName ? error!.Message : $"Workflow '{workflowId}' ended as {status.ToText()}: {error?.Message}";
}

/// <summary>Some items of a <c>MapAsync</c> with <see cref="MapFailure.CollectAll"/> failed.</summary>
/// <param name="failures">Name of each failed item with its error, in item order.</param>
/// <param name="items">How many items there were.</param>
public sealed class MapFailedException(IReadOnlyList<KeyValuePair<string, Exception>> failures, int items)
    : DurableException(
        $"{failures.Count} of {items} items failed: {string.Join("; ", failures.Take(5).Select(f => $"{f.Key}: {f.Value.Message}"))}"
        + (failures.Count > 5 ? $"; and {failures.Count - 5} more" : ""))
{
    /// <summary>Name of each failed item with its error, in item order.</summary>
    public IReadOnlyList<KeyValuePair<string, Exception>> Failures { get; } = failures;
}

/// <summary>A workflow id is already taken by a run of another workflow or with another input.</summary>
/// <param name="message">Names the id and what differs.</param>
public sealed class WorkflowConflictException(string message) : DurableException(message);

/// <summary>No workflow of that name (and version) is registered here, or an input does not fit it.</summary>
/// <param name="message">Names what was asked for and what there is.</param>
public sealed class UnknownWorkflowException(string message) : DurableException(message);

/// <summary>No process has declared the queue that a run should go through, so nobody would take it from there.</summary>
/// <param name="message">Names the queue and those there are.</param>
public sealed class UnknownQueueException(string message) : DurableException(message)
{
    internal static UnknownQueueException Of(string queue, IReadOnlyList<QueueInfo> queues) =>
        new($"There is no queue '{queue}'. Declared: {(queues.Count > 0 ? string.Join(", ", queues.Select(q => q.Name)) : "none")}.");
}

/// <summary>A queue cannot be deleted, because runs of it have not ended.</summary>
/// <param name="message">Says how many.</param>
public sealed class QueueInUseException(string message) : DurableException(message);

/// <summary>A run of the same deduplication id waits in the queue or has begun and not ended, so no other was started.</summary>
/// <param name="message">Names the queue, the deduplication id and the run that holds it.</param>
/// <param name="workflowId">The run that holds the deduplication id.</param>
public sealed class DuplicateRunException(string message, string workflowId) : DurableException(message)
{
    /// <summary>The run that holds the deduplication id.</summary>
    public string WorkflowId { get; } = workflowId;
}

/// <summary>There is no schedule of that name, or this process does not declare it.</summary>
/// <param name="message">Names the schedule and those there are.</param>
public sealed class UnknownScheduleException(string message) : DurableException(message);

/// <summary>There is no run of that id to send to, to read from or to wait for.</summary>
/// <param name="message">Names the id.</param>
public sealed class UnknownRunException(string message) : DurableException(message)
{
    internal static UnknownRunException For(string workflowId) => new($"There is no run '{workflowId}'. Start it first, or check the id.");
}

/// <summary>A message or an event did not come in time.</summary>
/// <param name="message">Names what was waited for and how long.</param>
public sealed class WaitTimeoutException(string message) : DurableException(message)
{
    internal static WaitTimeoutException For(string what, TimeSpan timeout) => new($"No {what} came within {timeout}.");
}

/// <summary>A run ended without having set an event that was waited for.</summary>
/// <param name="message">Names the run and the event.</param>
public sealed class EventNotSetException(string message) : DurableException(message)
{
    internal static EventNotSetException For(string workflowId, string name) => new($"Run '{workflowId}' ended without having set the event '{name}'.");
}

/// <summary>An input or result cannot be read or written as JSON, or is over the limit.</summary>
/// <param name="message">Names the type and the step or run.</param>
public sealed class PayloadException(string message) : DurableException(message);

/// <summary>Two operations of one scope that overlap in time used the same name.</summary>
/// <param name="key">The name with its scope.</param>
public sealed class DuplicateStepNameException(string key)
    : DurableException($"Step name '{key}' is used by two operations at the same time. Give each parallel branch names of its own, or use MapAsync.");

/// <summary>The history of a run holds steps that its code no longer asks for.</summary>
/// <param name="workflowId">The run.</param>
/// <param name="steps">Keys of the steps that were recorded but not asked for.</param>
public sealed class JournalMismatchException(string workflowId, IReadOnlyList<string> steps)
    : DurableException(
        $"The history of '{workflowId}' holds {string.Join(", ", steps.Take(5).Select(s => $"'{s}'"))}"
        + $"{(steps.Count > 5 ? $" and {steps.Count - 5} more" : "")}, which the code did not ask for. "
        + "Code and history disagree: deploy the code that began this run, or raise the workflow's version for new runs.")
{
    /// <summary>Keys of the steps that were recorded but not asked for.</summary>
    public IReadOnlyList<string> Steps { get; } = steps;
}

/// <summary>The run has recorded no such step.</summary>
/// <param name="message">Names the step, and some that are recorded.</param>
public sealed class UnknownStepException(string message) : DurableException(message);

/// <summary>Only a run that has ended can be deleted, and only when those it started have ended.</summary>
/// <param name="message">Names the run and says what to do first.</param>
public sealed class RunNotEndedException(string message) : DurableException(message);

/// <summary>
/// The run is executed elsewhere by now (its lease was taken over, or it was ended from outside): nothing was written, nothing may be.
/// </summary>
/// <param name="message">Names the run and what was refused.</param>
public sealed class FencedException(string message) : DurableException(message);

/// <summary>The journal cannot be used as it is: wrong version, held by another process, edited migration.</summary>
/// <param name="message">What was expected, what was found, what to do.</param>
public sealed class JournalException(string message) : DurableException(message);
