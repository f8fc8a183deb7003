using Elt.Durable.Control;
using Elt.Durable.Journal;
using Elt.Durable.Ledger;
using Microsoft.Extensions.Logging;

namespace Elt.Durable.Execution;

/// <summary>What the executions of a process share.</summary>
internal sealed record ExecutionServices(
    IJournal Journal, JournalWriter Writer, RunStarter Starter, Payloads Payloads, JournalClock Clock, Random Random, WorkerOptions Options, ILogger Logger)
{
    /// <summary>Told of each operation that is not recorded, instead of executing it: what is recorded is only replayed. Default: operations are executed.</summary>
    public Action<string>? Unrecorded { get; init; }
}

/// <summary>
/// One execution of a run in this process, from its claim until it ends, is parked or is lost: the operations behind
/// <see cref="WorkflowContext"/>. An execution that is over leaves its workflow's pending awaits incomplete for ever; nothing references them, so
/// they are collected, and the next execution replays the history to the same point.
/// </summary>
internal sealed partial class RunExecution
{
    /// <summary>Timers reach no further, and no process lives as long.</summary>
    private static readonly TimeSpan LongestAttempt = TimeSpan.FromDays(40);

    private readonly Lock _gate = new();
    private readonly ExecutionServices _services;
    private readonly Action<int> _busyChanged;
    private readonly HashSet<string> _inFlight = [];
    private readonly Dictionary<string, int> _uses = [];
    private readonly CancellationTokenSource _retired = new();
    private readonly TaskCompletionSource<Retirement> _retirement = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly RunKey _key;
    private readonly string _workflow;
    private readonly DateTimeOffset? _deadlineAt;
    private readonly long _incarnation;
    private readonly StepHistory _history;
    private readonly Action _ensureOwned;
    private long _wakeCount;

