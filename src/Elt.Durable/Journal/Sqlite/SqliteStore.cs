using Elt.Durable.Journal.Migrations;
using Microsoft.Data.Sqlite;

namespace Elt.Durable.Journal.Sqlite;

/// <summary>A journal's SQLite file: one connection for writing and one for reading, held by this process alone.</summary>
internal sealed class SqliteStore(string path, JournalSettings settings) : IDisposable
{
    private readonly Lock _writing = new();
    private readonly Lock _reading = new();
    private FileStream? _lockFile;
    private SqliteStatements? _writer;
    private SqliteStatements? _reader;

    /// <summary>The time by this process's clock, which is the journal's.</summary>
    public TimeProvider Clock { get; } = settings.Clock ?? TimeProvider.System;

    /// <summary>Now, in microseconds since 1970.</summary>
    public long Now => Microseconds(Clock.GetUtcNow());

    /// <summary>Takes the file, brings its tables up to date and runs a first transaction; does nothing when it is open already.</summary>
    public void Open(Action<SqliteStatements> begin)
    {
        if (_writer is not null)
            return;
        _lockFile = LockFile();
        try
        {
            _writer = new SqliteStatements(path);
            _writer.Transaction(() => Migrate(_writer));
            _writer.Transaction(() =>
            {
                begin(_writer);
                return true;
            });
            _reader = new SqliteStatements(path);
            _reader.Run("pragma query_only = on");
        }
        catch (SqliteException e)
        {
            throw new JournalException($"The journal '{path}' cannot be opened: {e.Message}. It must be a SQLite database in a folder that this process may write to.");
        }
    }

    /// <summary>Runs a body in a transaction of its own.</summary>
    public Task<T> WriteAsync<T>(Func<SqliteStatements, T> body) => InLock(_writing, () =>
    {
        var statements = _writer ?? throw new ObjectDisposedException(nameof(SqliteStore));
        return statements.Transaction(() => body(statements));
    });

    /// <summary>Runs a body that only reads.</summary>
    public Task<T> ReadAsync<T>(Func<SqliteStatements, T> body) =>
        InLock(_reading, () => body(_reader ?? throw new ObjectDisposedException(nameof(SqliteStore))));

    public void Dispose()
    {
        lock (_writing)
        {
            lock (_reading)
            {
                _reader?.Dispose();
                _writer?.Dispose();
                _lockFile?.Dispose();
                (_reader, _writer, _lockFile) = (null, null, null);
            }
        }
    }

    public static long Microseconds(TimeSpan span) => span.Ticks / TimeSpan.TicksPerMicrosecond;

    public static long Microseconds(DateTimeOffset time) => (time - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;

    public static DateTimeOffset Time(long microseconds) => DateTimeOffset.UnixEpoch.AddTicks(microseconds * TimeSpan.TicksPerMicrosecond);

    /// <summary>Texts as a JSON array, for <c>json_each</c>.</summary>
    public static string JsonArray(IEnumerable<string> values) => System.Text.Json.JsonSerializer.Serialize(values);

    private FileStream LockFile()
    {
        try
        {
            return new FileStream(path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (e is not (DirectoryNotFoundException or FileNotFoundException or PathTooLongException))
        {
            throw new JournalException($"The journal '{path}' is in use by another process. Stop that one, or give this one a data directory of its own ({e.Message})");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new JournalException($"The journal '{path}' cannot be created: {e.Message} Its folder must exist and be writable.");
        }
    }

    private bool Migrate(SqliteStatements journal)
    {
        journal.Script("create table if not exists migrations (number integer primary key, name text not null, hash text not null, applied_at integer not null)");
        var applied = journal.Query("select number, hash from migrations", reader => (reader.GetInt32(0), reader.GetString(1))).ToDictionary();
        foreach (var migration in Migration.Missing(Migration.For("Sqlite"), applied))
        {
            journal.Script(migration.Sql);
            journal.Run("insert into migrations (number, name, hash, applied_at) values ($1, $2, $3, $4)", migration.Number, migration.Name, migration.Hash, Now);
        }
        return true;
    }

    private static Task<T> InLock<T>(Lock gate, Func<T> body)
    {
        try
        {
            lock (gate)
                return Task.FromResult(body());
        }
        catch (Exception e)
        {
            return Task.FromException<T>(e);
        }
    }
}

/// <summary>Reads columns that may be null.</summary>
internal static class NullableColumns
{
    public static string? TextOrNull(this SqliteDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetString(column);

    public static int? IntOrNull(this SqliteDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetInt32(column);

    public static DateTimeOffset Time(this SqliteDataReader reader, int column) => SqliteStore.Time(reader.GetInt64(column));

    public static DateTimeOffset? TimeOrNull(this SqliteDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.Time(column);
}
