using Elt.Pipelines.Tests.Suite;
using Elt.Testing;
using Npgsql;
using Xunit;

namespace Elt.Pipelines.Tests.Destinations;

/// <summary>Connections to a Postgres destination that break around the COMMIT of a sync.</summary>
[Trait("promise", "P8")]
public sealed class LostCommitTests
{
    [Theory]
    [Trait("case", "54")]
    [Trait("case", "55")]
    [InlineData("COMMIT")]
    [InlineData("with changed as")]
    public async Task A_sync_whose_answer_is_lost_before_or_after_it_commits_is_applied_once(string lost)
    {
        var direct = new NpgsqlConnectionStringBuilder(await PostgresServer.CreateDatabaseAsync());
        await using var proxy = new DroppingProxy(direct.Port);
        var through = new NpgsqlConnectionStringBuilder(direct.ConnectionString) { Port = proxy.Port }.ConnectionString;
        await using var host = await PipelineHost.StartAsync(options => options with { DestinationPath = null, DestinationConnectionString = through });
        await host.ConnectAsync(User.Many(20));
        await host.RunAsync("run-1");
        await host.ConnectAsync([.. User.Many(19), new User("new")]);

        proxy.DropAnswerTo(lost);
        var second = await host.RunAsync("run-2");
        var again = await host.RunAsync("run-2");

        Assert.Equal((1, 1, 2, 1), (second.Inserts, second.Deletes, second.Synced, proxy.Dropped));
        Assert.Equal(second, again);
        await using var dataSource = NpgsqlDataSource.Create(direct);
        await using var count = dataSource.CreateCommand(
            """
            select count(*) filter (where last_seq = 2), count(*),
              (select last_seq from elt.sync_stream), (select count(*) from elt.step_ledger where workflow_id like 'run-2%')
            from elt.users
            """);
        await using var row = await count.ExecuteReaderAsync();
        await row.ReadAsync();
        Assert.Equal(new[] { 1L, 20, 2, 1 }, Enumerable.Range(0, 4).Select(row.GetInt64));
    }
}
