using Elt.Durable.Messages;
using Elt.Durable.Streams;

namespace Elt.Durable.Journal.Sqlite;

/// <summary>Applies the writes of one commit, in order, each by a prepared statement; the outcome of each is known at once.</summary>
internal sealed class SqliteCommit(SqliteStatements journal, string workerId, long now)
{
    private JournalHint _woke;

    public void Apply(IReadOnlyList<JournalWrite> writes)
    {
        foreach (var write in writes)
        {
            Apply(write);
            (write.Woke, _woke) = (_woke, JournalHint.None);
        }
    }

    private void Apply(JournalWrite write)
    {
        switch (write)
        {
            case StartWrite start:
                Start(start);
                break;
            case MessageWrite { Message: var message }:
                Send(message);
                break;
            case OwnedWrite { Run: var run } owned when !Owns(run):
                owned.Fenced = !IsCommitted(owned);
                break;
            case AttemptWrite attempt:
                Record(attempt);
                break;
            case StepWrite step:
                Record(step);
                break;
            case ParkWrite park:
                Park(park);
                break;
            case EndWrite end:
                End(end);
                break;
            default:
                throw new NotSupportedException($"{write.GetType().Name} is no write of this journal.");
        }
    }

    private void Start(StartWrite start)
    {
        var run = start.Run;
        start.Existing = SqliteRows.FindRun(journal, run.Id);
        if (start.Existing is not null)
            return;
        start.Fenced = run.Parent is { } parent && !Owns(parent);
        start.QueueIsUnknown = run.Queue is not null && !journal.Any("select 1 from queues where name = $1", run.Queue);
        start.Duplicate = run.DeduplicationId is null ? null : SqliteRows.FindHolder(journal, run.Queue!, run.DeduplicationId);
        if (start.Fenced || start.QueueIsUnknown || start.Duplicate is not null)
            return;
        start.Claimed = run.ClaimNow && journal.Any("select 1 from workers where id = $1", workerId);
        start.CreatedAt = SqliteStore.Time(now);
        journal.Run(
            """
            insert into runs (id, workflow, version, status, epoch, owner, due_at, priority, queue, parent_id, created_at, started_at, input,
              queue_key, deduplication_id, deadline_at, schedule)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
            """,
            run.Id, run.Workflow.Name, run.Workflow.Version, start.Claimed ? "RUNNING" : "ENQUEUED", start.Claimed ? 1 : 0, start.Claimed ? workerId : null,
            start.Claimed ? null : now + SqliteStore.Microseconds(run.Delay), run.Priority, run.Queue, run.Parent?.Id, now, start.Claimed ? now : null, run.Input,
            run.QueueKey, run.DeduplicationId, run.DeadlineFrom(start.CreatedAt) is { } deadline ? SqliteStore.Microseconds(deadline) : null, run.Schedule);
    }

    private void Record(AttemptWrite write)
    {
        var attempt = write.Attempt;
        journal.Run(
            """
            insert into step_attempts (run_id, key, attempt, epoch, failed_at, retry_at, error) values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing
            """,
            write.Run.Id, attempt.Key, attempt.Attempt, write.Run.Epoch,
            SqliteStore.Microseconds(attempt.FailedAt), SqliteStore.Microseconds(attempt.RetryAt), ErrorJson.Write(attempt.Error));
    }

    private void Record(StepWrite write)
    {
        var step = write.Step;
        var recorded = journal.Run(
            """
            insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing
            """,
            write.Run.Id, step.Key, step.Kind.ToText(), step.Status.ToText(), write.Run.Epoch, step.Attempts,
            SqliteStore.Microseconds(step.StartedAt), SqliteStore.Microseconds(step.CompletedAt), step.Result, ErrorJson.Write(step.Error));
        if (recorded == 1 && write.Effect is not null)
            Apply(write.Effect, write.Run.Id, step);
    }

    private void Apply(StepEffect effect, string runId, StepInfo step)
    {
        switch (effect)
        {
            case SendEffect send:
                Send(send.Message);
                break;
            case ReceiveEffect receipt:
                SqliteMessageStore.Consume(journal, runId, step.Key, receipt);
                break;
            case PublishEffect entry:
                SqliteStreamStore.Publish(journal, runId, step, entry);
                if (step.Kind == StepKind.Event)
                    _woke |= SqliteWakes.WakeWaiters(journal, runId, now);
                break;
            default:
                throw new NotSupportedException($"{effect.GetType().Name} is no effect in this journal.");
        }
    }

    private void Send(Message message)
    {
        SqliteMessageStore.Send(journal, message, now);
        _woke |= SqliteWakes.Wake(journal, message.RunId, now);
    }

    private void Park(ParkWrite park) => park.Woken = journal.Run(
        "update runs set status = 'WAITING', owner = null, due_at = $2 where id = $1 and wake_count = $3",
        park.Run.Id, park.DueAt is { } due ? SqliteStore.Microseconds(due) : null, park.WakeCount) == 0;

    private void End(EndWrite end)
    {
        var outcome = end.Outcome;
        journal.Run(
            "update runs set status = $2, owner = null, due_at = null, output = $3, error = $4, completed_at = $5 where id = $1",
            end.Run.Id, outcome.Status.ToText(), outcome.Output, ErrorJson.Write(outcome.Error), SqliteStore.Microseconds(outcome.CompletedAt));
        _woke |= SqliteWakes.WakeWaiters(journal, end.Run.Id, now);
        if (end.ParentId is null)
            return;
        journal.Run(
            """
            insert into steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error)
            select r.parent_id, substr(r.id, length(r.parent_id) + 2), 'CHILD', r.status, 0, 1, r.created_at, r.completed_at, r.output, r.error
            from runs r where r.id = $1 and exists (select 1 from runs p where p.id = r.parent_id)
            on conflict do nothing
            """,
            end.Run.Id);
        // A parent that is executed gets the outcome directly.
        _woke |= SqliteWakes.Wake(journal, end.ParentId, now) & JournalHint.WorkIsDue;
    }

    private bool Owns(RunKey run) =>
        journal.Any(
            "select 1 from runs where id = $1 and epoch = $2 and owner = $3 and ($4 is null or created_at = $4)",
            run.Id, run.Epoch, workerId, run.CreatedAt is { } createdAt ? SqliteStore.Microseconds(createdAt) : null);

    /// <summary>Whether a write of a run that is not ours (any more) was committed before: its answer was lost.</summary>
    private bool IsCommitted(OwnedWrite write) => write switch
    {
        EndWrite end => SqliteRows.FindRun(journal, end.Run.Id) is { } run && end.IsOf(run),
        ParkWrite park => SqliteRows.FindRun(journal, park.Run.Id) is { Status: RunStatus.Waiting } run && run.Epoch == park.Run.Epoch,
        StepWrite step => IsRecorded("steps", step.Run, step.Step.Key),
        AttemptWrite attempt => IsRecorded("step_attempts", attempt.Run, attempt.Attempt.Key),
        _ => false,
    };

    private bool IsRecorded(string table, RunKey run, string key) =>
        journal.Any($"select 1 from {table} where run_id = $1 and key = $2 and epoch = $3", run.Id, key, run.Epoch);
}
