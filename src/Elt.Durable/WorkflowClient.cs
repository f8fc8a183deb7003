using System.Text.Json;
using Elt.Durable.Execution;
using Elt.Durable.Journal;

namespace Elt.Durable;

/// <summary>How to start a run. Unset members keep their defaults.</summary>
public sealed record StartOptions
{
    /// <summary>Queue to go through; default none, which lets any worker with the workflow take the run at once.</summary>
    public string? Queue { get; init; }

    /// <summary>Lower goes first within a queue; default 0.</summary>
    public int Priority { get; init; }

    /// <summary>Earliest start, counted from now by the journal's clock; default none.</summary>
    public TimeSpan Delay { get; init; }

    /// <summary>
    /// When the run is cancelled if it has not ended by then, wherever it is; its children are as well. Survives restarts. Default none; a time that has passed
    /// cancels it before it begins.
    /// </summary>
    public DateTimeOffset? Deadline { get; init; }

    /// <summary>
    /// The same as a duration, counted from when the run is created by the journal's clock, its delay included. The earlier of both counts. Zero and less cancels it before
    /// it begins; over a thousand years is none. Default none.
    /// </summary>
    public TimeSpan? Timeout { get; init; }
}

/// <summary>Starts runs and looks at them, from any process that reaches the journal.</summary>
public sealed partial class WorkflowClient
{
    private readonly IJournal _journal;
    private readonly WorkflowRegistry _registry;
    private readonly RunStarter _starter;
    private readonly CompletionHub _completions;
    private readonly Payloads _payloads;
    private readonly TimeProvider _time;

    internal WorkflowClient(
        IJournal journal, WorkflowRegistry registry, RunStarter starter, CompletionHub completions, Payloads payloads, TimeProvider time, ScheduleClient schedules)
    {
        Schedules = schedules;
        _journal = journal;
        _registry = registry;
        _starter = starter;
        _completions = completions;
        _payloads = payloads;
        _time = time;
    }

    /// <summary>The schedules.</summary>
    public ScheduleClient Schedules { get; }

    /// <summary>
    /// Starts a run, or attaches to the run that has this id already: the id is an idempotency key, now and a year later.
    /// Returns once the run and its input are durable.
    /// </summary>
    /// <param name="input">The workflow's input record.</param>
    /// <param name="workflowId">The idempotency key; default a new time-ordered id.</param>
    /// <param name="options">Queue, priority, delay.</param>
    /// <param name="ct">Gives up waiting; the run may have been started all the same.</param>
    /// <exception cref="ArgumentException">The id is blank, over 500 characters or holds a control character.</exception>
    /// <exception cref="WorkflowConflictException">The id belongs to another workflow or another input.</exception>
    /// <exception cref="UnknownQueueException">No process has declared the queue.</exception>
    /// <exception cref="PayloadException">The input cannot be written as JSON or is over the limit.</exception>
    public async Task<WorkflowHandle<TResult>> StartAsync<TResult>(
        IWorkflow<TResult> input, string? workflowId = null, StartOptions? options = null, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(input);
        var reference = WorkflowReference.Of(input.GetType());
        var json = _payloads.Write(input, $"Input of workflow '{reference.Name}'");
        return new WorkflowHandle<TResult>(this, await StartAsync(reference, json, workflowId, options, ct).ConfigureAwait(false));
    }

    /// <summary>Starts a run by its workflow's name with an input in JSON, as an API or command line does.</summary>
    /// <param name="workflow">Name of a workflow registered in this process.</param>
    /// <param name="input">The input record's members; unknown and missing members are errors.</param>
    /// <param name="workflowId">The idempotency key; default a new time-ordered id.</param>
    /// <param name="options">Queue, priority, delay.</param>
    /// <param name="ct">Gives up waiting; the run may have been started all the same.</param>
    /// <returns>The run's id, and whether this call started it.</returns>
    /// <exception cref="UnknownWorkflowException">No such workflow; the message lists those there are.</exception>
    /// <exception cref="PayloadException">The input does not fit the workflow's record.</exception>
    /// <exception cref="WorkflowConflictException">The id belongs to another workflow or another input.</exception>
    public Task<StartedRun> StartAsync(
        string workflow, JsonElement input, string? workflowId = null, StartOptions? options = null, CancellationToken ct = default)
    {
        var registration = _registry.Latest(workflow);
        var record = Payloads.Read(input.GetRawText(), registration.InputType, $"Input of workflow '{workflow}'");
        return StartAsync(registration.Reference, _payloads.Write(record, $"Input of workflow '{workflow}'"), workflowId, options, ct);
    }

    /// <summary>The run of this id, or <see langword="null"/>.</summary>
    public Task<RunInfo?> FindAsync(string workflowId, CancellationToken ct = default) => _journal.FindRunAsync(workflowId, ct);

    /// <summary>A page of the runs that fit the filter, newest first.</summary>
    public Task<IReadOnlyList<RunInfo>> ListAsync(RunFilter filter, CancellationToken ct = default) => _journal.ListRunsAsync(filter, ct);

