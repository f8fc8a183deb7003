using Elt.Durable.Journal;
using Elt.Durable.Messages;
using Elt.Durable.Streams;

namespace Elt.Durable.Execution;

/// <summary>Messages, events and streams.</summary>
internal sealed partial class RunExecution
{
    private Inbox Inbox
    {
        get
        {
            lock (_gate)
                return field ??= new Inbox(_services.Journal.Messages, Id);
        }
    }

    internal Task SendAsync<T>(Scope scope, string workflowId, T message, string topic, string? idempotencyKey, string? name)
    {
        ArgumentNullException.ThrowIfNull(workflowId);
        (topic, idempotencyKey) = (Message.CheckTopic(topic), Message.CheckKey(idempotencyKey));
        return OperateAsync<bool?>(scope, name ?? "send", async key =>
        {
            var started = _services.Clock.Now;
            var mail = new Message
            {
                RunId = workflowId,
                Topic = topic,
                IdempotencyKey = idempotencyKey ?? Guid.CreateVersion7(started).ToString(),
                Payload = Payloads.Write(message, "Message of step", key),
                Sender = Id,
            };
            var isKnown = await ThroughOutagesAsync(ct => _services.Journal.Messages.IsKnownAsync(workflowId, ct)).ConfigureAwait(false);
            return isKnown
                ? await RecordAsync(key, StepKind.Send, started, "null", new SendEffect(mail)).ConfigureAwait(false)
                : await RecordAsync(key, StepKind.Send, started, UnknownRunException.For(workflowId)).ConfigureAwait(false);
        });
    }

    internal Task<T> ReceiveAsync<T>(Scope scope, string topic, TimeSpan? timeout, string? name)
    {
        Message.CheckTopic(topic);
        return OperateAsync<T>(scope, name ?? "receive", async key =>
        {
            var started = _services.Clock.Now;
            var message = await WaitForAsync(key, timeout, (_, ct) => Inbox.TakeAsync(topic, ct)).ConfigureAwait(false);
            if (message is null)
                return await RecordAsync(key, StepKind.Receive, started, WaitTimeoutException.For($"message of topic '{topic}'", timeout!.Value)).ConfigureAwait(false);
            var step = await RecordAsync(key, StepKind.Receive, started, message.Payload, new ReceiveEffect(message.IdempotencyKey)).ConfigureAwait(false);
            Inbox.Consumed(message.IdempotencyKey);
            return step;
        });
    }

    /// <summary>Sets an event or appends to a stream, whichever the kind says.</summary>
    internal Task PublishAsync<T>(Scope scope, StepKind kind, string name, T value) => OperateAsync<bool?>(scope, name, key =>
        RecordAsync(key, kind, _services.Clock.Now, "null", new PublishEffect(name, Payloads.Write(value, "Value of step", key))));

    internal Task<T> GetEventAsync<T>(Scope scope, string workflowId, string name, TimeSpan? timeout)
    {
        ArgumentNullException.ThrowIfNull(workflowId);
        return OperateAsync<T>(scope, name, async key =>
        {
            var started = _services.Clock.Now;
            var answer = await WaitForAsync(key, timeout, (isWaiting, ct) => FindEventAsync(workflowId, name, isWaiting, ct)).ConfigureAwait(false)
                ?? new EventAnswer(null, WaitTimeoutException.For($"event '{name}' of run '{workflowId}'", timeout!.Value));
            return answer.Error is null
                ? await RecordAsync(key, StepKind.Receive, started, answer.Value!).ConfigureAwait(false)
                : await RecordAsync(key, StepKind.Receive, started, answer.Error).ConfigureAwait(false);
        });
    }

    private async Task<EventAnswer?> FindEventAsync(string workflowId, string name, bool isWaiting, CancellationToken ct) =>
        await _services.Journal.Streams.FindEventAsync(workflowId, name, isWaiting ? Id : null, ct).ConfigureAwait(false) switch
        {
            null => new EventAnswer(null, UnknownRunException.For(workflowId)),
            { Value: { } value } => new EventAnswer(value, null),
            { RunIsOver: true } => new EventAnswer(null, EventNotSetException.For(workflowId, name)),
            _ => null,
        };

    private Task<StepInfo> RecordAsync(string key, StepKind kind, DateTimeOffset started, string result, StepEffect? effect = null) =>
        RecordAsync(Once(key, kind, started) with { Result = result }, effect);

    private Task<StepInfo> RecordAsync(string key, StepKind kind, DateTimeOffset started, DurableException error) =>
        RecordAsync(Once(key, kind, started) with { Status = RunStatus.Error, Error = ErrorInfo.From(error) });

    private StepInfo Once(string key, StepKind kind, DateTimeOffset started) => new()
    {
        Key = key,
        Kind = kind,
        Status = RunStatus.Success,
        Attempts = 1,
        StartedAt = started,
        CompletedAt = _services.Clock.Now,
    };

    /// <summary>Asks for something until it is there or a timeout is over: <see langword="null"/>.</summary>
    /// <param name="key">The step that waits.</param>
    /// <param name="timeout">How long at most; <see langword="null"/> for ever. The time it ends at is recorded once, before the wait begins.</param>
    /// <param name="ask">Asks the journal; is told whether the answer <see langword="null"/> will be waited on, so that what comes later has to wake this run.</param>
    private async Task<T?> WaitForAsync<T>(string key, TimeSpan? timeout, Func<bool, CancellationToken, Task<T?>> ask)
        where T : class
    {
        var found = await ThroughOutagesAsync(ct => ask(false, ct)).ConfigureAwait(false);
        if (found is not null || timeout <= TimeSpan.Zero)
            return found;
        var due = await DueAsync(key, timeout).ConfigureAwait(false);
        // The thread that committed has others to tell.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        while (true)
        {
            var known = Known.WakeCount;
            if (await ThroughOutagesAsync(ct => ask(true, ct)).ConfigureAwait(false) is { } answer)
                return answer;
            if (due <= _services.Clock.Now)
                return null;
            await WaitForWakeAsync(known, due).ConfigureAwait(false);
        }
    }

    private async Task<DateTimeOffset> DueAsync(string key, TimeSpan? timeout)
    {
        if (timeout is null)
            return DateTimeOffset.MaxValue;
        var now = _services.Clock.Now;
        StepInfo? recorded;
        key += "/timeout";
        lock (_gate)
            recorded = _uses.TryAdd(key, TakenByOther) ? _history.Take(key) : throw new DuplicateStepNameException(key);
        return ResultOf<DateTimeOffset>(
            recorded ?? await RecordAsync(key, StepKind.Timeout, now, Payloads.Write(After(now, timeout.Value), "Timeout")).ConfigureAwait(false));
    }

    /// <summary>Asks the journal until it answers, or never returns when the execution is over.</summary>
    private async Task<T> ThroughOutagesAsync<T>(Func<CancellationToken, Task<T>> ask)
    {
        for (var pause = TimeSpan.FromMilliseconds(50); ; pause = pause.TotalSeconds < 1 ? pause * 2 : pause)
        {
            try
            {
                return await ask(Stopping).ConfigureAwait(false);
            }
            catch (Exception) when (Stopping.IsCancellationRequested)
            {
                return await NeverAsync<T>().ConfigureAwait(false);
            }
            catch (Exception e) when (RetryPolicy.IsTransientDatabaseError(e))
            {
                Log.JournalUnavailable(_services.Logger, e.Message);
                await Task.Delay(pause, _services.Clock.Time, Stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private sealed record EventAnswer(string? Value, DurableException? Error);
}
