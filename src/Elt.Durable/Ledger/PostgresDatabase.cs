using Npgsql;

namespace Elt.Durable.Ledger;

/// <summary>A Postgres database for transactional steps.</summary>
/// <param name="dataSource">Connections to it; not disposed here.</param>
/// <param name="schema">Schema of the ledger's tables, created when missing. Default <c>durable</c>.</param>
public sealed class PostgresDatabase(NpgsqlDataSource dataSource, string schema = "durable") : TransactionalDatabase<NpgsqlTransaction>
{
    private readonly string _schema = PostgresIdentifier.Quote(schema);

    /// <summary>Connections to the database.</summary>
    public NpgsqlDataSource DataSource { get; } = dataSource;

    private protected override async Task CreateLedgerAsync(CancellationToken ct)
    {
        await using var command = DataSource.CreateCommand(
            $"""
            do $$ begin
              perform pg_advisory_xact_lock(hashtext('elt.durable.ledger'));
              create schema if not exists {_schema};
              create table if not exists {_schema}.step_ledger (
                workflow_id text not null,
                step text not null,
                epoch bigint not null,
                result text not null,
                recorded_at timestamptz not null default now(),
                incarnation bigint not null default 0,
                primary key (workflow_id, step));
              create table if not exists {_schema}.step_fence (
                workflow_id text primary key,
                epoch bigint not null,
                incarnation bigint not null default 0);
              if not exists (select from pg_attribute where attrelid = '{_schema}.step_fence'::regclass and attname = 'incarnation') then
                alter table {_schema}.step_ledger add column if not exists incarnation bigint not null default 0;
                alter table {_schema}.step_fence add column if not exists incarnation bigint not null default 0;
              end if;
            end $$
            """);
        await command.ExecuteNonQueryAsync(ct).ConfigureAwait(false);
    }

    private protected override async Task<T> InTransactionAsync<T>(Func<NpgsqlTransaction, Task<(T Result, bool Commit)>> body, CancellationToken ct)
    {
        await using var connection = await DataSource.OpenConnectionAsync(ct).ConfigureAwait(false);
        await using var transaction = await connection.BeginTransactionAsync(ct).ConfigureAwait(false);
        var (result, commit) = await body(transaction).ConfigureAwait(false);
        if (commit)
            await transaction.CommitAsync(ct).ConfigureAwait(false);
        return result;
    }

    private protected override async Task<RunClaim> RaiseFenceAsync(NpgsqlTransaction transaction, StepIdentity step, CancellationToken ct)
    {
        // The row lock of the common case (fence already ours) is shared, so that parallel steps of one run do not wait for each other.
        var seen = await FenceAsync(transaction, $"select incarnation, epoch from {_schema}.step_fence where workflow_id = $1 for share", [step.WorkflowId], ct).ConfigureAwait(false);
        if (seen is { } fence && !step.Claim.IsNewerThan(fence))
            return fence;
        var raised = await FenceAsync(
            transaction,
            $"""
            insert into {_schema}.step_fence as f (workflow_id, incarnation, epoch) values ($1, $2, $3)
            on conflict (workflow_id) do update set
              epoch = case when (excluded.incarnation, excluded.epoch) > (f.incarnation, f.epoch) then excluded.epoch else f.epoch end,
              incarnation = greatest(f.incarnation, excluded.incarnation)
            returning incarnation, epoch
            """,
            [step.WorkflowId, step.Claim.Incarnation, step.Claim.Epoch],
            ct).ConfigureAwait(false);
        return raised!.Value;
    }

    private protected override async Task<string?> FindResultAsync(NpgsqlTransaction transaction, StepIdentity step, CancellationToken ct)
    {
        await using var command = Command(
            transaction,
            $"""
            select result from {_schema}.step_ledger where workflow_id = $1 and step = $2
              and (incarnation = $3 or incarnation = 0 and recorded_at >= to_timestamp($3 / 1000000))
            """,
            [step.WorkflowId, step.Key, step.Claim.Incarnation]);
        return (string?)await command.ExecuteScalarAsync(ct).ConfigureAwait(false);
    }

    private protected override async Task<bool> RecordAsync(NpgsqlTransaction transaction, StepIdentity step, string result, CancellationToken ct)
    {
        await using var command = Command(
            transaction,
            $"""
            insert into {_schema}.step_ledger as l (workflow_id, step, incarnation, epoch, result) values ($1, $2, $3, $4, $5)
            on conflict (workflow_id, step) do update
              set incarnation = excluded.incarnation, epoch = excluded.epoch, result = excluded.result, recorded_at = excluded.recorded_at
              where l.incarnation < excluded.incarnation
            """,
            [step.WorkflowId, step.Key, step.Claim.Incarnation, step.Claim.Epoch, result]);
        return await command.ExecuteNonQueryAsync(ct).ConfigureAwait(false) == 1;
    }

    private static async Task<RunClaim?> FenceAsync(NpgsqlTransaction transaction, string sql, object[] values, CancellationToken ct)
    {
        await using var command = Command(transaction, sql, values);
        await using var reader = await command.ExecuteReaderAsync(ct).ConfigureAwait(false);
        return await reader.ReadAsync(ct).ConfigureAwait(false) ? new RunClaim(reader.GetInt64(0), reader.GetInt64(1)) : null;
    }

    private static NpgsqlCommand Command(NpgsqlTransaction transaction, string sql, object[] values)
    {
        var command = new NpgsqlCommand(sql, transaction.Connection, transaction);
        foreach (var value in values)
            command.Parameters.Add(new() { Value = value });
        return command;
    }
}

/// <summary>The one place that quotes identifiers for Postgres.</summary>
public static class PostgresIdentifier
{
    /// <summary>Wraps an identifier in double quotes.</summary>
    /// <param name="identifier">Plain name, such as a schema or column; not qualified.</param>
    /// <exception cref="ArgumentException">It is empty, over 63 bytes or holds NUL.</exception>
    public static string Quote(string identifier)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(identifier);
        if (System.Text.Encoding.UTF8.GetByteCount(identifier) > 63 || identifier.Contains('\0', StringComparison.Ordinal))
            throw new ArgumentException($"'{identifier}' is not an identifier: at most 63 bytes, no NUL.", nameof(identifier));
        return $"\"{identifier.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
    }
}
