using Elt.Durable.Control;
using Elt.Durable.Execution;
using Elt.Durable.Journal.Migrations;
using Elt.Durable.Messages;
using Elt.Durable.Queues;
using Elt.Durable.Schedules;
using Elt.Durable.Streams;
using Npgsql;

namespace Elt.Durable.Journal.Postgres;

/// <summary>
/// The journal in Postgres, schema <c>durable</c>. Fencing works through the worker's row: each commit of a worker holds it <c>for key share</c>, and whoever
/// takes runs away from a worker locks it <c>for update</c> first, and deletes it or gives it another number. So a commit either lands before the takeover,
/// and the new executor reads it, or sees that its runs have another owner; no lock on the run rows is needed, and no look at them while the number stays.
/// </summary>
internal sealed class PostgresJournal(PostgresStore store) : IJournal
{
    /// <summary>Tells workers, whose rows are locked, that runs are taken from them: their next commits look each run up. Parameter 2: their ids.</summary>
    internal const string NewTaking = "update durable.workers set taken = nextval('durable.takings') where id = any ($2)";

    private readonly PostgresCommit _commit = new(store);
    private readonly PostgresClaim _claim = new(store);
    private readonly PostgresReader _reader = new(store.DataSource);
    private readonly PostgresHints _hints = new(store.DataSource);

    public IQueueStore Queues { get; } = new PostgresQueueStore(store);

    public IScheduleStore Schedules { get; } = new PostgresScheduleStore(store);

    public IMessageStore Messages { get; } = new PostgresMessageStore(store);

    public IStreamStore Streams { get; } = new PostgresStreamStore(store);

    public IRunControl Control { get; } = new PostgresRunControl(store);

    public async Task OpenAsync(CancellationToken ct)
    {
        await using var connection = await store.DataSource.OpenConnectionAsync(ct).ConfigureAwait(false);
        if (connection.PostgreSqlVersion < new Version(15, 0))
            throw new JournalException($"The journal needs Postgres 15 or later; this server is {connection.PostgreSqlVersion}.");
        await using var transaction = await connection.BeginTransactionAsync(ct).ConfigureAwait(false);
        await ExecuteAsync(
            connection,
            """
            select pg_advisory_xact_lock(hashtext('elt.durable.migrations'));
            create schema if not exists durable;
            create table if not exists durable.migrations (number int primary key, name text not null, hash text not null, applied_at timestamptz not null default now());
            """,
            ct).ConfigureAwait(false);
        var applied = await AppliedAsync(connection, ct).ConfigureAwait(false);
        foreach (var migration in Migration.Missing(Migration.For("Postgres"), applied))
        {
            await ExecuteAsync(connection, migration.Sql, ct).ConfigureAwait(false);
            await using var record = new NpgsqlCommand("insert into durable.migrations (number, name, hash) values ($1, $2, $3)", connection)
            {
                Parameters = { new() { Value = migration.Number }, new() { Value = migration.Name }, new() { Value = migration.Hash } },
            };
            await record.ExecuteNonQueryAsync(ct).ConfigureAwait(false);
        }
        await transaction.CommitAsync(ct).ConfigureAwait(false);
    }

    public async Task<DateTimeOffset> RegisterWorkerAsync(
        string workerId, TimeSpan lease, IReadOnlyCollection<WorkflowReference> workflows, CancellationToken ct)
    {
        await using var command = store.Command(
            """
            insert into durable.workers (id, lease_until, started_at, workflows) values ($2, coalesce($1, now()) + $3, coalesce($1, now()), $4)
            on conflict (id) do update set lease_until = excluded.lease_until
            returning lease_until - $3
            """,
            workerId, lease, workflows.Select(w => w.ToKey()).ToArray());
        return await TimeAsync(command, ct).ConfigureAwait(false) ?? throw new JournalException("The worker could not be registered.");
    }

    public async Task<DateTimeOffset?> RenewLeaseAsync(string workerId, TimeSpan lease, CancellationToken ct)
    {
        await using var command = store.Command(
            "update durable.workers set lease_until = coalesce($1, now()) + $3 where id = $2 returning lease_until - $3", workerId, lease);
        return await TimeAsync(command, ct).ConfigureAwait(false);
    }

    public async Task ReleaseWorkerAsync(string workerId, CancellationToken ct)
    {
        await store.RunAllAsync(
            [
                ("select 1 from durable.workers where id = $2 for update", [workerId]),
                (
                    """
                    update durable.runs set status = 'ENQUEUED', owner = null, due_at = coalesce($1, now()), priority = -2147483648
                    where owner = $2 and completed_at is null
                    """,
                    [workerId]),
                ("delete from durable.workers where id = $2", [workerId]),
                (PostgresHints.NotifyWork, []),
            ],
            ct).ConfigureAwait(false);
    }

