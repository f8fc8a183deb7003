using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;

namespace Elt.Durable.Ledger;

/// <summary>
/// Connections for reading that wait for their next user. A new connection parses the whole schema before its first statement, which takes longer than
/// most questions. A connection that is disposed of comes back here.
/// </summary>
/// <param name="connectionString">Where.</param>
/// <param name="prepare">Called with each new connection, open, before its first use.</param>
internal sealed class SqliteReaders(string connectionString, Action<SqliteConnection> prepare) : IDisposable
{
    // Each holds a page cache of up to 2 MB.
    private const int MaxIdle = 4;

    private readonly ConcurrentBag<Reader> _idle = [];
    private volatile bool _isDisposed;

    /// <summary>An open connection, for one user until it is disposed of.</summary>
    public SqliteConnection Rent()
    {
        if (_idle.TryTake(out var reader))
        {
            reader.IsRented = true;
            return reader;
        }
        reader = new Reader(this, connectionString);
        try
        {
            reader.Open();
            prepare(reader);
            return reader;
        }
        catch
        {
            reader.End();
            throw;
        }
    }

    /// <summary>Closes those that wait; those that are in use close when they are disposed of.</summary>
    public void Dispose()
    {
        _isDisposed = true;
        while (_idle.TryTake(out var reader))
            reader.End();
    }

    private bool Keep(Reader reader)
    {
        if (_isDisposed || _idle.Count >= MaxIdle)
            return false;
        _idle.Add(reader);
        if (_isDisposed)
            Dispose();
        return true;
    }

    private sealed class Reader(SqliteReaders readers, string connectionString) : SqliteConnection(connectionString)
    {
        public bool IsRented { get; set; } = true;

        public void End() => base.Dispose(true);

        protected override void Dispose(bool disposing)
        {
            if (!disposing)
                base.Dispose(disposing);
            else if (IsRented)
            {
                IsRented = false;
                // One whose transaction is open would show its next user the past.
                if (Transaction is not null || State != System.Data.ConnectionState.Open || !readers.Keep(this))
                    End();
            }
        }
    }
}
