using Elt.Durable.Ledger;
using Microsoft.Data.Sqlite;

namespace Elt.Durable.Journal.Sqlite;

/// <summary>A connection with its prepared statements. Parameters are positional: <c>$1</c>, <c>$2</c>… Not thread-safe: its owner guards it.</summary>
internal sealed class SqliteStatements : IDisposable
{
    private readonly Dictionary<string, SqliteCommand> _queries = [];
    private readonly Dictionary<string, (SqliteStatement Statement, int[] Places)> _statements = [];
    private readonly SqliteConnection _connection;

    public SqliteStatements(string path)
    {
        SqliteLibrary.EnsureLoaded();
        _connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
        _connection.Open();
        Run("pragma journal_mode = wal");
        Run("pragma synchronous = full");
        Run("pragma busy_timeout = 5000");
    }

    /// <summary>Executes a script of several statements, unprepared.</summary>
    public void Script(string sql)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    /// <summary>Executes a statement and returns how many rows it changed.</summary>
    public int Run(string sql, params ReadOnlySpan<object?> values) => Bound(sql, values).Execute();

    /// <summary>Whether a query gives a row.</summary>
    public bool Any(string sql, params ReadOnlySpan<object?> values) => Bound(sql, values).Any();

    /// <summary>Executes a query and reads all its rows.</summary>
    public List<T> Query<T>(string sql, Func<SqliteDataReader, T> read, params ReadOnlySpan<object?> values)
    {
        var rows = new List<T>();
        using var reader = Prepare(sql, values).ExecuteReader();
        while (reader.Read())
            rows.Add(read(reader));
        return rows;
    }

    /// <summary>Runs a body between BEGIN IMMEDIATE and COMMIT; rolls back when it throws.</summary>
    public T Transaction<T>(Func<T> body)
    {
        Run("begin immediate");
        try
        {
            var result = body();
            Run("commit");
            return result;
        }
        catch
        {
            // SQLite rolls back by itself on some errors (disk full); then there is nothing left to do.
            if (SQLitePCL.raw.sqlite3_get_autocommit(_connection.Handle) == 0)
                Run("rollback");
            throw;
        }
    }

    public void Dispose()
    {
        foreach (var command in _queries.Values)
            command.Dispose();
        foreach (var (statement, _) in _statements.Values)
            statement.Dispose();
        _connection.Dispose();
    }

    private SqliteStatement Bound(string sql, ReadOnlySpan<object?> values)
    {
        if (!_statements.TryGetValue(sql, out var prepared))
        {
            var statement = new SqliteStatement(_connection, sql);
            prepared = (statement, [.. Enumerable.Range(1, values.Length).Select(i => statement.Place($"${i}"))]);
            _statements[sql] = prepared;
        }
        for (var i = 0; i < values.Length; i++)
            prepared.Statement.Bind(prepared.Places[i], values[i]);
        return prepared.Statement;
    }

    private SqliteCommand Prepare(string sql, ReadOnlySpan<object?> values)
    {
        if (!_queries.TryGetValue(sql, out var command))
        {
            command = _connection.CreateCommand();
            command.CommandText = sql;
            for (var i = 1; i <= values.Length; i++)
                command.Parameters.Add(new SqliteParameter { ParameterName = $"${i}" });
            _queries[sql] = command;
        }
        for (var i = 0; i < values.Length; i++)
            command.Parameters[i].Value = values[i] ?? DBNull.Value;
        return command;
    }
}
