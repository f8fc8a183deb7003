using Elt.Durable.Ledger;
using Elt.Testing;
using Microsoft.Data.Sqlite;

namespace Elt.Durable.Tests;

/// <summary>Connections for reading are used again, and nobody notices.</summary>
public sealed class SqliteReadersTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly SqliteDatabase _database;
    private int _opened;

    public SqliteReadersTests() => _database = new SqliteDatabase(_folder.File("effects.db"), _ => _opened++);

    public void Dispose()
    {
        _database.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Readers_one_after_another_share_a_connection_and_each_sees_what_was_committed_before_it()
    {
        for (var rows = 1L; rows <= 5; rows++)
        {
            await AddAsync();
            using var reader = _database.OpenRead();
            Assert.Equal(rows, Count(reader));
        }
        // One that writes and one that reads.
        Assert.Equal(2, _opened);
    }

    [Fact]
    public async Task Readers_at_the_same_time_have_connections_of_their_own_also_when_one_is_disposed_of_twice()
    {
        await AddAsync();
        var first = _database.OpenRead();
        first.Dispose();
        first.Dispose();
        using var second = _database.OpenRead();
        using var third = _database.OpenRead();
        Assert.NotSame(second, third);
        using var snapshot = second.BeginTransaction(deferred: true);
        Assert.Equal(1, Count(second));
        await AddAsync();
        Assert.Equal((1, 2), (Count(second), Count(third)));
    }

    [Fact]
    public async Task A_connection_whose_transaction_is_open_shows_nobody_else_the_past()
    {
        await AddAsync();
        var left = _database.OpenRead();
        left.BeginTransaction(deferred: true);
        Assert.Equal(1, Count(left));
        left.Dispose();
        await AddAsync();
        using var reader = _database.OpenRead();
        Assert.Equal(2, Count(reader));
    }

    [Fact]
    public async Task A_reader_cannot_write_and_all_are_closed_with_the_database()
    {
        await AddAsync();
        using (var reader = _database.OpenRead())
            Assert.Equal(8, Assert.Throws<SqliteException>(() => Execute(reader, "delete from effects")).SqliteErrorCode);
        var last = _database.OpenRead();
        _database.Dispose();
        last.Dispose();
        // The last connection that closes takes the log along.
        Assert.Equal([_folder.File("effects.db")], Directory.GetFiles(_folder.Path));
    }

    private Task<int> AddAsync() => _database.WriteAsync(
        transaction => Execute(transaction.Connection!, "create table if not exists effects (name text); insert into effects values ('done')"), default);

    private static long Count(SqliteConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "select count(*) from effects";
        return (long)command.ExecuteScalar()!;
    }

    private static int Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteNonQuery();
    }
}
