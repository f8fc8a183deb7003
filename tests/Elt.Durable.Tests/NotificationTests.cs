using System.Diagnostics;
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

    [Fact]
    public async Task A_stop_ends_the_wait_for_notifications_whenever_it_comes()
    {
        await using var store = new Suite.PostgresStore();
        await store.CreateAsync();
        await using var dataSource = NpgsqlDataSource.Create(store.ConnectionString);
        var seed = Environment.TickCount;
        var random = new Random(seed);
        for (var round = 0; round < 2000; round++)
        {
            var hints = new PostgresHints(dataSource);
            await hints.WaitAsync(default).WaitAsync(TimeSpan.FromSeconds(60));
            for (var begun = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(begun).TotalMicroseconds < random.Next(300);)
                Thread.SpinWait(1);
            var stopped = hints.DisposeAsync().AsTask();
            Assert.True(await Task.WhenAny(stopped, Task.Delay(TimeSpan.FromSeconds(30), TimeProvider.System)) == stopped, $"Stop {round} hangs; seed {seed}.");
        }
    }
}
