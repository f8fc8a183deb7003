using NpgsqlTypes;
using static Elt.Durable.Journal.Postgres.Columns;

namespace Elt.Durable.Journal.Postgres;

/// <summary>The statements of which most commits are made. Parameter 1 is the time that replaces the database's clock in tests, parameter 2 the worker.</summary>
internal static class CommitStatements
{
    /// <summary>
    /// Holds the worker's row until the end of the transaction. Fails, by a division, when runs were taken from the worker since the number in parameter 3.
    /// Each statement of a commit goes by primary key, and must go on doing so: a plan made while the tables were small would read all of them later, and
    /// planning anew costs more than the insert of a row.
    /// </summary>
    public const string LockWorker =
        """
        select set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
          set_config('enable_bitmapscan', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true), set_config('jit', 'off', true),
          w.taken, 1 / (coalesce(w.taken, -1) = coalesce($3, w.taken, -1))::int, coalesce($1, now())
        from (select (select taken from durable.workers where id = $2 for key share) as taken offset 0) w
        """;

    private const string StepRows =
        """
        insert into durable.steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error)
        select i.run_id, i.key, i.kind, i.status, i.epoch, i.attempts, i.started_at, i.completed_at, i.result, i.error
        """;

    /// <summary>Starts runs of ids that nobody can have used; all of them, or none and an error.</summary>
    public static readonly RowStatement<StartWrite> InsertNewRuns = new(3, (rows, _) => InsertRunsOf(rows), StartColumns);

    /// <summary>Starts runs; returns those that were created.</summary>
    public static readonly RowStatement<StartWrite> InsertRuns = new(
        3,
        (rows, isPlain) => $"{InsertRunsOf(rows)} where not exists (select from durable.runs r where r.id = i.id)" + (isPlain ? "" :
            """
             and (i.parent_id is null or exists (select from durable.runs p where p.id = i.parent_id and p.epoch = i.parent_epoch and p.owner = $2
                and p.created_at = coalesce(i.parent_created_at, p.created_at)))
              and (i.queue is null or exists (select from durable.queues q where q.name = i.queue))
              and (i.deduplication_id is null
                or (select d.id from durable.runs d where d.queue = i.queue and d.deduplication_id = i.deduplication_id and d.completed_at is null) is null)
            """),
        StartColumns);

    /// <summary>All of a commit that has nothing but steps of runs that are the worker's own, as long as its number is that of parameter 3; it looks at no table that grows.</summary>
    public static readonly RowStatement<StepWrite> InsertOwnSteps = new(
        4, (rows, _) => $"{StepRows} from ({rows}) i where (select taken from durable.workers where id = $2 for key share) = $3", StepColumns);

    /// <summary>Ends runs.</summary>
    public static readonly RowStatement<EndWrite> EndRuns = EndRunsWhere("");

    /// <summary>Ends those of the runs for which no other waits.</summary>
    public static readonly RowStatement<EndWrite> EndUnawaitedRuns = EndRunsWhere(" and not r.awaited");

    private static Column<StartWrite>[] StartColumns =>
    [
        Column("id", (StartWrite s) => s.Run.Id),
        Column("workflow", (StartWrite s) => s.Run.Workflow.Name),
        Column("version", (StartWrite s) => s.Run.Workflow.Version, 1, NpgsqlDbType.Integer),
        Column("input", (StartWrite s) => s.Run.Input),
        Column("claim", (StartWrite s) => s.Run.ClaimNow, true, NpgsqlDbType.Boolean),
        Column("queue", (StartWrite s) => s.Run.Queue, null),
        Column("queue_key", (StartWrite s) => s.Run.QueueKey, null),
        Column("deduplication_id", (StartWrite s) => s.Run.DeduplicationId, null),
        Column("priority", (StartWrite s) => s.Run.Priority, 0, NpgsqlDbType.Integer),
        Column("delay", (StartWrite s) => s.Run.Delay, TimeSpan.Zero, NpgsqlDbType.Interval),
        Column("parent_id", (StartWrite s) => s.Run.Parent?.Id, null),
        Column("parent_epoch", (StartWrite s) => s.Run.Parent?.Epoch, null, NpgsqlDbType.Bigint),
        Column("parent_created_at", (StartWrite s) => s.Run.Parent?.CreatedAt?.UtcDateTime, null, NpgsqlDbType.TimestampTz),
        Column("schedule", (StartWrite s) => s.Run.Schedule, null),
        Column("deadline_at", (StartWrite s) => s.Run.DeadlineAt?.UtcDateTime, null, NpgsqlDbType.TimestampTz),
        Column("timeout", (StartWrite s) => s.Run.Timeout, null, NpgsqlDbType.Interval),
    ];

