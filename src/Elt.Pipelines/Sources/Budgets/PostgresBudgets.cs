using System.Data.Common;
using Npgsql;

namespace Elt.Pipelines.Sources.Budgets;

/// <summary>Keeps budgets in Postgres, by its clock.</summary>
/// <param name="dataSource">Connections to the database; not disposed here.</param>
/// <param name="time">A clock instead of the server's; default none.</param>
internal sealed class PostgresBudgets(NpgsqlDataSource dataSource, TimeProvider? time = null) : IBudgetStore
{
    public async Task<T> WriteAsync<T>(string scope, Func<BudgetBook, Task<T>> body, CancellationToken ct)
    {
        await using var connection = await dataSource.OpenConnectionAsync(ct).ConfigureAwait(false);
        await using var transaction = await connection.BeginTransactionAsync(ct).ConfigureAwait(false);
        var now = await LockAsync(connection, scope, ct).ConfigureAwait(false);
        var result = await body(new BudgetBook(transaction, "elt.", time?.GetUtcNow().ToUnixTimeMilliseconds() ?? now)).ConfigureAwait(false);
        await transaction.CommitAsync(ct).ConfigureAwait(false);
        return result;
    }

    // The clock is read after the wait for the lock: whoever comes later has the later time.
    private static async Task<long> LockAsync(NpgsqlConnection connection, string scope, CancellationToken ct)
    {
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new NpgsqlBatchCommand("select pg_advisory_xact_lock(hashtextextended('elt.budget/' || $1, 0))") { Parameters = { new() { Value = scope } } },
                new NpgsqlBatchCommand("select cast(extract(epoch from clock_timestamp()) * 1000 as bigint)"),
            },
        };
        await using var reader = await batch.ExecuteReaderAsync(ct).ConfigureAwait(false);
        await reader.NextResultAsync(ct).ConfigureAwait(false);
        await reader.ReadAsync(ct).ConfigureAwait(false);
        return reader.GetInt64(0);
    }
}
