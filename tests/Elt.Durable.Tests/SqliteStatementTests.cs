using Elt.Durable.Ledger;
using Elt.Testing;
using Microsoft.Data.Sqlite;

namespace Elt.Durable.Tests;

public sealed class SqliteStatementTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly SqliteConnection _connection;

    public SqliteStatementTests()
    {
        SqliteLibrary.EnsureLoaded();
        _connection = new SqliteConnection($"Data Source={_folder.File("a.db")};Pooling=false");
        _connection.Open();
        using var create = new SqliteCommand("create table t (id integer primary key, text text, number integer)", _connection);
        create.ExecuteNonQuery();
    }

    public void Dispose()
    {
        _connection.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Values_stay_bound_and_come_back_as_they_were()
    {
        using var insert = new SqliteStatement(_connection, "insert into t (text, number) values ($text, $number)");
        var (text, number) = (insert.Place("$text"), insert.Place("$number"));
        var longText = new string('ß', 100_000);
        object?[][] rows = [["", long.MinValue], [null, null], ["Zoë 😀\0after", true], [longText, 7]];
        foreach (var row in rows)
        {
            insert.Bind(text, row[0]);
            insert.Bind(number, row[1]);
            Assert.Equal(1, insert.Execute());
        }
        Assert.Equal(1, insert.Execute());

        using var select = new SqliteCommand("select typeof(text), text, number from t order by id", _connection);
        using var reader = select.ExecuteReader();
        var read = new List<(string, string?, long?)>();
        while (reader.Read())
            read.Add((reader.GetString(0), reader.IsDBNull(1) ? null : reader.GetString(1), reader.IsDBNull(2) ? null : reader.GetInt64(2)));
        Assert.Equal([("text", "", long.MinValue), ("null", null, null), ("text", "Zoë 😀\0after", 1), ("text", longText, 7), ("text", longText, 7)], read);
    }

    [Fact]
    public void Whether_there_is_a_row_is_asked_again_and_again()
    {
        using var insert = new SqliteStatement(_connection, "insert into t (id) values ($id)");
        using var any = new SqliteStatement(_connection, "select 1 from t where id = $id");
        any.Bind(any.Place("$id"), 5);
        Assert.False(any.Any());
        insert.Bind(insert.Place("$id"), 5);
        insert.Execute();
        Assert.True(any.Any());
        Assert.True(any.Any());
    }

    [Fact]
    public void What_fails_says_why_and_the_statement_can_be_used_again()
    {
        using var insert = new SqliteStatement(_connection, "insert into t (id) values ($id)");
        var id = insert.Place("$id");
        insert.Bind(id, 1);
        insert.Execute();

        Assert.Contains("UNIQUE constraint failed: t.id", Assert.Throws<SqliteException>(() => insert.Execute()).Message, StringComparison.Ordinal);
        insert.Bind(id, 2);
        Assert.Equal(1, insert.Execute());

        Assert.Throws<SqliteException>(() => new SqliteStatement(_connection, "insert into nothing values (1)"));
        Assert.Throws<ArgumentException>(() => insert.Place("$other"));
        Assert.Throws<ArgumentException>(() => insert.Bind(id, 1.5));
    }
}
