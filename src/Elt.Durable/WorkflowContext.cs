using System.Data.Common;
using Elt.Durable.Execution;
using Elt.Durable.Ledger;
using Microsoft.Extensions.Logging;

namespace Elt.Durable;

/// <summary>What to do when an item of a <c>MapAsync</c> fails.</summary>
public enum MapFailure
{
    /// <summary>Start no further item, let those in flight end, throw the failure that comes first in item order.</summary>
    FailFast,

    /// <summary>Run all items, then throw <see cref="MapFailedException"/> that names those that failed.</summary>
    CollectAll,
}

/// <summary>
/// A workflow's way to the durable world. Every operation is journaled under its name, which must be unique in its scope; a sequential
/// loop may reuse a name (the second use becomes <c>name#2</c>), branches that overlap in time may not. On replay an operation that was
/// recorded answers from the journal without being executed. Continuations of the workflow run one at a time, also when
/// branches run in parallel, so local variables need no locks.
/// </summary>
public sealed class WorkflowContext
{
    private readonly RunExecution _run;
    private readonly Scope _scope;

    internal WorkflowContext(RunExecution run, Scope scope)
    {
        _run = run;
        _scope = scope;
    }

    /// <summary>The run's id: its idempotency key.</summary>
    public string WorkflowId => _run.Id;

    /// <summary>
    /// The time, the same on every replay: when the last operation awaited in this scope was recorded, at first when the run was created.
    /// Microsecond precision, by the journal's clock.
    /// </summary>
    public DateTimeOffset Now => _scope.Now;

    /// <summary>Logs with run and workflow as scope; silent while the run replays what was already done.</summary>
    public ILogger Logger => _run.Logger;

    /// <summary>
    /// Fires when this execution must end: the worker stops, or the run belongs to another worker. Steps get their own token.
    /// </summary>
    public CancellationToken CancellationToken => _run.Stopping;

    /// <summary>A new id, the same on every replay: derived from the run, the scope and how many were asked for before.</summary>
    public Guid NewGuid() => _scope.NewGuid(_run.Id);

    /// <summary>
    /// Executes a step at least once until its result is recorded, and never after. Results must survive a round trip through JSON
    /// and stay under the payload limit: return references and counts, not data.
    /// </summary>
    /// <param name="name">Name, unique in the scope.</param>
    /// <param name="body">The work; may be executed again after a crash, so make it idempotent or use <see cref="TransactionAsync"/>.</param>
    /// <param name="retry">When to try again; default <see cref="RetryPolicy.None"/>.</param>
    /// <exception cref="StepFailedException">The last attempt failed; its error is recorded.</exception>
    /// <exception cref="DuplicateStepNameException">An operation of that name is still in flight in this scope.</exception>
    public Task<TResult> StepAsync<TResult>(string name, Func<CancellationToken, Task<TResult>> body, RetryPolicy? retry = null) =>
        _run.StepAsync(_scope, name, retry ?? RetryPolicy.None, (_, ct) => body(ct));

    /// <inheritdoc cref="StepAsync{TResult}(string, Func{CancellationToken, Task{TResult}}, RetryPolicy?)"/>
    public Task StepAsync(string name, Func<CancellationToken, Task> body, RetryPolicy? retry = null) =>
        _run.StepAsync<bool?>(_scope, name, retry ?? RetryPolicy.None, async (_, ct) =>
        {
            await body(ct).ConfigureAwait(false);
            return null;
        });

    /// <summary>
    /// Executes a step whose effect on a database happens exactly once: the body's writes and a ledger row commit together,
    /// and on replay the ledger answers before the body may run again.
    /// </summary>
    /// <param name="name">Name, unique in the scope.</param>
    /// <param name="database">The database that the body writes to; keeps the ledger.</param>
    /// <param name="body">The work, in a transaction that it must neither commit nor roll back.</param>
    /// <param name="retry">When to try again; default <see cref="RetryPolicy.Database"/>.</param>
    /// <exception cref="StepFailedException">The last attempt failed and was rolled back; its error is recorded.</exception>
    public Task<TResult> TransactionAsync<TTransaction, TResult>(
        string name,
        TransactionalDatabase<TTransaction> database,
        Func<TTransaction, CancellationToken, Task<TResult>> body,
        RetryPolicy? retry = null)
        where TTransaction : DbTransaction
    {
        ArgumentNullException.ThrowIfNull(database);
        return _run.StepAsync(_scope, name, retry ?? RetryPolicy.Database,
            (step, ct) => database.RunOnceAsync(step, body, _run.Payloads, ct));
    }

