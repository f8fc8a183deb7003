using Elt.Durable.Tests.Suite;
using Elt.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace Elt.Durable.Tests;

[Trait("promise", "E19")]
public sealed class OutageTests
{
    [Fact]
    public async Task A_server_that_crashes_under_load_costs_time_but_no_step()
    {
        await using var server = await PostgresServer.StartAsync();
        var store = new OutageStore(await server.NewDatabaseAsync());
        var probe = new Probe();
        await using var engine = await EngineHost.StartAsync(store, probe, durable => durable.Services.AddSingleton(new Scripts()));
        var handles = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => engine.Client.StartAsync(new Family(Children: 2, StepsEach: 30), $"load-{i}")));
        for (var round = 0; round < 2; round++)
        {
            await server.CrashAsync();
            await server.RestartAsync();
        }
        foreach (var handle in handles)
            Assert.Equal(new[] { 30, 30 }, await handle.ResultAsync().WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Equal(3100 + 100, await store.CountAsync("select count(*) from steps"));
        Assert.Equal(150, await store.CountAsync("select count(*) from runs where status = 'SUCCESS'"));
    }

    [Fact]
    public async Task A_connection_lost_while_a_child_is_enqueued_is_not_the_parents_error()
    {
        var direct = new Npgsql.NpgsqlConnectionStringBuilder(await PostgresServer.CreateDatabaseAsync());
        await using var proxy = new DroppingProxy(direct.Port);
        // Only what is not prepared tells the proxy its text.
        (direct.Port, direct.MaxAutoPrepare) = (proxy.Port, 0);
        var scripts = new Scripts();
        scripts.Bodies["parent"] = async context =>
        {
            proxy.DropAnswerTo("insert into durable.runs");
            return $"{await context.ChildAsync(new Sequence(1), queue: "narrow")}";
        };
        await using var engine = await EngineHost.StartAsync(new OutageStore(direct.ToString()), new Probe(), durable => durable.Services.AddSingleton(scripts));
        var handle = await engine.Client.StartAsync(new Scripted("parent"), "parent");
        Assert.Equal("1", await handle.ResultAsync().WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.Equal(1, proxy.Dropped);
    }

    [Fact]
    public async Task Two_connections_are_enough_and_fewer_are_refused()
    {
        var connectionString = await PostgresServer.CreateDatabaseAsync();
        var scripts = new Scripts();
        await using (var engine = await EngineHost.StartAsync(
            new OutageStore(connectionString + ";Maximum Pool Size=2;Timeout=5"), new Probe(), durable => durable.Services.AddSingleton(scripts)))
        {
            var handles = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => engine.Client.StartAsync(new Family(Children: 2, StepsEach: 5), $"run-{i}")));
            foreach (var handle in handles)
                Assert.Equal(new[] { 5, 5 }, await handle.ResultAsync().WaitAsync(TimeSpan.FromSeconds(60)));
        }

        var refused = await Assert.ThrowsAsync<ArgumentException>(() => EngineHost.StartAsync(
            new OutageStore(connectionString + ";Maximum Pool Size=1"), new Probe(), durable => durable.Services.AddSingleton(scripts)));
        Assert.Contains("Maximum Pool Size must be 2 or more, it is 1", refused.Message, StringComparison.Ordinal);
    }

    private sealed class OutageStore(string connectionString) : IStore
    {
        public Task CreateAsync() => Task.CompletedTask;

        public void Use(DurableBuilder durable) => durable.UsePostgres(connectionString);

        public Task ExpireLeasesAsync() => throw new NotSupportedException();

        public async Task<long> CountAsync(string sql)
        {
            await using var dataSource = Npgsql.NpgsqlDataSource.Create(connectionString + ";Search Path=durable");
            await using var command = dataSource.CreateCommand(sql);
            return Convert.ToInt64(await command.ExecuteScalarAsync());
        }

        public Task ExecuteAsync(string sql) => throw new NotSupportedException();

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
