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
                primary key (workflow_id, step));
              create table if not exists {_schema}.step_fence (
                workflow_id text primary key,
                epoch bigint not null);
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

    private protected override async Task<long> RaiseFenceAsync(NpgsqlTransaction transaction, StepIdentity step, CancellationToken ct)
    {
        // The row lock of the common case (fence already ours) is shared, so that parallel steps of one run do not wait for each other.
        if (await ScalarAsync(transaction, $"select epoch from {_schema}.step_fence where workflow_id = $1 for share", step, withEpoch: false, ct)
                .ConfigureAwait(false) is long seen && seen >= step.Epoch)
            return seen;
        var raised = await ScalarAsync(
            transaction,
            $"""
            insert into {_schema}.step_fence as f (workflow_id, epoch) values ($1, $2)
            on conflict (workflow_id) do update set epoch = greatest(f.epoch, excluded.epoch)
            returning epoch
            """,
            step, withEpoch: true, ct).ConfigureAwait(false);
        return (long)raised!;
    }

    private protected override async Task<string?> FindResultAsync(NpgsqlTransaction transaction, StepIdentity step, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            $"select result from {_schema}.step_ledger where workflow_id = $1 and step = $2", transaction.Connection, transaction)
        {
            Parameters = { new() { Value = step.WorkflowId }, new() { Value = step.Key } },
        };
        return (string?)await command.ExecuteScalarAsync(ct).ConfigureAwait(false);
    }

    private protected override async Task RecordAsync(NpgsqlTransaction transaction, StepIdentity step, string result, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            $"insert into {_schema}.step_ledger (workflow_id, step, epoch, result) values ($1, $2, $3, $4)", transaction.Connection, transaction)
        {
            Parameters = { new() { Value = step.WorkflowId }, new() { Value = step.Key }, new() { Value = step.Epoch }, new() { Value = result } },
        };
        await command.ExecuteNonQueryAsync(ct).ConfigureAwait(false);
    }

    private protected override bool IsLedgerConflict(Exception error) =>
        error is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation, TableName: "step_ledger" };

    private static async Task<object?> ScalarAsync(NpgsqlTransaction transaction, string sql, StepIdentity step, bool withEpoch, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(sql, transaction.Connection, transaction) { Parameters = { new() { Value = step.WorkflowId } } };
        if (withEpoch)
            command.Parameters.Add(new() { Value = step.Epoch });
        return await command.ExecuteScalarAsync(ct).ConfigureAwait(false);
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
