using Elt.Durable.Journal;
using Elt.Durable.Journal.Postgres;
using Npgsql;

namespace Elt.Durable.Tests;

[Trait("promise", "E23")]
public sealed class NotificationTests
{
    [Fact]
    public async Task Whoever_begins_to_listen_looks_once_for_what_was_said_before()
    {
        await using var store = new Suite.PostgresStore();
        await store.CreateAsync();
        await using var hints = new PostgresHints(NpgsqlDataSource.Create(store.ConnectionString));
        var first = await hints.WaitAsync(default).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(JournalHint.WorkIsDue | JournalHint.RunsAreWoken, first);

        var second = hints.WaitAsync(default);
        Assert.False(second.IsCompleted);
        await store.ExecuteAsync("notify durable_work, 'woken'");
        Assert.Equal(JournalHint.RunsAreWoken, await second.WaitAsync(TimeSpan.FromSeconds(60)));
    }
}