    public async Task<int> RecoverAsync(CancellationToken ct)
    {
        // Three statements, because each needs to see what was committed while the one before waited for its locks. A worker whose commit is
        // in flight is skipped and found again a moment later. The anti-join also finds runs whose owner has no row at all.
        var changed = await store.RunAllAsync(
            [
                (
                    """
                    update durable.workers set gone = true
                    where id in (select id from durable.workers where lease_until < coalesce($1, now()) for update skip locked)
                    """,
                    []),
                (
                    """
                    update durable.runs set status = 'ENQUEUED', owner = null, due_at = coalesce($1, now()), priority = -2147483648, recoveries = recoveries + 1
                    where owner is not null and completed_at is null and not exists (select from durable.workers w where w.id = owner and not w.gone)
                    """,
                    []),
                ("delete from durable.workers where gone", []),
            ],
            ct).ConfigureAwait(false);
        return changed[1];
    }

    public async Task<int> ReleaseUnknownAsync(string workerId, IReadOnlyCollection<string> known, CancellationToken ct)
    {
        // A commit in flight for such a run lands first, or finds that the run is not the worker's any more.
        var changed = await store.RunAllAsync(
            [
                ("select 1 from durable.workers where id = $2 for update", [workerId]),
                (NewTaking, [new[] { workerId }]),
                (
                    """
                    update durable.runs set status = 'ENQUEUED', owner = null, due_at = coalesce($1, now()), priority = -2147483648
                    where owner = $2 and completed_at is null and id <> all ($3)
                    """,
                    [workerId, known.ToArray()]),
            ],
            ct).ConfigureAwait(false);
        return changed[2];
    }

    public Task<Prospect> ProbeAsync(ClaimRequest request, CancellationToken ct) => _claim.ProbeAsync(request, ct);

    public Task<IReadOnlyList<ChangedRun>> FindChangedAsync(string workerId, IReadOnlyList<ExecutedRun> executed, CancellationToken ct) => store.QueryAsync(
        """
        select i.id, r.id is null or r.epoch <> i.epoch or r.owner is distinct from $2
        from unnest($3::text[], $4::bigint[], $5::bigint[]) as i(id, epoch, wake_count) left join durable.runs r on r.id = i.id
        where r.id is null or r.epoch <> i.epoch or r.owner is distinct from $2 or r.wake_count <> i.wake_count
        """,
        [workerId, executed.Select(e => e.Id).ToArray(), executed.Select(e => e.Epoch).ToArray(), executed.Select(e => e.WakeCount).ToArray()],
        r => new ChangedRun(r.GetString(0), r.GetBoolean(1)),
        ct);

    public Task<ClaimResult> ClaimAsync(ClaimRequest request, CancellationToken ct) => _claim.ClaimAsync(request, ct);

    public Task CommitAsync(string workerId, IReadOnlyList<JournalWrite> writes, CancellationToken ct) => _commit.CommitAsync(workerId, writes, ct);

    public Task<IReadOnlyList<UnservedWorkflow>> FindUnservedAsync(CancellationToken ct) => PostgresUnserved.FindAsync(store, ct);

    public Task<RunHistory> ReadHistoryAsync(string runId, CancellationToken ct) => _reader.ReadHistoryAsync(runId, ct);

    public Task<RunInfo?> FindRunAsync(string runId, CancellationToken ct) => _reader.FindRunAsync(runId, ct);

    public Task<IReadOnlyList<RunInfo>> ListRunsAsync(RunFilter filter, CancellationToken ct) => _reader.ListRunsAsync(filter, ct);

    public Task<IReadOnlyDictionary<RunStatus, long>> CountRunsAsync(RunFilter filter, CancellationToken ct) => _reader.CountRunsAsync(filter, ct);

    public Task<JournalHint> WaitForHintAsync(CancellationToken ct) => _hints.WaitAsync(ct);

    public async ValueTask DisposeAsync()
    {
        await _hints.DisposeAsync().ConfigureAwait(false);
        await _commit.DisposeAsync().ConfigureAwait(false);
        await store.DisposeAsync().ConfigureAwait(false);
    }

    private static async Task<IReadOnlyDictionary<int, string>> AppliedAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand("select number, hash from durable.migrations", connection);
        await using var reader = await command.ExecuteReaderAsync(ct).ConfigureAwait(false);
        var applied = new Dictionary<int, string>();
        while (await reader.ReadAsync(ct).ConfigureAwait(false))
            applied[reader.GetInt32(0)] = reader.GetString(1);
        return applied;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(ct).ConfigureAwait(false);
    }

    private static async Task<DateTimeOffset?> TimeAsync(NpgsqlCommand command, CancellationToken ct) =>
        await command.ExecuteScalarAsync(ct).ConfigureAwait(false) is DateTime time ? new DateTimeOffset(time, TimeSpan.Zero) : null;
}
