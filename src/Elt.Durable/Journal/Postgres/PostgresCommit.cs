using Elt.Durable.Messages;
using Elt.Durable.Streams;
using Npgsql;
using NpgsqlTypes;
using static Elt.Durable.Journal.Postgres.Columns;

namespace Elt.Durable.Journal.Postgres;

/// <summary>
/// The one commit path: all writes of a batch as a few multi-row statements in one round trip and one transaction. A write whose row did not
/// come out as expected (refused, or committed before with its answer lost) is looked up afterwards.
/// </summary>
internal sealed class PostgresCommit(PostgresStore store) : IAsyncDisposable
{
    /// <summary>
    /// Holds the worker's row until the end of the transaction; parameter 2 is its id. Fails, by a division, when runs were taken from the worker since the number
    /// in parameter 3. Each statement of a commit goes by primary key, and must go on doing so: a plan made while the tables were small would read all of
    /// them later, and planning anew costs more than the insert of a row.
    /// </summary>
    private const string LockWorker =
        """
        select set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
          set_config('enable_bitmapscan', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true), set_config('jit', 'off', true),
          w.taken, 1 / (coalesce(w.taken, -1) = coalesce($3, w.taken, -1))::int
        from (select (select taken from durable.workers where id = $2 for key share) as taken offset 0) w
        """;

    private const string InsertRuns =
        """
        with t as (select coalesce($1, now()) as now, exists (select from durable.workers where id = $2) as alive)
        insert into durable.runs (id, workflow, version, status, epoch, owner, due_at, priority, queue, parent_id, created_at, started_at, input,
          queue_key, deduplication_id, deadline_at, schedule)
        select i.id, i.workflow, i.version,
          case when i.claim and t.alive then 'RUNNING' else 'ENQUEUED' end, case when i.claim and t.alive then 1 else 0 end,
          case when i.claim and t.alive then $2 end, case when i.claim and t.alive then null else t.now + coalesce(i.delay, '0') end,
          coalesce(i.priority, 0), i.queue, i.parent_id, t.now, case when i.claim and t.alive then t.now end, i.input,
          i.queue_key, i.deduplication_id, least(i.deadline_at, t.now + i.timeout), i.schedule
        from (select unnest($3::text[]) as id, unnest($4::text[]) as workflow, unnest($5::int[]) as version, unnest($6::text[]) as input, unnest($7::text[]) as queue,
            unnest($8::int[]) as priority, unnest($9::interval[]) as delay, unnest($10::text[]) as parent_id, unnest($11::bigint[]) as parent_epoch,
            unnest($12::bool[]) as claim, unnest($13::text[]) as queue_key, unnest($14::text[]) as deduplication_id, unnest($15::timestamptz[]) as deadline_at,
            unnest($16::text[]) as schedule, unnest($17::interval[]) as timeout, unnest($18::timestamptz[]) as parent_created_at) i, t
        where (i.parent_id is null or exists (select from durable.runs p where p.id = i.parent_id and p.epoch = i.parent_epoch and p.owner = $2
            and p.created_at = coalesce(i.parent_created_at, p.created_at)))
          and (i.queue is null or exists (select from durable.queues q where q.name = i.queue))
          and not exists (select from durable.runs r where r.id = i.id)
          and (i.deduplication_id is null
            or (select d.id from durable.runs d where d.queue = i.queue and d.deduplication_id = i.deduplication_id and d.completed_at is null) is null)
        """;

    private const string StepRows =
        """
        insert into durable.steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error)
        select i.run_id, i.key, coalesce(i.kind, 'STEP'), coalesce(i.status, 'SUCCESS'), coalesce(i.epoch, 1), coalesce(i.attempts, 1), i.started_at, i.completed_at, i.result, i.error
        from (select unnest($3::text[]) as run_id, unnest($4::bigint[]) as epoch, unnest($5::text[]) as key, unnest($6::text[]) as kind, unnest($7::text[]) as status,
            unnest($8::int[]) as attempts, unnest($9::timestamptz[]) as started_at, unnest($10::timestamptz[]) as completed_at, unnest($11::text[]) as result,
            unnest($12::text[]) as error
        """;

    private const string InsertSteps = StepRows +
        """
        , unnest($13::timestamptz[]) as created_at, unnest($14::bool[]) as is_unsure) i
        where i.is_unsure is null or exists (
          select from durable.runs r
          where r.id = i.run_id and r.epoch = coalesce(i.epoch, 1) and r.owner is not distinct from $2 and r.created_at = coalesce(i.created_at, r.created_at))
        """;