    /// <summary>
    /// How many runs fit the filter, by status; a status that none has is missing. Counts of live runs are cheap, counts of ended ones read each of them.
    /// </summary>
    public Task<IReadOnlyDictionary<RunStatus, long>> CountAsync(RunFilter filter, CancellationToken ct = default) => _journal.CountRunsAsync(filter, ct);

    /// <summary>Recorded steps of a run in the order they were recorded; empty when there is no such run.</summary>
    public async Task<IReadOnlyList<StepInfo>> ListStepsAsync(string workflowId, CancellationToken ct = default) =>
        (await _journal.ReadHistoryAsync(workflowId, ct).ConfigureAwait(false)).Steps;

    /// <summary>Waits until a run has ended, however it ends.</summary>
    /// <param name="workflowId">The run.</param>
    /// <param name="ct">Gives up waiting; the run goes on.</param>
    /// <returns>The ended run, or <see langword="null"/> when there is no such run.</returns>
    public async Task<RunInfo?> WaitAsync(string workflowId, CancellationToken ct = default) =>
        await WaitForOutcomeAsync(workflowId, ct).ConfigureAwait(false) is null ? null : await FindAsync(workflowId, ct).ConfigureAwait(false);

    /// <summary>How a run ended, or <see langword="null"/> when there is no such run.</summary>
    internal async Task<RunOutcome?> WaitForOutcomeAsync(string workflowId, CancellationToken ct)
    {
        // A run that is executed in this process tells its end. An end elsewhere is found by asking the journal, less and less often.
        for (var pause = TimeSpan.FromMilliseconds(25); ; pause = pause * 1.5 < MaxPause ? pause * 1.5 : MaxPause)
        {
            using var end = _completions.Watch(workflowId);
            var isLocal = _starter.IsExecuting(workflowId);
            if (!isLocal)
            {
                if (await FindAsync(workflowId, ct).ConfigureAwait(false) is not { } run)
                    return null;
                if (run.CompletedAt is { } completedAt)
                    return new RunOutcome(run.Status, run.Output, run.Error, completedAt);
            }
            if (await end.WaitAsync(isLocal ? MaxPause : pause, _time, ct).ConfigureAwait(false) is { } outcome)
                return outcome;
        }
    }

    private static TimeSpan MaxPause => TimeSpan.FromSeconds(1);

    private async Task<StartedRun> StartAsync(WorkflowReference workflow, string input, string? workflowId, StartOptions? options, CancellationToken ct)
    {
        var id = IdOrNew(workflowId);
        options ??= new StartOptions();
        var run = new NewRun
        {
            Id = id,
            Workflow = workflow,
            Input = input,
            Queue = options.Queue,
            Priority = options.Priority,
            Delay = options.Delay,
            DeadlineAt = options.Deadline,
            Timeout = options.Timeout,
        };
        var start = await _starter.StartAsync(run).WaitAsync(ct).ConfigureAwait(false);
        return new StartedRun(id, start.Existing is null);
    }

    private string IdOrNew(string? workflowId)
    {
        var id = workflowId ?? Guid.CreateVersion7(_time.GetUtcNow()).ToString();
        return string.IsNullOrWhiteSpace(id) || id.Length > 500 || id.Any(char.IsControl)
            ? throw new ArgumentException($"A workflow id has 1 to 500 characters, none of them a control character, and is not blank; this one has {id.Length}.", nameof(workflowId))
            : id;
    }
}

/// <summary>A run that was asked for by its id.</summary>
/// <param name="WorkflowId">The run's id.</param>
/// <param name="IsNew">Whether this call started it; otherwise it was there before, or the answer of the call that started it was lost.</param>
public sealed record StartedRun(string WorkflowId, bool IsNew);

/// <summary>A run that was started, with the type of its result.</summary>
/// <typeparam name="TResult">The result.</typeparam>
public sealed class WorkflowHandle<TResult>
{
    private readonly WorkflowClient _client;

    internal WorkflowHandle(WorkflowClient client, StartedRun run)
    {
        _client = client;
        (WorkflowId, IsNew) = run;
    }

    /// <summary>The run's id.</summary>
    public string WorkflowId { get; }

    /// <inheritdoc cref="StartedRun.IsNew"/>
    public bool IsNew { get; }

    /// <summary>Waits for the run's end and returns its result.</summary>
    /// <param name="ct">Gives up waiting; the run goes on.</param>
    /// <exception cref="WorkflowFailedException">It did not end as success.</exception>
    public async Task<TResult> ResultAsync(CancellationToken ct = default)
    {
        var outcome = await _client.WaitForOutcomeAsync(WorkflowId, ct).ConfigureAwait(false)
            ?? throw new JournalException($"Run '{WorkflowId}' is not in the journal any more.");
        return outcome.Status == RunStatus.Success
            ? Payloads.Read<TResult>(outcome.Output!, $"Result of run '{WorkflowId}'")
            : throw new WorkflowFailedException(WorkflowId, outcome.Status, outcome.Error ?? new ErrorInfo("", "no error recorded", null));
    }
}