    public RunExecution(ClaimedRun run, RunHistory history, ExecutionServices services, Action<int> busyChanged)
    {
        _services = services;
        _busyChanged = busyChanged;
        _key = new RunKey(run.Id, run.Epoch, run.CreatedAt);
        _workflow = run.Workflow;
        _history = new StepHistory(run.Id, history);
        _deadlineAt = run.DeadlineAt;
        _incarnation = (run.CreatedAt - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
        _wakeCount = history.WakeCount;
        _ensureOwned = EnsureOwned;
        Root = new Scope("", run.CreatedAt);
        Logger = new ReplayLogger(services.Logger, () => _history.IsReplayed);
    }

    /// <summary>Why an execution stopped before its run ended.</summary>
    internal enum Retirement
    {
        /// <summary>The run waits in the journal.</summary>
        Parked,

        /// <summary>The run belongs to another executor, or was ended from outside.</summary>
        Fenced,

        /// <summary>The worker stops and gives its runs back.</summary>
        Stopped,
    }

    public string Id => _key.Id;

    public Scope Root { get; }

    public RunScheduler Scheduler { get; } = new();

    public Payloads Payloads => _services.Payloads;

    public ILogger Logger { get; }

    public CancellationToken Stopping => _retired.Token;

    /// <summary>Completes when the execution must stop before the run has ended.</summary>
    public Task<Retirement> Retired => _retirement.Task;

    /// <summary>Steps that were recorded but not asked for.</summary>
    public IReadOnlyList<string> NotAsked
    {
        get
        {
            lock (_gate)
                return [.. _history.NotAsked.Order(StringComparer.Ordinal)];
        }
    }

    /// <summary>Stops the execution: no operation begins or completes any more, steps in flight get the token.</summary>
    public void Retire(Retirement why)
    {
        _retirement.TrySetResult(why);
        // Also by whoever comes second: the first one may not have got to it, and nothing may begin any more when this returns.
        _retired.Cancel();
    }

    internal Task<T> StepAsync<T>(Scope scope, string name, RetryPolicy retry, Func<StepIdentity, CancellationToken, Task<T>> body) =>
        OperateAsync<T>(scope, name, key => ExecuteStepAsync(key, retry, body));

    /// <summary>An operation that is one step: answers with its record, or executes what records it.</summary>
    private async Task<T> OperateAsync<T>(Scope scope, string name, Func<string, Task<StepInfo>> execute)
    {
        var operation = await BeginAsync(scope.KeyOf(name));
        try
        {
            // Never at once, however quick it was: whether uses of a name overlap must not be a matter of luck.
            var step = operation.Recorded
                ?? await execute(operation.Key).ConfigureAwait(ConfigureAwaitOptions.ContinueOnCapturedContext | ConfigureAwaitOptions.ForceYielding);
            scope.Now = step.CompletedAt;
            return ResultOf<T>(step);
        }
        finally
        {
            End(operation);
        }
    }

    internal async Task SleepAsync(Scope scope, TimeSpan duration, string name)
    {
        if (duration <= TimeSpan.Zero)
            return;
        var operation = await BeginAsync(scope.KeyOf(name));
        try
        {
            var step = operation.Recorded;
            if (step is null)
            {
                var now = _services.Clock.Now;
                step = await RecordAsync(new StepInfo
                {
                    Key = operation.Key,
                    Kind = StepKind.Sleep,
                    Status = RunStatus.Success,
                    Result = Payloads.Write(After(now, duration), "Wake time"),
                    Attempts = 1,
                    StartedAt = now,
                    CompletedAt = now,
                });
            }
            var due = ResultOf<DateTimeOffset>(step);
            await WaitUntilAsync(due);
            scope.Now = due;
        }
        finally
        {
            End(operation);
        }
    }

    internal async Task<bool> PatchedAsync(Scope scope, string name)
    {
        var operation = await BeginAsync(scope.KeyOf($"patch:{name}"), isAnsweredByReplay: true);
        try
        {
            var step = operation.Recorded ?? await DecideAsync(Patch(operation.Key, scope.Path));
            scope.Now = step.CompletedAt;
            return ResultOf<bool>(step);
        }
        finally
        {
            End(operation);
        }
    }

    private Task<StepInfo> DecideAsync(StepInfo patch) => _services.Unrecorded is null ? RecordAsync(patch) : Task.FromResult(patch);

    private StepInfo Patch(string key, string scope)
    {
        var now = _services.Clock.Now;
        bool isBehind;
        lock (_gate)
            isBehind = _history.IsBehind(scope);
        return new StepInfo
        {
            Key = key,
            Kind = StepKind.Patch,
            Status = RunStatus.Success,
            Result = Payloads.Write(!isBehind, "Patch"),
            Attempts = 1,
            StartedAt = now,
            CompletedAt = now,
        };
    }

    private async Task<StepInfo> ExecuteStepAsync<T>(string key, RetryPolicy retry, Func<StepIdentity, CancellationToken, Task<T>> body)
    {
        var identity = new StepIdentity(Id, key, new RunClaim(_incarnation, _key.Epoch), _ensureOwned);
        var last = LastAttempt(key);
        if (last is not null)
            await WaitUntilAsync(last.RetryAt).ConfigureAwait(false);
        var started = _services.Clock.Now;
        for (var attempt = (last?.Attempt ?? 0) + 1; ; attempt++)
        {
            var (result, error) = await TryAsync(identity, attempt, retry.AttemptTimeout, body).ConfigureAwait(false);
            if (error is not null)
                await EnsureCountsAsync(error).ConfigureAwait(false);
            var now = _services.Clock.Now;
            if (error is null || error is PayloadException || NextDelay(retry, error, attempt) is not { } delay)
            {
                var step = new StepInfo
                {
                    Key = key,
                    Kind = StepKind.Step,
                    Status = error is null ? RunStatus.Success : RunStatus.Error,
                    Result = result,
                    Error = error is null ? null : ErrorInfo.From(error),
                    Attempts = attempt,
                    StartedAt = started,
                    CompletedAt = now,
                };
                Telemetry.StepEnded(_workflow, step);
                return await RecordAsync(step).ConfigureAwait(false);
            }
            Log.StepRetried(_services.Logger, Id, key, attempt, delay, error.Message);
            var failed = new StepAttempt(key, attempt, ErrorInfo.From(error), now, now + delay);
            await OwnedAsync(new AttemptWrite(_key, failed), failed).ConfigureAwait(false);
            await WaitUntilAsync(now + delay).ConfigureAwait(false);
        }
    }

    /// <summary>Looks at why an attempt failed: the caller never continues when that says that the execution is over.</summary>
    private async Task EnsureCountsAsync(Exception error)
    {
        if (error is FencedException)
        {
            Log.RunFenced(_services.Logger, Id, error.Message);
            Retire(Retirement.Fenced);
        }
        // Whatever it says, it says so because it was told to stop: the attempt does not count.
        if (Stopping.IsCancellationRequested)
            await NeverAsync<bool>().ConfigureAwait(false);
        Telemetry.AttemptFailed(_workflow, error);
    }

    /// <summary>Executes a step's body off the workflow's scheduler: steps of parallel branches run in parallel.</summary>
    private async Task<(string? Result, Exception? Error)> TryAsync<T>(
        StepIdentity identity, int attempt, TimeSpan? timeout, Func<StepIdentity, CancellationToken, Task<T>> body)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        using var activity = Telemetry.BeginAttempt(Id, _workflow, identity.Key, attempt);
        using var scope = _services.Logger.BeginScope(new KeyValuePair<string, object>[] { new("Step", identity.Key), new("Attempt", attempt) });
        try
        {
            var result = await InTimeAsync(identity, timeout, body).ConfigureAwait(false);
            return (Payloads.Write(result, "Result of step", identity.Key), null);
        }
        catch (Exception e)
        {
            Telemetry.FailAttempt(activity, e);
            return (null, e);
        }
    }

