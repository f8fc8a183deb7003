using Npgsql;
using NpgsqlTypes;

namespace Elt.Durable.Journal.Postgres;

/// <summary>The connections to a journal in Postgres and how its statements are made: parameter 1 of each is the time that replaces the database's clock in tests, else null.</summary>
internal sealed class PostgresStore(NpgsqlDataSource dataSource, JournalSettings settings) : IAsyncDisposable
{
    public NpgsqlDataSource DataSource { get; } = dataSource;

    /// <summary>Whether a connection can be kept, besides the one that listens, and one is left.</summary>
    public bool CanKeepConnection { get; } = new NpgsqlConnectionStringBuilder(dataSource.ConnectionString).MaxPoolSize > 2;

    /// <summary>A statement; the values are its parameters from 2 on.</summary>
    public NpgsqlCommand Command(string sql, params ReadOnlySpan<object?> values)
    {
        var command = DataSource.CreateCommand(sql);
        AddParameters(command.Parameters, values);
        return command;
    }

    /// <summary>Statements in one transaction and one round trip; each sees what was committed before it began, also while the one before waited for locks.</summary>
    public NpgsqlBatch Batch(params ReadOnlySpan<(string Sql, object?[] Values)> statements)
    {
        var batch = DataSource.CreateBatch();
        foreach (var (sql, values) in statements)
        {
            var command = new NpgsqlBatchCommand(sql);
            AddParameters(command.Parameters, values);
            batch.BatchCommands.Add(command);
        }
        return batch;
    }

    /// <summary>Executes a statement and returns how many rows it changed.</summary>
    public async Task<int> RunAsync(string sql, object?[] values, CancellationToken ct)
    {
        await using var command = Command(sql, values);
        return await command.ExecuteNonQueryAsync(ct).ConfigureAwait(false);
    }

    /// <summary>Executes statements in one transaction, as <see cref="Batch"/> makes them, and returns how many rows each of them changed.</summary>
    public Task<IReadOnlyList<int>> RunAllAsync((string Sql, object?[] Values)[] statements, CancellationToken ct) => OutOfDeadlockAsync<IReadOnlyList<int>>(async () =>
    {
        await using var batch = Batch(statements);
        await batch.ExecuteNonQueryAsync(ct).ConfigureAwait(false);
        return [.. from NpgsqlBatchCommand command in batch.BatchCommands select (int)command.RecordsAffected];
    });

    /// <summary>Executes a query and reads all its rows.</summary>
    public async Task<IReadOnlyList<T>> QueryAsync<T>(string sql, object?[] values, Func<NpgsqlDataReader, T> read, CancellationToken ct)
    {
        await using var command = Command(sql, values);
        await using var reader = await command.ExecuteReaderAsync(ct).ConfigureAwait(false);
        return await ReadAllAsync(reader, read, ct).ConfigureAwait(false);
    }

    /// <summary>Executes a statement of a transaction and returns how many rows it changed.</summary>
    public async Task<int> RunAsync(NpgsqlConnection connection, string sql, object?[] values, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        AddParameters(command.Parameters, values);
        return await command.ExecuteNonQueryAsync(ct).ConfigureAwait(false);
    }

    /// <summary>Executes a query of a transaction and reads all its rows.</summary>
    public async Task<IReadOnlyList<T>> QueryAsync<T>(NpgsqlConnection connection, string sql, object?[] values, Func<NpgsqlDataReader, T> read, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        AddParameters(command.Parameters, values);
        await using var reader = await command.ExecuteReaderAsync(ct).ConfigureAwait(false);
        return await ReadAllAsync(reader, read, ct).ConfigureAwait(false);
    }

    /// <summary>Runs a body in a transaction and commits it; rolls back when it throws. The body may be run several times.</summary>
    public Task<T> TransactAsync<T>(Func<NpgsqlConnection, Task<T>> body, CancellationToken ct) => OutOfDeadlockAsync(async () =>
    {
        await using var connection = await DataSource.OpenConnectionAsync(ct).ConfigureAwait(false);
        await using var transaction = await connection.BeginTransactionAsync(ct).ConfigureAwait(false);
        var result = await body(connection).ConfigureAwait(false);
        await transaction.CommitAsync(ct).ConfigureAwait(false);
        return result;
    });

    /// <summary>
    /// Runs a transaction, and anew each time Postgres ends it to break a circle of locks. A statement that locks runs in the order of their ids can close
    /// one all the same: it keeps the lock on a row that changed meanwhile and is none of its own any more.
    /// </summary>
    public static async Task<T> OutOfDeadlockAsync<T>(Func<Task<T>> transaction)
    {
        while (true)
        {
            try
            {
                return await transaction().ConfigureAwait(false);
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.DeadlockDetected)
            {
                // All of it was rolled back, and the others of the circle go on.
            }
        }
    }

    /// <summary>The rows of the current result.</summary>
    public static async Task<IReadOnlyList<T>> ReadAllAsync<T>(NpgsqlDataReader reader, Func<NpgsqlDataReader, T> read, CancellationToken ct)
    {
        var rows = new List<T>();
        while (await reader.ReadAsync(ct).ConfigureAwait(false))
            rows.Add(read(reader));
        return rows;
    }

    /// <summary>Parameter 1 of every statement.</summary>
    public NpgsqlParameter Now() => new() { Value = settings.Clock?.GetUtcNow().UtcDateTime ?? (object)DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz };

    public ValueTask DisposeAsync() => DataSource.DisposeAsync();

    private void AddParameters(NpgsqlParameterCollection parameters, ReadOnlySpan<object?> values)
    {
        parameters.Add(Now());
        foreach (var value in values)
            parameters.Add(new NpgsqlParameter { Value = value ?? DBNull.Value });
    }
}

/// <summary>Reads columns that may be null.</summary>
internal static class NullableColumns
{
    public static string? TextOrNull(this NpgsqlDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetString(column);

    public static int? IntOrNull(this NpgsqlDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetInt32(column);

    public static DateTimeOffset Time(this NpgsqlDataReader reader, int column) => reader.GetFieldValue<DateTimeOffset>(column);

    public static DateTimeOffset? TimeOrNull(this NpgsqlDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetFieldValue<DateTimeOffset>(column);
}