    /// <summary>
    /// Runs another workflow as a child and waits for its result. The child's id is <c>&lt;this id&gt;/&lt;name&gt;</c>, so the same child is
    /// found again after any crash. Waiting holds no connection and, when it is long, no memory.
    /// </summary>
    /// <param name="input">The child's input record.</param>
    /// <param name="name">Name, unique in the scope; default is the scope's own name in a <c>MapAsync</c>, else the workflow's name.</param>
    /// <param name="queue">Queue to go through; default none, which starts the child at once.</param>
    /// <param name="queueKey">Shares the queue with other keys in turn, as <see cref="StartOptions.QueueKey"/> does; default none.</param>
    /// <param name="timeout">How long the child may take before it is cancelled; this run's deadline is its own as well. Default no limit.</param>
    /// <exception cref="WorkflowFailedException">The child did not succeed.</exception>
    /// <exception cref="WorkflowConflictException">The child's id is taken by a run that is not this child.</exception>
    public Task<TResult> ChildAsync<TResult>(IWorkflow<TResult> input, string? name = null, string? queue = null, string? queueKey = null, TimeSpan? timeout = null) =>
        _run.ChildAsync(_scope, input, name, queue, queueKey, timeout);

    /// <summary>Starts a child without waiting for it; await the returned handle, or don't.</summary>
    /// <inheritdoc cref="ChildAsync"/>
    /// <returns>Once the child is durable: a function that waits for its result.</returns>
    public Task<ChildHandle<TResult>> StartChildAsync<TResult>(IWorkflow<TResult> input, string? name = null, string? queue = null, string? queueKey = null, TimeSpan? timeout = null) =>
        _run.StartChildAsync(_scope, input, name, queue, queueKey, timeout);

    /// <summary>Runs a body for each item, some at a time, and returns the results in item order.</summary>
    /// <param name="items">The items; must be the same on replay.</param>
    /// <param name="name">Name of an item: the scope that its operations stand in; unique among the items.</param>
    /// <param name="run">The body; its context is the item's scope.</param>
    /// <param name="maxParallel">How many items are in flight at most; at least 1. Default 10.</param>
    /// <param name="onFailure">What to do when an item fails; default <see cref="MapFailure.FailFast"/>.</param>
    /// <exception cref="MapFailedException">With <see cref="MapFailure.CollectAll"/>, when any item failed.</exception>
    public Task<IReadOnlyList<TResult>> MapAsync<TItem, TResult>(
        IEnumerable<TItem> items,
        Func<TItem, string> name,
        Func<TItem, WorkflowContext, Task<TResult>> run,
        int maxParallel = 10,
        MapFailure onFailure = MapFailure.FailFast) =>
        _run.MapAsync(_scope, items, name, run, maxParallel, onFailure);

    /// <summary>
    /// Waits. The wake time is recorded once, so a restart does not begin the wait again; a long wait costs a row, no memory.
    /// Zero and less return at once, without a record.
    /// </summary>
    /// <param name="duration">How long, counted from <see cref="Now"/>'s clock.</param>
    /// <param name="name">Name, unique in the scope; default <c>sleep</c>.</param>
    public Task SleepAsync(TimeSpan duration, string name = "sleep") => _run.SleepAsync(_scope, duration, name);

    /// <summary>
    /// Changes code under runs in flight: <c>if (await context.PatchedAsync("new-summary")) new code else old code</c>. A run that went beyond this point of its scope
    /// before the change keeps the old path, all others take the new one; the decision is recorded. When no run is left that began before, the call and the
    /// old path can be removed together. In branches that run in parallel use it inside of <c>MapAsync</c>'s scopes: a scope's branches are not told apart.
    /// </summary>
    /// <param name="name">Name of the change, unique in the scope; recorded as <c>patch:name</c>.</param>
    /// <returns><see langword="true"/> for the new path.</returns>
    public Task<bool> PatchedAsync(string name) => _run.PatchedAsync(_scope, name);

