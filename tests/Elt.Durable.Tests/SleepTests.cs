using Elt.Durable.Tests.Suite;
using Elt.Testing;

namespace Elt.Durable.Tests;

public sealed class SleepOnPostgres : SleepTests<PostgresStore>;

public sealed class SleepOnSqlite : SleepTests<SqliteStore>;

[Trait("promise", "E12")]
public abstract class SleepTests<TStore> : EngineSuite<TStore>
    where TStore : IStore, new()
{
    [Fact]
    public async Task A_long_sleep_is_parked_and_its_wake_time_survives_a_restart()
    {
        var engine = await StartEngineAsync(durable => durable.ConfigureWorker(w => w.ParkAfter = TimeSpan.FromMilliseconds(50)));
        var input = Script("year", async context =>
        {
            await context.SleepAsync(TimeSpan.FromDays(365));
            return $"{context.Now:O}";
        });
        await engine.Client.StartAsync(input, "year");
        await Eventually.TrueAsync(async () => await Store.CountAsync("select count(*) from runs where status = 'WAITING' and owner is null and due_at is not null") > 0);
        var due = (await engine.Client.FindAsync("year"))!.DueAt;
        await engine.StopAsync();

        var next = await StartEngineAsync(durable => durable.ConfigureWorker(w => w.ParkAfter = TimeSpan.FromMilliseconds(50)));
        await Store.ExecuteAsync("update runs set due_at = " + (Store is PostgresStore ? "now()" : "0"));
        await Eventually.TrueAsync(async () => await Store.CountAsync("select count(*) from runs where status = 'WAITING' and owner is null and epoch = 2") > 0);
        Assert.Equal(due, (await next.Client.FindAsync("year"))!.DueAt);
        Assert.Equal(1, await Store.CountAsync("select count(*) from steps"));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-5)]
    public async Task Nothing_and_less_returns_at_once_without_a_record(int seconds)
    {
        var engine = await StartEngineAsync();
        var handle = await engine.Client.StartAsync(Script("none", async context =>
        {
            await context.SleepAsync(TimeSpan.FromSeconds(seconds));
            return "awake";
        }));
        Assert.Equal("awake", await WithinPatienceAsync(handle.ResultAsync()));
        Assert.Equal(0, await Store.CountAsync("select count(*) from steps"));
    }
}