    /// <summary>All of a commit that has nothing but steps of runs that are the worker's own; it looks at no table that grows.</summary>
    private const string InsertOwnSteps = StepRows + ") i where (select taken from durable.workers where id = $2 for key share) = $13";

    private readonly PostgresReader _reader = new(store.DataSource);
    private readonly OwnedRuns _owned = new();
    private NpgsqlConnection? _connection;

    public async Task CommitAsync(string workerId, IReadOnlyList<JournalWrite> writes, CancellationToken ct)
    {
        var byKind = new WritesByKind(writes);
        for (var mayBeRecorded = false; ;)
        {
            try
            {
                if (mayBeRecorded || !await TryCommitOwnStepsAsync(workerId, byKind, ct).ConfigureAwait(false))
                    writes[^1].Woke = await CommitAsync(workerId, byKind, mayBeRecorded, ct).ConfigureAwait(false);
                return;
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation && !mayBeRecorded)
            {
                mayBeRecorded = true;
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.DivisionByZero && _owned.Taken is not null)
            {
                _owned.Clear();
            }
        }
    }

    /// <summary>The short way of most commits; <see langword="false"/> when this one cannot go it, and nothing was written.</summary>
    private async Task<bool> TryCommitOwnStepsAsync(string workerId, WritesByKind writes, CancellationToken ct)
    {
        if (!writes.AreStepsAlone || !writes.Steps.TrueForAll(w => _owned.Contains(w.Run)))
            return false;
        var statements = new Statements(store, workerId);
        statements.AddCounted(typeof(StepWrite), InsertOwnSteps, [.. StepColumns(writes.Steps), Number(_owned.Taken)]);
        await ExecuteAsync(statements, ct).ConfigureAwait(false);
        if (!statements.ChangedFewer(typeof(StepWrite), writes.Steps.Count))
            return true;
        _owned.Clear();
        return false;
    }

    /// <param name="workerId">Who writes.</param>
    /// <param name="writes">What.</param>
    /// <param name="mayBeRecorded">
    /// Whether some steps or runs may be in the journal, as after a commit whose answer was lost. It is rare, and being ready for it costs a third of an insert.
    /// </param>
    /// <param name="ct">Gives up.</param>
    private async Task<JournalHint> CommitAsync(string workerId, WritesByKind writes, bool mayBeRecorded, CancellationToken ct)
    {
        var statements = new Statements(store, workerId);
        statements.Add(LockWorker, Number(_owned.Taken));
        if (writes.FirstStarts.Count > 0)
            AddStarts(statements, writes.FirstStarts, mayBeRecorded);
        if (writes.Attempts.Count > 0)
            AddAttempts(statements, writes.Attempts);
        if (writes.Steps.Count > 0)
            AddSteps(statements, writes.Steps, mayBeRecorded);
        var receivers = PostgresMessageStore.AddSends(statements, writes.Effects, writes.Messages);
        PostgresMessageStore.AddReceipts(statements, writes.Effects);
        var setters = PostgresStreamStore.AddEntries(statements, writes.Effects);
        if (writes.Parks.Count > 0)
            AddParks(statements, writes.Parks);
        if (writes.Ends.Count > 0)
            AddEnds(statements, writes.Ends);
        PostgresWakes.Add(statements, writes.Ends, receivers, setters);

        var results = await ExecuteAsync(statements, ct).ConfigureAwait(false);
        foreach (var start in writes.FirstStarts)
        {
            if (results.Created.TryGetValue(start.Run.Id, out var run))
                (start.CreatedAt, start.Claimed) = run;
        }
        _owned.See(workerId, results.Taken);
        LearnOwned(writes, areAllStepsWritten: !statements.ChangedFewer(typeof(StepWrite), writes.Steps.Count));
        await ResolveAsync(statements, writes, workerId, ct).ConfigureAwait(false);
        return results.Woke;
    }

    private void LearnOwned(WritesByKind writes, bool areAllStepsWritten)
    {
        foreach (var start in writes.FirstStarts)
        {
            if (start.Claimed)
                _owned.Add(new RunKey(start.Run.Id, 1, start.CreatedAt));
        }
        foreach (var step in areAllStepsWritten ? writes.Steps : [])
            _owned.Add(step.Run);
        foreach (var park in writes.Parks)
            _owned.Remove(park.Run);
        foreach (var end in writes.Ends)
            _owned.Remove(end.Run);
    }

    private async Task<CommitResults> ExecuteAsync(Statements statements, CancellationToken ct)
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

