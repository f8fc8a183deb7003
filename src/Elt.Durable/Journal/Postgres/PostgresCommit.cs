using Elt.Durable.Messages;
using Elt.Durable.Streams;
using Npgsql;
using NpgsqlTypes;

namespace Elt.Durable.Journal.Postgres;

/// <summary>
/// The one commit path: all writes of a batch as a few multi-row statements in one round trip and one transaction. A write whose row did not
/// come out as expected (refused, or committed before with its answer lost) is looked up afterwards.
/// </summary>
internal sealed class PostgresCommit(PostgresStore store) : IAsyncDisposable
{
    /// <summary>
    /// Holds the worker's row until the end of the transaction; parameter 2 is its id. Each statement of a commit goes by primary key, and must go on
    /// doing so: a plan made while the tables were small would read all of them later, and planning anew costs more than the insert of a row.
    /// </summary>
    private const string LockWorker =
        """
        select set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
          set_config('enable_bitmapscan', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true), set_config('jit', 'off', true),
          (select true from durable.workers where id = $2 for key share)
        """;

    private const string InsertSteps =
        """
        insert into durable.steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error)
        select i.run_id, i.key, coalesce(i.kind, 'STEP'), coalesce(i.status, 'SUCCESS'), r.epoch, coalesce(i.attempts, 1), i.started_at, i.completed_at, i.result, i.error
        from unnest($3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::int[], $9::timestamptz[], $10::timestamptz[], $11::text[], $12::text[],
            $13::timestamptz[])
          as i(run_id, epoch, key, kind, status, attempts, started_at, completed_at, result, error, created_at)
        join durable.runs r on r.id = i.run_id and r.epoch = coalesce(i.epoch, 1) and r.owner is not distinct from $2 and r.created_at = coalesce(i.created_at, r.created_at)
        """;

    private readonly PostgresReader _reader = new(store.DataSource);
    private NpgsqlConnection? _connection;

    public async Task CommitAsync(string workerId, IReadOnlyList<JournalWrite> writes, CancellationToken ct)
    {
        try
        {
            await CommitAsync(workerId, writes, mayBeRecorded: false, ct).ConfigureAwait(false);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            await CommitAsync(workerId, writes, mayBeRecorded: true, ct).ConfigureAwait(false);
        }
    }

    /// <param name="workerId">Who writes.</param>
    /// <param name="writes">What.</param>
    /// <param name="mayBeRecorded">
    /// Whether some steps may be in the journal, as after a commit whose answer was lost. It is rare, and asking for it in advance costs a third of an insert.
    /// </param>
    /// <param name="ct">Gives up.</param>
    private async Task CommitAsync(string workerId, IReadOnlyList<JournalWrite> writes, bool mayBeRecorded, CancellationToken ct)
    {
        // The first of several starts of one id counts; the others find it.
        var starts = writes.OfType<StartWrite>().DistinctBy(w => w.Run.Id).ToList();
        var attempts = writes.OfType<AttemptWrite>().ToList();
        var steps = writes.OfType<StepWrite>().ToList();
        var parks = writes.OfType<ParkWrite>().ToList();
        var ends = writes.OfType<EndWrite>().ToList();

        var statements = new Statements(store, workerId);
        statements.Add(LockWorker);
        if (starts.Count > 0)
            AddStarts(statements, starts);
        if (attempts.Count > 0)
            AddAttempts(statements, attempts);
        if (steps.Count > 0)
            AddSteps(statements, steps, mayBeRecorded);
        var receivers = PostgresMessageStore.AddSends(statements, steps, writes.OfType<MessageWrite>().ToList());
        PostgresMessageStore.AddReceipts(statements, steps);
        var setters = PostgresStreamStore.AddEntries(statements, steps);
        if (parks.Count > 0)
            AddParks(statements, parks);
        if (ends.Count > 0)
            AddEnds(statements, ends);
        PostgresWakes.Add(statements, ends, receivers, setters);

        var (created, woke) = await ExecuteAsync(statements, ct).ConfigureAwait(false);
        writes[^1].Woke = woke;
        foreach (var start in starts.Where(s => created.ContainsKey(s.Run.Id)))
            (start.CreatedAt, start.Claimed) = created[start.Run.Id];
        await ResolveAsync(statements, writes.OfType<StartWrite>().Where(s => s.CreatedAt == default).ToList(), attempts, steps, parks, ends, workerId, ct).ConfigureAwait(false);
    }

