using System.Buffers;
using System.Text;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Elt.Pipelines.Warehouse;

/// <summary>
/// A statement that is executed for many rows, one after another: its values are bound by their place, and those that stay only once. The driver's own command looks
/// up each name for each row, which costs more than the row. Within a transaction of its connection; not thread-safe.
/// </summary>
internal sealed class RepeatedInsert : IDisposable
{
    private readonly sqlite3 _connection;
    private readonly sqlite3_stmt _statement;
    private byte[] _text = ArrayPool<byte>.Shared.Rent(4096);

    /// <param name="connection">An open connection.</param>
    /// <param name="sql">One statement with named parameters.</param>
    /// <param name="same">The values that all rows have.</param>
    public RepeatedInsert(SqliteConnection connection, string sql, params ReadOnlySpan<(string Name, object? Value)> same)
    {
        _connection = connection.Handle!;
        Check(raw.sqlite3_prepare_v2(_connection, sql, out _statement));
        foreach (var (name, value) in same)
        {
            if (value is string text)
                Bind(Place(name), text);
            else
                Bind(Place(name), Convert.ToInt64(value, System.Globalization.CultureInfo.InvariantCulture));
        }
    }

    /// <summary>Where a parameter is bound.</summary>
    /// <exception cref="ArgumentException">The statement has none of that name.</exception>
    public int Place(string name) => raw.sqlite3_bind_parameter_index(_statement, name) is > 0 and var place
        ? place
        : throw new ArgumentException($"The statement has no parameter {name}.", nameof(name));

    /// <summary>Binds a text; <see langword="null"/> becomes NULL.</summary>
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

    /// <summary>Binds a number.</summary>
    public void Bind(int place, long value) => Check(raw.sqlite3_bind_int64(_statement, place, value));

    /// <summary>Inserts a row of the values that are bound; they stay bound.</summary>
    public void Execute()
    {
        var result = raw.sqlite3_step(_statement);
        raw.sqlite3_reset(_statement);
        if (result != raw.SQLITE_DONE)
            Check(result);
    }

    public void Dispose()
    {
        _statement.Dispose();
        ArrayPool<byte>.Shared.Return(_text);
    }

    private void Check(int result) => SqliteException.ThrowExceptionForRC(result, _connection);
}
