using System.Runtime.CompilerServices;
using System.Text.Json;
using Elt.Durable.Execution;
using Elt.Durable.Journal;
using Elt.Durable.Messages;
using Elt.Durable.Streams;

namespace Elt.Durable;

/// <summary>Starts runs and looks at them, from any process that reaches the journal.</summary>
public sealed partial class WorkflowClient
{
    private readonly IJournal _journal;
    private readonly WorkflowRegistry _registry;
    private readonly RunStarter _starter;
    private readonly CompletionHub _completions;
    private readonly Payloads _payloads;
    private readonly TimeProvider _time;
    private readonly JournalWriter _writer;
    private readonly StreamTail _streams;

    internal WorkflowClient(
        IJournal journal, WorkflowRegistry registry, RunStarter starter, CompletionHub completions, Payloads payloads, TimeProvider time, ScheduleClient schedules,
        JournalWriter writer)
    {
        Schedules = schedules;
        _journal = journal;
        _registry = registry;
        _starter = starter;
        _completions = completions;
        _payloads = payloads;
        _time = time;
        Queues = new QueueClient(journal.Queues, starter);
        _writer = writer;
        _streams = new StreamTail(journal, completions, time);
    }

    /// <summary>The schedules.</summary>
    public ScheduleClient Schedules { get; }

    /// <summary>The queues: limits, pause, priorities.</summary>
    public QueueClient Queues { get; }

    /// <summary>
    /// Starts a run, or attaches to the run that has this id already: the id is an idempotency key, now and a year later.
    /// Returns once the run and its input are durable.
    /// </summary>
    /// <param name="input">The workflow's input record.</param>
    /// <param name="workflowId">The idempotency key; default a new time-ordered id.</param>
    /// <param name="options">Queue and place in it, deduplication, delay.</param>
    /// <param name="ct">Gives up waiting; the run may have been started all the same.</param>
    /// <exception cref="ArgumentException">The id is blank, over 500 characters or holds a control character; or the options contradict each other.</exception>
    /// <exception cref="WorkflowConflictException">The id belongs to another workflow or another input.</exception>
    /// <exception cref="UnknownQueueException">No process has declared the queue.</exception>
    /// <exception cref="DuplicateRunException">A run of this deduplication id has not ended, and the options do not say to attach to it.</exception>
    /// <exception cref="PayloadException">The input cannot be written as JSON or is over the limit.</exception>
    public async Task<WorkflowHandle<TResult>> StartAsync<TResult>(
        IWorkflow<TResult> input, string? workflowId = null, StartOptions? options = null, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(input);
        var reference = WorkflowReference.Of(input.GetType());
        var json = _payloads.Write(input, "Input of workflow", reference.Name);
        return new WorkflowHandle<TResult>(this, await StartAsync(reference, json, workflowId, options, ct).ConfigureAwait(false));
    }

    /// <summary>Starts a run by its workflow's name with an input in JSON, as an API or command line does.</summary>
    /// <param name="workflow">Name of a workflow registered in this process.</param>
    /// <param name="input">The input record's members; unknown and missing members are errors.</param>
    /// <param name="workflowId">The idempotency key; default a new time-ordered id.</param>
    /// <param name="options">Queue and place in it, deduplication, delay.</param>
    /// <param name="ct">Gives up waiting; the run may have been started all the same.</param>
    /// <returns>The run's id, and whether this call started it.</returns>
    /// <exception cref="ArgumentException">The id is blank, over 500 characters or holds a control character; or the options contradict each other.</exception>
    /// <exception cref="UnknownQueueException">No process has declared the queue.</exception>
    /// <exception cref="DuplicateRunException">A run of this deduplication id has not ended, and the options do not say to attach to it.</exception>
    /// <exception cref="UnknownWorkflowException">No such workflow; the message lists those there are.</exception>
    /// <exception cref="PayloadException">The input does not fit the workflow's record.</exception>
    /// <exception cref="WorkflowConflictException">The id belongs to another workflow or another input.</exception>
    public Task<StartedRun> StartAsync(
        string workflow, JsonElement input, string? workflowId = null, StartOptions? options = null, CancellationToken ct = default)
    {
        var registration = _registry.Latest(workflow);
        var record = Payloads.Read(input.GetRawText(), registration.InputType, "Input of workflow", workflow);
        return StartAsync(registration.Reference, _payloads.Write(record, "Input of workflow", workflow), workflowId, options, ct);
    }