    private async Task<(Dictionary<string, (DateTimeOffset CreatedAt, bool Claimed)> Created, JournalHint Woke)> ExecuteAsync(Statements statements, CancellationToken ct)
    {
        // Kept as long as it works: the pool hands out the connection that has rested longest, and no session would have anything at hand.
        var connection = Interlocked.Exchange(ref _connection, null) ?? await store.DataSource.OpenConnectionAsync(ct).ConfigureAwait(false);
        var left = connection;
        try
        {
            var executed = await ExecuteAsync(statements, connection, ct).ConfigureAwait(false);
            if (store.CanKeepConnection)
                left = Interlocked.Exchange(ref _connection, connection);
            return executed;
        }
        finally
        {
            if (left is not null)
                await left.DisposeAsync().ConfigureAwait(false);
        }
    }

    private static async Task<(Dictionary<string, (DateTimeOffset CreatedAt, bool Claimed)> Created, JournalHint Woke)> ExecuteAsync(
        Statements statements, NpgsqlConnection connection, CancellationToken ct)
    {
        await using var batch = statements.ToBatch(connection);
        var created = new Dictionary<string, (DateTimeOffset, bool)>();
        var woke = JournalHint.None;
        await using (var reader = await batch.ExecuteReaderAsync(ct).ConfigureAwait(false))
        {
            // Results are told apart by their number of columns: three has only the start statement, four only the one that wakes.
            do
            {
                while (await reader.ReadAsync(ct).ConfigureAwait(false))
                {
                    if (reader.FieldCount == 3)
                        created[reader.GetString(0)] = (reader.GetFieldValue<DateTimeOffset>(1), reader.GetBoolean(2));
                    else if (reader.FieldCount == 4)
                        woke = PostgresWakes.Hint(reader.GetBoolean(2), reader.GetBoolean(3));
                }
            }
            while (await reader.NextResultAsync(ct).ConfigureAwait(false));
        }
        statements.TakeCounts(batch);
        return (created, woke);
    }

    public ValueTask DisposeAsync() => _connection?.DisposeAsync() ?? ValueTask.CompletedTask;

    private static void AddStarts(Statements statements, List<StartWrite> starts) => statements.Add(
        """
        with t as (select coalesce($1, now()) as now, exists (select from durable.workers where id = $2) as alive)
        insert into durable.runs (id, workflow, version, status, epoch, owner, due_at, priority, queue, parent_id, created_at, started_at, input,
          queue_key, deduplication_id, deadline_at, schedule)
        select i.id, i.workflow, i.version,
          case when i.claim and t.alive then 'RUNNING' else 'ENQUEUED' end, case when i.claim and t.alive then 1 else 0 end,
          case when i.claim and t.alive then $2 end, case when i.claim and t.alive then null else t.now + coalesce(i.delay, '0') end,
          coalesce(i.priority, 0), i.queue, i.parent_id, t.now, case when i.claim and t.alive then t.now end, i.input,
          i.queue_key, i.deduplication_id, least(i.deadline_at, t.now + i.timeout), i.schedule
        from unnest($3::text[], $4::text[], $5::int[], $6::text[], $7::text[], $8::int[], $9::interval[], $10::text[], $11::bigint[], $12::bool[],
            $13::text[], $14::text[], $15::timestamptz[], $16::text[], $17::interval[], $18::timestamptz[])
          as i(id, workflow, version, input, queue, priority, delay, parent_id, parent_epoch, claim, queue_key, deduplication_id, deadline_at, schedule, timeout,
            parent_created_at), t
        where (i.parent_id is null or exists (select from durable.runs p where p.id = i.parent_id and p.epoch = i.parent_epoch and p.owner = $2
            and p.created_at = coalesce(i.parent_created_at, p.created_at)))
          and (i.queue is null or exists (select from durable.queues q where q.name = i.queue))
        on conflict do nothing
        returning id, created_at, owner is not null
        """,
        Text(starts, s => s.Run.Id),
        Text(starts, s => s.Run.Workflow.Name),
        Array(starts, s => s.Run.Workflow.Version, NpgsqlDbType.Integer),
        Text(starts, s => s.Run.Input),
        SparseText(starts, s => s.Run.Queue),
        Sparse(starts, s => s.Run.Priority, 0, NpgsqlDbType.Integer),
        Sparse(starts, s => s.Run.Delay, TimeSpan.Zero, NpgsqlDbType.Interval),
        SparseText(starts, s => s.Run.Parent?.Id),
        Sparse(starts, s => s.Run.Parent?.Epoch ?? 0, 0, NpgsqlDbType.Bigint),
        Array(starts, s => s.Run.ClaimNow, NpgsqlDbType.Boolean),
        SparseText(starts, s => s.Run.QueueKey),
        SparseText(starts, s => s.Run.DeduplicationId),
        Sparse(starts, s => s.Run.DeadlineAt?.UtcDateTime, null, NpgsqlDbType.TimestampTz),
        SparseText(starts, s => s.Run.Schedule),
        Sparse(starts, s => s.Run.Timeout, null, NpgsqlDbType.Interval),
        Sparse(starts, s => s.Run.Parent?.CreatedAt?.UtcDateTime, null, NpgsqlDbType.TimestampTz))
        .NotifyWhen(starts.Exists(s => !s.Run.ClaimNow));