    private static Column<StepWrite>[] StepColumns =>
    [
        Column("run_id", (StepWrite w) => w.Run.Id),
        Column("key", (StepWrite w) => w.Step.Key),
        Column("kind", (StepWrite w) => w.Step.Kind.ToText(), "STEP"),
        Column("status", (StepWrite w) => w.Step.Status.ToText(), "SUCCESS"),
        Column("epoch", (StepWrite w) => w.Run.Epoch, 1, NpgsqlDbType.Bigint),
        Column("attempts", (StepWrite w) => w.Step.Attempts, 1, NpgsqlDbType.Integer),
        Column("started_at", (StepWrite w) => w.Step.StartedAt.UtcDateTime, NpgsqlDbType.TimestampTz),
        Column("completed_at", (StepWrite w) => w.Step.CompletedAt.UtcDateTime, NpgsqlDbType.TimestampTz),
        Column("result", (StepWrite w) => w.Step.Result),
        Column("error", (StepWrite w) => ErrorJson.Write(w.Step.Error), null),
    ];

    /// <summary>Records steps; looks at each run that is not certainly the worker's own.</summary>
    public static RowStatement<StepWrite> InsertSteps(OwnedRuns owned) => new(
        3,
        (rows, isPlain) => $"{StepRows} from ({rows}) i" + (isPlain ? "" :
            """
             where i.is_own or exists (
              select from durable.runs r
              where r.id = i.run_id and r.epoch = i.epoch and r.owner is not distinct from $2 and r.created_at = coalesce(i.created_at, r.created_at))
            """),
        [
            .. StepColumns,
            Column("is_own", (StepWrite w) => owned.Contains(w.Run), true, NpgsqlDbType.Boolean),
            Column("created_at", (StepWrite w) => owned.Contains(w.Run) ? null : w.Run.CreatedAt?.UtcDateTime, null, NpgsqlDbType.TimestampTz),
        ]);

    private static string InsertRunsOf(string rows) =>
        $"""
        with t as (select coalesce($1, now()) as now, exists (select from durable.workers where id = $2) as alive)
        insert into durable.runs (id, workflow, version, status, epoch, owner, due_at, priority, queue, parent_id, created_at, started_at, input,
          queue_key, deduplication_id, deadline_at, schedule)
        select i.id, i.workflow, i.version,
          case when i.claim and t.alive then 'RUNNING' else 'ENQUEUED' end, case when i.claim and t.alive then 1 else 0 end,
          case when i.claim and t.alive then $2 end, case when i.claim and t.alive then null else t.now + i.delay end,
          i.priority, i.queue, i.parent_id, t.now, case when i.claim and t.alive then t.now end, i.input,
          i.queue_key, i.deduplication_id, least(i.deadline_at, t.now + i.timeout), i.schedule
        from ({rows}) i, t
        """;

    private static RowStatement<EndWrite> EndRunsWhere(string condition) => new(
        3,
        (rows, _) =>
            $"""
            update durable.runs r set status = i.status, owner = null, due_at = null, output = i.output, error = i.error, completed_at = i.completed_at
            from ({rows}) i
            where r.id = i.run_id and r.epoch = i.epoch and r.owner is not distinct from $2 and r.created_at = coalesce(i.created_at, r.created_at){condition}
            """,
        Column("run_id", (EndWrite w) => w.Run.Id),
        Column("epoch", (EndWrite w) => w.Run.Epoch, 1, NpgsqlDbType.Bigint),
        Column("created_at", (EndWrite w) => w.Run.CreatedAt?.UtcDateTime, NpgsqlDbType.TimestampTz),
        Column("status", (EndWrite w) => w.Outcome.Status.ToText(), "SUCCESS"),
        Column("output", (EndWrite w) => w.Outcome.Output),
        Column("error", (EndWrite w) => ErrorJson.Write(w.Outcome.Error), null),
        Column("completed_at", (EndWrite w) => w.Outcome.CompletedAt.UtcDateTime, NpgsqlDbType.TimestampTz));
}