    private static async Task<CommitResults> ExecuteAsync(Statements statements, NpgsqlConnection connection, CancellationToken ct)
    {
        await using var batch = statements.ToBatch(connection);
        var results = new CommitResults();
        await using (var reader = await batch.ExecuteReaderAsync(ct).ConfigureAwait(false))
        {
            do
            {
                while (await reader.ReadAsync(ct).ConfigureAwait(false))
                    results.Read(reader);
            }
            while (await reader.NextResultAsync(ct).ConfigureAwait(false));
        }
        statements.TakeCounts(batch);
        return results;
    }

    public ValueTask DisposeAsync() => _connection?.DisposeAsync() ?? ValueTask.CompletedTask;

    private static void AddStarts(Statements statements, List<StartWrite> starts, bool mayBeRecorded) => statements.Add(
        InsertRuns + (mayBeRecorded ? " on conflict do nothing" : "") + " returning id, created_at, owner is not null",
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
        from (select unnest($3::text[]) as run_id, unnest($4::bigint[]) as epoch, unnest($5::text[]) as key, unnest($6::int[]) as attempt,
            unnest($7::timestamptz[]) as failed_at, unnest($8::timestamptz[]) as retry_at, unnest($9::text[]) as error, unnest($10::timestamptz[]) as created_at) i
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

    private void AddSteps(Statements statements, List<StepWrite> writes, bool mayBeRecorded) => statements.AddCounted(
        typeof(StepWrite),
        mayBeRecorded ? InsertSteps + " on conflict do nothing" : InsertSteps,
        [
            .. StepColumns(writes),
            Sparse(writes, w => _owned.Contains(w.Run) ? null : w.Run.CreatedAt?.UtcDateTime, null, NpgsqlDbType.TimestampTz),
            Sparse(writes, w => _owned.Contains(w.Run) ? null : true, (bool?)null, NpgsqlDbType.Boolean),
        ]);

    private static NpgsqlParameter[] StepColumns(List<StepWrite> writes) =>
    [
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
    ];

    private static void AddParks(Statements statements, List<ParkWrite> writes) => statements.AddCounted(
        typeof(ParkWrite),
        """
        update durable.runs r set status = 'WAITING', owner = null, due_at = i.due_at
        from (select unnest($3::text[]) as run_id, unnest($4::bigint[]) as epoch, unnest($5::timestamptz[]) as due_at, unnest($6::bigint[]) as wake_count,
            unnest($7::timestamptz[]) as created_at) i
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
            from (select unnest($3::text[]) as run_id, unnest($4::bigint[]) as epoch, unnest($5::text[]) as status, unnest($6::text[]) as output, unnest($7::text[]) as error,
                unnest($8::timestamptz[]) as completed_at, unnest($9::timestamptz[]) as created_at) i
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
            from (select unnest($3::text[]) as run_id, unnest($4::bigint[]) as epoch, unnest($5::timestamptz[]) as completed_at) i
            join durable.runs r on r.id = i.run_id and r.epoch = i.epoch and r.completed_at = i.completed_at
            where exists (select from durable.runs p where p.id = r.parent_id)
            on conflict do nothing
            """,
            Text(children, w => w.Run.Id),
            Array(children, w => w.Run.Epoch, NpgsqlDbType.Bigint),
            Times(children, w => w.Outcome.CompletedAt));
    }

    /// <summary>Finds out about the writes whose statement changed fewer rows than it had.</summary>
    private async Task ResolveAsync(Statements statements, WritesByKind writes, string workerId, CancellationToken ct)
    {
        if (writes.Starts.FindAll(s => s.CreatedAt == default) is { Count: > 0 } starts)
            await ResolveStartsAsync(starts, ct).ConfigureAwait(false);
        if (statements.ChangedFewer(typeof(AttemptWrite), writes.Attempts.Count))
            await ResolveRecordsAsync("step_attempts", writes.Attempts, w => w.Attempt.Key, ct).ConfigureAwait(false);
        if (statements.ChangedFewer(typeof(StepWrite), writes.Steps.Count))
            await ResolveRecordsAsync("steps", writes.Steps, w => w.Step.Key, ct).ConfigureAwait(false);
        if (statements.ChangedFewer(typeof(ParkWrite), writes.Parks.Count))
            await ResolveRunsAsync(writes.Parks, (park, run) =>
            {
                park.Woken = run.Owner == workerId && run.Epoch == park.Run.Epoch;
                park.Fenced = !park.Woken && !(run.Status == RunStatus.Waiting && run.Epoch == park.Run.Epoch);
            }, ct).ConfigureAwait(false);
        if (statements.ChangedFewer(typeof(EndWrite), writes.Ends.Count))
            await ResolveRunsAsync(writes.Ends, (end, run) => end.Fenced = !end.IsOf(run), ct).ConfigureAwait(false);
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
}