    private static void AddAttempts(Statements statements, List<AttemptWrite> writes) => statements.AddCounted(
        typeof(AttemptWrite),
        """
        insert into durable.step_attempts (run_id, key, attempt, epoch, failed_at, retry_at, error)
        select i.run_id, i.key, i.attempt, i.epoch, i.failed_at, i.retry_at, i.error
        from unnest($3::text[], $4::bigint[], $5::text[], $6::int[], $7::timestamptz[], $8::timestamptz[], $9::text[], $10::timestamptz[])
          as i(run_id, epoch, key, attempt, failed_at, retry_at, error, created_at)
        join durable.runs r on r.id = i.run_id and r.epoch = i.epoch and r.owner is not distinct from $2 and r.created_at = coalesce(i.created_at, r.created_at)
        on conflict do nothing
        """,
        Text(writes, w => w.Run.Id),
        Array(writes, w => w.Run.Epoch, NpgsqlDbType.Bigint),
        Text(writes, w => w.Attempt.Key),
        Array(writes, w => w.Attempt.Attempt, NpgsqlDbType.Integer),
        Times(writes, w => w.Attempt.FailedAt),
        Times(writes, w => w.Attempt.RetryAt),
        Text(writes, w => ErrorJson.Write(w.Attempt.Error)),
        CreationTimes(writes));

    private static void AddSteps(Statements statements, List<StepWrite> writes, bool mayBeRecorded) => statements.AddCounted(
        typeof(StepWrite),
        mayBeRecorded ? InsertSteps + " on conflict do nothing" : InsertSteps,
        Text(writes, w => w.Run.Id),
        Sparse(writes, w => w.Run.Epoch, 1, NpgsqlDbType.Bigint),
        Text(writes, w => w.Step.Key),
        SparseText(writes, w => w.Step.Kind.ToText(), "STEP"),
        SparseText(writes, w => w.Step.Status.ToText(), "SUCCESS"),
        Sparse(writes, w => w.Step.Attempts, 1, NpgsqlDbType.Integer),
        Times(writes, w => w.Step.StartedAt),
        Times(writes, w => w.Step.CompletedAt),
        Text(writes, w => w.Step.Result),
        SparseText(writes, w => ErrorJson.Write(w.Step.Error)),
        CreationTimes(writes));