    /// <summary>The run of this id, or <see langword="null"/>.</summary>
    public Task<RunInfo?> FindAsync(string workflowId, CancellationToken ct = default) => _journal.FindRunAsync(workflowId, ct);

    /// <summary>A page of the runs that fit the filter, newest first.</summary>
    public Task<IReadOnlyList<RunInfo>> ListAsync(RunFilter filter, CancellationToken ct = default) => _journal.ListRunsAsync(filter, ct);

    /// <summary>
    /// How many runs fit the filter, by status; a status that none has is missing. Counts of live runs are cheap, counts of ended ones read each of them.
    /// </summary>
    public Task<IReadOnlyDictionary<RunStatus, long>> CountAsync(RunFilter filter, CancellationToken ct = default) => _journal.CountRunsAsync(filter, ct);

    /// <summary>Workflow versions that runs are due for and that no live worker has: what a deploy left behind, or has not brought yet.</summary>
    public Task<IReadOnlyList<UnservedWorkflow>> ListUnservedAsync(CancellationToken ct = default) => _journal.FindUnservedAsync(ct);

    /// <summary>Recorded steps of a run in the order they were recorded; empty when there is no such run.</summary>
    public async Task<IReadOnlyList<StepInfo>> ListStepsAsync(string workflowId, CancellationToken ct = default) =>
        (await _journal.ReadHistoryAsync(workflowId, ct).ConfigureAwait(false)).Steps;

    /// <summary>Waits until a run has ended, however it ends.</summary>
    /// <param name="workflowId">The run.</param>
    /// <param name="ct">Gives up waiting; the run goes on.</param>
    /// <returns>The ended run, or <see langword="null"/> when there is no such run.</returns>
    public async Task<RunInfo?> WaitAsync(string workflowId, CancellationToken ct = default) =>
        await WaitForOutcomeAsync(workflowId, ct).ConfigureAwait(false) is null ? null : await FindAsync(workflowId, ct).ConfigureAwait(false);

    /// <summary>Sends a message to a run, which gets it with <see cref="WorkflowContext.ReceiveAsync"/>. A run that has ended keeps it without reading it.</summary>
    /// <param name="workflowId">The run.</param>
    /// <param name="message">The message.</param>
    /// <param name="topic">What the run asks for; at most 200 characters, default empty.</param>
    /// <param name="idempotencyKey">
    /// Of several messages with one key the run gets the first only, also when that was received long ago; at most 200 characters. Without one, a call that is repeated
    /// sends twice.
    /// </param>
    /// <param name="ct">Gives up waiting; the message may have been sent all the same.</param>
    /// <exception cref="UnknownRunException">There is no such run.</exception>
    /// <exception cref="PayloadException">The message cannot be written as JSON or is over the limit.</exception>
    public async Task SendAsync<T>(string workflowId, T message, string topic = "", string? idempotencyKey = null, CancellationToken ct = default)
    {
        var mail = new Message
        {
            RunId = workflowId,
            Topic = Message.CheckTopic(topic),
            IdempotencyKey = Message.CheckKey(idempotencyKey) ?? Guid.CreateVersion7(_time.GetUtcNow()).ToString(),
            Payload = _payloads.Write(message, "Message to run", workflowId),
        };
        if (!await _journal.Messages.IsKnownAsync(workflowId, ct).ConfigureAwait(false))
            throw UnknownRunException.For(workflowId);
        await _writer.CommitAsync(new MessageWrite(mail)).WaitAsync(ct).ConfigureAwait(false);
    }