    /// <summary>
    /// Sends a message to a run, exactly once: it is kept in the commit that records the step. A run that has ended keeps the message without reading it.
    /// </summary>
    /// <param name="workflowId">The run; also this one.</param>
    /// <param name="message">The message; must survive a round trip through JSON and stay under the payload limit.</param>
    /// <param name="topic">What <see cref="ReceiveAsync"/> asks for; at most 200 characters, default empty.</param>
    /// <param name="idempotencyKey">Of several messages with one key the run gets the first only, whoever sends them; default none.</param>
    /// <param name="name">Name, unique in the scope; default <c>send</c>.</param>
    /// <exception cref="UnknownRunException">There was no such run; recorded.</exception>
    /// <exception cref="PayloadException">The message cannot be written as JSON or is over the limit.</exception>
    public Task SendAsync<T>(string workflowId, T message, string topic = "", string? idempotencyKey = null, string? name = null) =>
        _run.SendAsync(_scope, workflowId, message, topic, idempotencyKey, name);

    /// <summary>
    /// Receives the message of a topic that waits longest, or waits for one. It is consumed in the commit that records the step; of several receivers each gets a
    /// message of its own. A long wait costs a row, no memory.
    /// </summary>
    /// <param name="topic">The topic; default empty.</param>
    /// <param name="timeout">How long to wait at most; recorded once as a time, so a restart does not begin it again. Zero and less look once. Default for ever.</param>
    /// <param name="name">Name, unique in the scope; default <c>receive</c>.</param>
    /// <exception cref="WaitTimeoutException">None came in time; recorded.</exception>
    /// <exception cref="PayloadException">The message is of another type; it is consumed all the same.</exception>
    public Task<T> ReceiveAsync<T>(string topic = "", TimeSpan? timeout = null, string? name = null) => _run.ReceiveAsync<T>(_scope, topic, timeout, name);

    /// <summary>Sets an event of this run, for other runs and clients to wait for. The last value counts, the earlier ones are kept as history.</summary>
    /// <param name="name">Name of the event, and of the step: unique in the scope.</param>
    /// <param name="value">The value; must survive a round trip through JSON and stay under the payload limit.</param>
    /// <exception cref="PayloadException">The value cannot be written as JSON or is over the limit.</exception>
    public Task SetEventAsync<T>(string name, T value) => _run.PublishAsync(_scope, StepKind.Event, name, value);

    /// <summary>The last value of a run's event; waits until it is set. A long wait costs a row, no memory.</summary>
    /// <param name="workflowId">The run that sets it.</param>
    /// <param name="name">Name of the event, and of the step: unique in the scope.</param>
    /// <param name="timeout">How long to wait at most; recorded once as a time, so a restart does not begin it again. Zero and less look once. Default for ever.</param>
    /// <exception cref="WaitTimeoutException">It was not set in time; recorded.</exception>
    /// <exception cref="EventNotSetException">The run ended without having set it; recorded.</exception>
    /// <exception cref="UnknownRunException">There was no such run; recorded.</exception>
    public Task<T> GetEventAsync<T>(string workflowId, string name, TimeSpan? timeout = null) => _run.GetEventAsync<T>(_scope, workflowId, name, timeout);

    /// <summary>
    /// Appends to a stream of this run, exactly once. Positions count from 0 without gap in each stream; entries of parallel branches stand in the order they were committed.
    /// </summary>
    /// <param name="stream">Name of the stream, and of the step: unique in the scope.</param>
    /// <param name="value">The entry; must survive a round trip through JSON and stay under the payload limit.</param>
    /// <exception cref="PayloadException">The entry cannot be written as JSON or is over the limit.</exception>
    public Task WriteStreamAsync<T>(string stream, T value) => _run.PublishAsync(_scope, StepKind.Stream, stream, value);
}

/// <summary>A child that was started and is durable.</summary>
/// <typeparam name="TResult">Its result.</typeparam>
public sealed class ChildHandle<TResult>
{
    private readonly Func<Task<TResult>> _result;

    internal ChildHandle(string workflowId, Func<Task<TResult>> result)
    {
        WorkflowId = workflowId;
        _result = result;
    }

    /// <summary>The child's id.</summary>
    public string WorkflowId { get; }

    /// <summary>Waits for the child's result, as <see cref="WorkflowContext.ChildAsync"/> does.</summary>
    public Task<TResult> ResultAsync() => _result();
}