    private static void AddParks(Statements statements, List<ParkWrite> writes) => statements.AddCounted(
        typeof(ParkWrite),
        """
        update durable.runs r set status = 'WAITING', owner = null, due_at = i.due_at
        from unnest($3::text[], $4::bigint[], $5::timestamptz[], $6::bigint[], $7::timestamptz[]) as i(run_id, epoch, due_at, wake_count, created_at)
        where r.id = i.run_id and r.epoch = i.epoch and r.owner is not distinct from $2 and r.created_at = coalesce(i.created_at, r.created_at) and r.wake_count = i.wake_count
        """,
        Text(writes, w => w.Run.Id),
        Array(writes, w => w.Run.Epoch, NpgsqlDbType.Bigint),
        Array(writes, w => w.DueAt?.UtcDateTime, NpgsqlDbType.TimestampTz),
        Array(writes, w => w.WakeCount, NpgsqlDbType.Bigint),
        CreationTimes(writes));

    private static void AddEnds(Statements statements, List<EndWrite> writes)
    {
        statements.AddCounted(
            typeof(EndWrite),
            """
            update durable.runs r set status = coalesce(i.status, 'SUCCESS'), owner = null, due_at = null, output = i.output, error = i.error, completed_at = i.completed_at
            from unnest($3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::timestamptz[])
              as i(run_id, epoch, status, output, error, completed_at, created_at)
            where r.id = i.run_id and r.epoch = coalesce(i.epoch, 1) and r.owner is not distinct from $2 and r.created_at = coalesce(i.created_at, r.created_at)
            """,
            Text(writes, w => w.Run.Id),
            Sparse(writes, w => w.Run.Epoch, 1, NpgsqlDbType.Bigint),
            SparseText(writes, w => w.Outcome.Status.ToText(), "SUCCESS"),
            Text(writes, w => w.Outcome.Output),
            SparseText(writes, w => ErrorJson.Write(w.Outcome.Error)),
            Times(writes, w => w.Outcome.CompletedAt),
            CreationTimes(writes));
        var children = writes.Where(w => w.ParentId is not null).ToList();
        if (children.Count == 0)
            return;
        statements.Add(
            """
            insert into durable.steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error)
            select r.parent_id, substr(r.id, length(r.parent_id) + 2), 'CHILD', r.status, 0, 1, r.created_at, r.completed_at, r.output, r.error
            from unnest($3::text[], $4::bigint[], $5::timestamptz[]) as i(run_id, epoch, completed_at)
            join durable.runs r on r.id = i.run_id and r.epoch = i.epoch and r.completed_at = i.completed_at
            where exists (select from durable.runs p where p.id = r.parent_id)
            on conflict do nothing
            """,
            Text(children, w => w.Run.Id),
            Array(children, w => w.Run.Epoch, NpgsqlDbType.Bigint),
            Times(children, w => w.Outcome.CompletedAt));
    }

    /// <summary>Finds out about the writes whose statement changed fewer rows than it had.</summary>
    private async Task ResolveAsync(
        Statements statements, List<StartWrite> starts, List<AttemptWrite> attempts, List<StepWrite> steps, List<ParkWrite> parks, List<EndWrite> ends, string workerId, CancellationToken ct)
    {
        if (starts.Count > 0)
            await ResolveStartsAsync(starts, ct).ConfigureAwait(false);
        if (statements.ChangedFewer(typeof(AttemptWrite), attempts.Count))
            await ResolveRecordsAsync("step_attempts", attempts, w => w.Attempt.Key, ct).ConfigureAwait(false);
        if (statements.ChangedFewer(typeof(StepWrite), steps.Count))
            await ResolveRecordsAsync("steps", steps, w => w.Step.Key, ct).ConfigureAwait(false);
        if (statements.ChangedFewer(typeof(ParkWrite), parks.Count))
            await ResolveRunsAsync(parks, (park, run) =>
            {
                park.Woken = run.Owner == workerId && run.Epoch == park.Run.Epoch;
                park.Fenced = !park.Woken && !(run.Status == RunStatus.Waiting && run.Epoch == park.Run.Epoch);
            }, ct).ConfigureAwait(false);
        if (statements.ChangedFewer(typeof(EndWrite), ends.Count))
            await ResolveRunsAsync(ends, (end, run) => end.Fenced = !end.IsOf(run), ct).ConfigureAwait(false);
    }