    /// <summary>The last value of a run's event; waits until it is set. What is set in another process is seen within a second.</summary>
    /// <param name="workflowId">The run that sets it.</param>
    /// <param name="name">Name of the event.</param>
    /// <param name="timeout">How long to wait at most; default for ever.</param>
    /// <param name="ct">Gives up waiting.</param>
    /// <exception cref="WaitTimeoutException">It was not set in time.</exception>
    /// <exception cref="EventNotSetException">The run ended without having set it.</exception>
    /// <exception cref="UnknownRunException">There is no such run.</exception>
    /// <exception cref="PayloadException">The value is of another type.</exception>
    public async Task<T> GetEventAsync<T>(string workflowId, string name, TimeSpan? timeout = null, CancellationToken ct = default) =>
        Payloads.Read<T>(await _streams.GetEventAsync(workflowId, name, timeout, ct).ConfigureAwait(false), $"Event '{name}' of run '{workflowId}'");

    /// <summary>All values of a run's events, in the order they were set; empty when there is no such run.</summary>
    /// <param name="workflowId">The run.</param>
    /// <param name="ct">Gives up.</param>
    public Task<IReadOnlyList<EventInfo>> ListEventsAsync(string workflowId, CancellationToken ct = default) => _journal.Streams.ListEventsAsync(workflowId, ct);

    /// <summary>Reads a stream of a run, live: waits for further entries until the run has ended. What is written in another process is seen within a second.</summary>
    /// <param name="workflowId">The run that writes it.</param>
    /// <param name="stream">Name of the stream.</param>
    /// <param name="fromPosition">First position to read; default 0, the first entry.</param>
    /// <param name="ct">Gives up.</param>
    /// <exception cref="UnknownRunException">There is no such run.</exception>
    /// <exception cref="PayloadException">An entry is of another type.</exception>
    public async IAsyncEnumerable<T> ReadStreamAsync<T>(
        string workflowId, string stream, long fromPosition = 0, [EnumeratorCancellation] CancellationToken ct = default)
    {
        await foreach (var entry in _streams.ReadAsync(workflowId, stream, fromPosition, ct).ConfigureAwait(false))
            yield return Payloads.Read<T>(entry, $"Entry of stream '{stream}' of run '{workflowId}'");
    }

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
        options.Validate();
        var run = new NewRun
        {
            Id = id,
            HasNewId = workflowId is null,
            Workflow = workflow,
            Input = input,
            Queue = options.Queue,
            Priority = options.Priority,
            Delay = options.Delay,
            QueueKey = options.QueueKey,
            DeduplicationId = options.DeduplicationId,
            DeadlineAt = options.Deadline,
            Timeout = options.Timeout,
        };
        var start = await _starter.StartAsync(run).WaitAsync(ct).ConfigureAwait(false);
        return start.Duplicate is { } holder
            ? new StartedRun(Attach(run, holder, options.OnDuplicate), IsNew: false)
            : new StartedRun(id, start.Existing is null);
    }

    /// <returns>The id of the run that holds the deduplication id.</returns>
    private static string Attach(NewRun run, RunInfo holder, DuplicatePolicy policy)
    {
        var isSame = holder.Workflow == run.Workflow.Name;
        if (policy == DuplicatePolicy.Attach && isSame)
            return holder.Id;
        throw new DuplicateRunException(
            $"The deduplication id '{run.DeduplicationId}' of queue '{run.Queue}' is held by run '{holder.Id}'{(isSame ? "" : $" of '{holder.Workflow}'")}, "
            + $"which is {holder.Status.ToText()}: '{run.Id}' was not started. Wait for its end, or use another deduplication id.",
            holder.Id);
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
            ? Payloads.Read<TResult>(outcome.Output!, "Result of run", WorkflowId)
            : throw new WorkflowFailedException(WorkflowId, outcome.Status, outcome.Error ?? new ErrorInfo("", "no error recorded", null));
    }
}
