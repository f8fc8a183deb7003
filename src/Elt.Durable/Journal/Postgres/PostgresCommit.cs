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
    private readonly PostgresReader _reader = new(store.DataSource);
    private readonly OwnedRuns _owned = new();
    private RowStatement<StepWrite>? _insertSteps;
    private NpgsqlConnection? _connection;

    public async Task CommitAsync(string workerId, IReadOnlyList<JournalWrite> writes, CancellationToken ct)
    {
        var byKind = new WritesByKind(writes);
        for (var mayBeRecorded = false; ;)
        {
            try
            {
                if (mayBeRecorded || !await TryCommitOwnStepsAsync(workerId, byKind, ct).ConfigureAwait(false))
                    writes[^1].Woke = await CommitAsync(workerId, byKind, mayBeRecorded, mayBeAwaited: false, ct).ConfigureAwait(false);
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
        statements.AddCounted(CommitStatements.InsertOwnSteps, writes.Steps, "", Number(_owned.Taken));
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
    /// <param name="mayBeAwaited">Whether others may wait for the runs that end. Few are awaited, and to look for waiters is a tenth of a commit.</param>
    /// <param name="ct">Gives up.</param>
    private async Task<JournalHint> CommitAsync(string workerId, WritesByKind writes, bool mayBeRecorded, bool mayBeAwaited, CancellationToken ct)
    {
        var conflicts = mayBeRecorded ? " on conflict do nothing" : "";
        var statements = new Statements(store, workerId);
        statements.Add(CommitStatements.LockWorker, Number(_owned.Taken));
        var areStartsNew = !mayBeRecorded && writes.FirstStarts.TrueForAll(s => s.Run is { HasNewId: true, Queue: null, Parent: null });
        if (writes.FirstStarts.Count > 0)
        {
            if (areStartsNew)
                statements.Add(CommitStatements.InsertNewRuns, writes.FirstStarts);
            else
                statements.Add(CommitStatements.InsertRuns, writes.FirstStarts, conflicts + " returning id, created_at, owner is not null");
            statements.NotifyWhen(writes.FirstStarts.Exists(s => !s.Run.ClaimNow));
        }
        if (writes.Attempts.Count > 0)
            AddAttempts(statements, writes.Attempts);
        if (writes.Steps.Count > 0)
            statements.AddCounted(_insertSteps ??= CommitStatements.InsertSteps(_owned), writes.Steps, conflicts);
        var receivers = PostgresMessageStore.AddSends(statements, writes.Effects, writes.Messages);
        PostgresMessageStore.AddReceipts(statements, writes.Effects);
        var setters = PostgresStreamStore.AddEntries(statements, writes.Effects);
        if (writes.Parks.Count > 0)
            AddParks(statements, writes.Parks);
        mayBeAwaited |= receivers.Count + setters.Count > 0 || writes.Ends.Exists(w => w.ParentId is not null);
        if (writes.Ends.Count > 0)
            AddEnds(statements, writes.Ends, mayBeAwaited);
        if (mayBeAwaited)
            PostgresWakes.Add(statements, writes.Ends, receivers, setters);

        var results = await ExecuteAsync(statements, ct).ConfigureAwait(false);
        _owned.See(workerId, results.Taken);
        foreach (var start in writes.FirstStarts)
        {
            if (areStartsNew)
                (start.CreatedAt, start.Claimed) = (results.Now, start.Run.ClaimNow && results.Taken is not null);
            else if (results.Created.TryGetValue(start.Run.Id, out var run))
                (start.CreatedAt, start.Claimed) = run;
            else
                continue;
            if (start.Claimed)
                _owned.Add(new RunKey(start.Run.Id, 1, start.CreatedAt));
        }
        LearnOwned(writes, areAllStepsWritten: !statements.ChangedFewer(typeof(StepWrite), writes.Steps.Count));
        await ResolveAsync(statements, writes, workerId, ct).ConfigureAwait(false);
        if (!statements.ChangedFewer(typeof(EndWrite), writes.Ends.Count))
            return results.Woke;
        if (!mayBeAwaited)
            return await CommitAsync(workerId, new WritesByKind(writes.Ends), mayBeRecorded: false, mayBeAwaited: true, ct).ConfigureAwait(false);
        await ResolveRunsAsync(writes.Ends, (end, run) => end.Fenced = !end.IsOf(run), ct).ConfigureAwait(false);
        return results.Woke;
    }

    private void LearnOwned(WritesByKind writes, bool areAllStepsWritten)
    {
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

    private static void AddEnds(Statements statements, List<EndWrite> writes, bool mayBeAwaited)
    {
        statements.AddCounted(mayBeAwaited ? CommitStatements.EndRuns : CommitStatements.EndUnawaitedRuns, writes);
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

    /// <summary>Finds out about the writes, apart from ends, whose statement changed fewer rows than it had.</summary>
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