    private async Task ResolveStartsAsync(List<StartWrite> starts, CancellationToken ct)
    {
        var existing = (await _reader.FindRunsAsync([.. starts.Select(s => s.Run.Id).Distinct()], ct).ConfigureAwait(false)).ToDictionary(r => r.Id);
        foreach (var start in starts)
            start.Existing = existing.GetValueOrDefault(start.Run.Id);
        var queued = starts.FindAll(s => s.Existing is null && s.Run.Queue is not null);
        if (queued.Count > 0)
            await ResolveQueuedAsync(queued, ct).ConfigureAwait(false);
        foreach (var start in starts.Where(s => s.IsToBeRepeated))
            start.Fenced = start.Run.Parent is not null;
    }

    private async Task ResolveQueuedAsync(List<StartWrite> starts, CancellationToken ct)
    {
        var queues = await store.QueryAsync("select name from durable.queues", [], r => r.GetString(0), ct).ConfigureAwait(false);
        foreach (var start in starts)
            start.QueueIsUnknown = !queues.Contains(start.Run.Queue!);
        var deduplicated = starts.FindAll(s => s.Run.DeduplicationId is not null);
        var holders = await _reader.FindHoldersAsync(
            [.. deduplicated.Select(s => s.Run.Queue!)], [.. deduplicated.Select(s => s.Run.DeduplicationId!)], ct).ConfigureAwait(false);
        foreach (var start in deduplicated)
            start.Duplicate = holders.FirstOrDefault(h => h.Queue == start.Run.Queue && h.DeduplicationId == start.Run.DeduplicationId);
    }

    private async Task ResolveRecordsAsync<T>(string table, List<T> writes, Func<T, string> key, CancellationToken ct)
        where T : OwnedWrite
    {
        var recorded = await _reader.RecordedAsync(
            table, [.. writes.Select(w => w.Run.Id)], [.. writes.Select(key)], [.. writes.Select(w => w.Run.Epoch)], ct).ConfigureAwait(false);
        foreach (var write in writes)
            write.Fenced = !recorded.Contains((write.Run.Id, key(write)));
    }

    private async Task ResolveRunsAsync<T>(List<T> writes, Action<T, RunInfo> resolve, CancellationToken ct)
        where T : OwnedWrite
    {
        var runs = (await _reader.FindRunsAsync([.. writes.Select(w => w.Run.Id).Distinct()], ct).ConfigureAwait(false)).ToDictionary(r => r.Id);
        foreach (var write in writes)
        {
            if (runs.TryGetValue(write.Run.Id, out var run))
                resolve(write, run);
            else
                write.Fenced = true;
        }
    }

    internal static NpgsqlParameter Text<T>(List<T> writes, Func<T, string?> value) => Array(writes, value, NpgsqlDbType.Text);

    internal static NpgsqlParameter CreationTimes<T>(List<T> writes)
        where T : OwnedWrite => Array(writes, w => w.Run.CreatedAt?.UtcDateTime, NpgsqlDbType.TimestampTz);

    private static NpgsqlParameter Times<T>(List<T> writes, Func<T, DateTimeOffset> value) => Array(writes, w => value(w).UtcDateTime, NpgsqlDbType.TimestampTz);

    internal static NpgsqlParameter Array<T, TValue>(List<T> writes, Func<T, TValue> value, NpgsqlDbType type) =>
        Array(writes, writes.Count, value, type);

    private static NpgsqlParameter Array<T, TValue>(List<T> writes, int count, Func<T, TValue> value, NpgsqlDbType type)
    {
        var values = new TValue[count];
        for (var i = 0; i < count; i++)
            values[i] = value(writes[i]);
        return new NpgsqlParameter { Value = values, NpgsqlDbType = NpgsqlDbType.Array | type };
    }

    /// <summary>A column that mostly has one value, sent without its end of such values: <c>unnest</c> gives null for what is missing.</summary>
    private static NpgsqlParameter Sparse<T, TValue>(List<T> writes, Func<T, TValue> value, TValue usual, NpgsqlDbType type)
    {
        var count = writes.Count;
        while (count > 0 && EqualityComparer<TValue>.Default.Equals(value(writes[count - 1]), usual))
            count--;
        return Array(writes, count, value, type);
    }

    private static NpgsqlParameter SparseText<T>(List<T> writes, Func<T, string?> value, string? usual = null) => Sparse(writes, value, usual, NpgsqlDbType.Text);
}
