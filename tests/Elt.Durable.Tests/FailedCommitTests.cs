using Elt.Durable.Ledger;
using Elt.Testing;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Elt.Durable.Tests;

[Trait("promise", "E4")]
public sealed class FailedCommitTests
{
    [Fact]
    public async Task A_commit_that_SQLite_rolls_back_is_told_by_its_own_error_and_the_next_transaction_works()
    {
        using var folder = new TempFolder();
        using var database = new SqliteDatabase(folder.File("effects.db"));
        Task<int> CreateAsync(bool fails) => database.WriteAsync(
            transaction =>
            {
                // As a full disk does, it makes SQLite roll back instead.
                if (fails)
                    raw.sqlite3_commit_hook(transaction.Connection!.Handle, _ => 1, null);
                using var command = transaction.Connection!.CreateCommand();
                command.Transaction = transaction;
                command.CommandText = "create table effects (name text)";
                return command.ExecuteNonQuery();
            },
            default);

        var error = await Assert.ThrowsAsync<SqliteException>(() => CreateAsync(fails: true));
        await CreateAsync(fails: false);

        Assert.Equal(raw.SQLITE_CONSTRAINT, error.SqliteErrorCode);
    }
}
