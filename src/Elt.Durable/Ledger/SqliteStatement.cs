using System.Buffers;
using System.Globalization;
using System.Text;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Elt.Durable.Ledger;

/// <summary>
/// A prepared statement that is executed again and again, with values bound by their place; those that stay are bound once. The driver's own command looks up
/// each name for each row, which costs more than the row. In whatever transaction its connection is; not thread-safe.
/// </summary>
public sealed class SqliteStatement : IDisposable
{
    private readonly sqlite3 _connection;
    private readonly sqlite3_stmt _statement;
    private byte[] _text = ArrayPool<byte>.Shared.Rent(4096);

    /// <param name="connection">An open connection, which outlives the statement.</param>
    /// <param name="sql">One statement with named parameters.</param>
    /// <exception cref="SqliteException">It cannot be prepared.</exception>
    public SqliteStatement(SqliteConnection connection, string sql)
    {
        ArgumentNullException.ThrowIfNull(connection);
        _connection = connection.Handle ?? throw new InvalidOperationException("The connection is not open.");
        Check(raw.sqlite3_prepare_v2(_connection, sql, out _statement));
    }

    /// <summary>Where a parameter is bound, from 1.</summary>
    /// <param name="name">Its name with the sign in front, <c>$id</c>.</param>
    /// <exception cref="ArgumentException">The statement has none of that name.</exception>
    public int Place(string name) => raw.sqlite3_bind_parameter_index(_statement, name) is > 0 and var place
        ? place
        : throw new ArgumentException($"The statement has no parameter {name}.", nameof(name));

    /// <summary>Binds a text, an integer, a truth value (1 or 0) or <see langword="null"/>.</summary>
    /// <param name="place">Where.</param>
    /// <param name="value">What.</param>
    /// <exception cref="ArgumentException">The value is of another type.</exception>
    public void Bind(int place, object? value)
    {
        if (value is null or string)
            Bind(place, (string?)value);
        else if (value is long or int or bool or short or byte)
            Bind(place, Convert.ToInt64(value, CultureInfo.InvariantCulture));
        else
            throw new ArgumentException($"Texts, integers, truth values and null can be bound, not {value.GetType().Name}.", nameof(value));
    }

    /// <summary>Binds a text; <see langword="null"/> becomes NULL.</summary>
    /// <param name="place">Where.</param>
    /// <param name="value">What.</param>
    public void Bind(int place, string? value)
    {
        if (value is null or "")
        {
            // No bytes at all would be bound as NULL.
            Check(value is null ? raw.sqlite3_bind_null(_statement, place) : raw.sqlite3_bind_text(_statement, place, ""));
            return;
        }
        var most = Encoding.UTF8.GetMaxByteCount(value.Length);
        if (most > _text.Length)
        {
            ArrayPool<byte>.Shared.Return(_text);
            _text = ArrayPool<byte>.Shared.Rent(most);
        }
        Check(raw.sqlite3_bind_text(_statement, place, _text.AsSpan(0, Encoding.UTF8.GetBytes(value, _text))));
    }

    /// <summary>Binds an integer.</summary>
    /// <param name="place">Where.</param>
    /// <param name="value">What.</param>
    public void Bind(int place, long value) => Check(raw.sqlite3_bind_int64(_statement, place, value));

    /// <summary>Executes the statement to its end with the values that are bound; they stay bound.</summary>
    /// <returns>How many rows it inserted, updated or deleted; of a statement that does none of these, how many the last one did.</returns>
    /// <exception cref="SqliteException">It fails.</exception>
    public int Execute()
    {
        int result;
        do
            result = raw.sqlite3_step(_statement);
        while (result == raw.SQLITE_ROW);
        End(result);
        return raw.sqlite3_changes(_connection);
    }

    /// <summary>Whether the statement, executed with the values that are bound, gives a row.</summary>
    /// <exception cref="SqliteException">It fails.</exception>
    public bool Any()
    {
        var result = raw.sqlite3_step(_statement);
        End(result);
        return result == raw.SQLITE_ROW;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _statement.Dispose();
        ArrayPool<byte>.Shared.Return(_text);
    }

    private void End(int result)
    {
        // Reset tells the same error once more.
        raw.sqlite3_reset(_statement);
        if (result is not (raw.SQLITE_DONE or raw.SQLITE_ROW))
            Check(result);
    }

    private void Check(int result) => SqliteException.ThrowExceptionForRC(result, _connection);
}