    /// <summary>Executes the body for as long as it may take.</summary>
    private Task<T> InTimeAsync<T>(StepIdentity identity, TimeSpan? timeout, Func<StepIdentity, CancellationToken, Task<T>> body)
    {
        Stopping.ThrowIfCancellationRequested();
        // A deadline wins over the time of an attempt, also where both end together: the run is cancelled then, and its token says so.
        return timeout is not { } limit || limit > LongestAttempt || _deadlineAt - _services.Clock.Now <= limit
            ? body(identity, Stopping)
            : InTimeAsync(identity, limit, body);
    }

    /// <summary>Executes the body within a time; late, whatever it does or says counts for nothing.</summary>
    private async Task<T> InTimeAsync<T>(StepIdentity identity, TimeSpan limit, Func<StepIdentity, CancellationToken, Task<T>> body)
    {
        if (limit <= TimeSpan.Zero)
            throw new TimeoutException($"Step '{identity.Key}' has no time left.");
        var time = CancellationTokenSource.CreateLinkedTokenSource(Stopping);
        var attempt = Task.Run(() => body(identity.Until(time.Token), time.Token), Stopping);
        try
        {
            return await attempt.WaitAsync(limit, _services.Clock.Time).ConfigureAwait(false);
        }
        catch (TimeoutException) when (!attempt.IsCompleted)
        {
            _ = time.CancelAsync();
            _ = attempt.ContinueWith(static late => late.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            throw new TimeoutException($"Step '{identity.Key}' took longer than {limit}.");
        }
        finally
        {
            if (attempt.IsCompleted)
                time.Dispose();
        }
    }

    private TimeSpan? NextDelay(RetryPolicy retry, Exception error, int attempt)
    {
        lock (_services.Random)
            return retry.NextDelay(error, attempt, _services.Random);
    }

    private Task<StepInfo> RecordAsync(StepInfo step, StepEffect? effect = null) => OwnedAsync(new StepWrite(_key, step, effect), step);

    /// <summary>Commits a write of this run and returns what it was for; when it is refused, the execution is over and the caller never continues.</summary>
    private async Task<T> OwnedAsync<T>(OwnedWrite write, T written)
    {
        await _services.Writer.CommitAsync(write).ConfigureAwait(false);
        if (write.Fenced)
            await LoseAsync(write.GetType().Name).ConfigureAwait(false);
        return written;
    }

    private async Task LoseAsync(string refused)
    {
        if (!Retired.IsCompleted)
            Log.RunFenced(_services.Logger, Id, $"{refused} at epoch {_key.Epoch} was refused");
        Retire(Retirement.Fenced);
        await NeverAsync<bool>().ConfigureAwait(false);
    }

    private void EnsureOwned()
    {
        if (Stopping.IsCancellationRequested || !_services.Starter.HoldsLease)
            throw new FencedException($"Run '{Id}' may belong to another worker by now: its lease is over.");
    }

    private static T ResultOf<T>(StepInfo step) => step switch
    {
        { Status: RunStatus.Success } => Payloads.Read<T>(step.Result!, "Result of step", step.Key),
        { Kind: StepKind.Send or StepKind.Receive, Error: { } error } => throw FailureOf(step, error),
        _ => throw new StepFailedException(step.Key, step.Error!),
    };

    private static DurableException FailureOf(StepInfo step, ErrorInfo error) => error.Type switch
    {
        var type when type == typeof(UnknownRunException).FullName => new UnknownRunException(error.Message),
        var type when type == typeof(WaitTimeoutException).FullName => new WaitTimeoutException(error.Message),
        var type when type == typeof(EventNotSetException).FullName => new EventNotSetException(error.Message),
        _ => new StepFailedException(step.Key, error),
    };

    private static DateTimeOffset After(DateTimeOffset now, TimeSpan duration) =>
        duration <= Deadline.Longest ? now + duration : DateTimeOffset.MaxValue;

    private static Task<T> NeverAsync<T>() => new TaskCompletionSource<T>().Task;
}
