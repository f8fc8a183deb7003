using Elt.Durable.Journal;
using Elt.Durable.Journal.Migrations;
using Elt.Durable.Journal.Postgres;
using Elt.Testing;
using Npgsql;
using PostgresStore = Elt.Durable.Journal.Postgres.PostgresStore;

namespace Elt.Durable.Tests;

/// <summary>A deploy starts many processes at once, on a journal that is new to all of them.</summary>
public sealed class MigrationTests
{
    [Fact]
    public async Task Processes_that_start_at_once_build_the_journal_once()
    {
        var database = await PostgresServer.CreateDatabaseAsync();
        await using var dataSource = NpgsqlDataSource.Create(database);
        var journals = Enumerable.Range(0, 8).Select(_ => Open(database)).ToList();

        await Task.WhenAll(journals.Select(journal => Task.Run(() => journal.OpenAsync(default))));

        await using var command = dataSource.CreateCommand("select count(*) from durable.migrations");
        Assert.Equal((long)Migration.For("Postgres").Count, await command.ExecuteScalarAsync());
        foreach (var journal in journals)
            await journal.DisposeAsync();
    }

    [Fact]
    public async Task A_journal_whose_migration_was_changed_is_refused_by_its_name()
    {
        var database = await PostgresServer.CreateDatabaseAsync();
        await using var dataSource = NpgsqlDataSource.Create(database);
        await using (var journal = Open(database))
            await journal.OpenAsync(default);
        await using var change = dataSource.CreateCommand("update durable.migrations set hash = 'changed' where name = (select min(name) from durable.migrations) returning name");
        var name = Assert.IsType<string>(await change.ExecuteScalarAsync());

        await using var later = Open(database);
        var refusal = await Assert.ThrowsAnyAsync<Exception>(() => later.OpenAsync(default));
        Assert.Contains(name, refusal.Message, StringComparison.Ordinal);
    }

    private static PostgresJournal Open(string database) => new(new PostgresStore(NpgsqlDataSource.Create(database), new JournalSettings()));
}
