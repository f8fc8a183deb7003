using Elt.Chaos.Evidence;
using Elt.Chaos.Workers;
using Elt.Testing;
using Npgsql;
using Xunit.Abstractions;

namespace Elt.Chaos;

[Trait("promise", "E19")]
public sealed class SnapshotTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_snapshot_held_open_under_load_stops_nothing()
    {
        var during = TimeSpan.FromSeconds(Size.Of(2, 180));
        var held = await MeasureAsync(during, holdSnapshot: true);
        output.WriteLine($"{during.TotalSeconds} s: {held:F0} steps/s with a REPEATABLE READ snapshot held open");
        if (Size.IsCi)
            return;
        var clean = await MeasureAsync(during, holdSnapshot: false);
        output.WriteLine($"{clean:F0} without: {held / clean:P0}");
    }

    private static async Task<double> MeasureAsync(TimeSpan during, bool holdSnapshot)
    {
        await using var server = await PostgresServer.StartAsync(fsync: true);
        await using var database = new ChaosDatabase(await server.NewDatabaseAsync());
        await database.CreateTablesAsync();
        await using var worker = await WorkerProcess.StartAsync("--postgres", database.ConnectionString, "--lease", "5", "--concurrency", "50");
        await using var load = new Load(database);
        await load.StartAsync(100);
        await load.DrainAsync();
        await using var reader = await OpenSnapshotAsync(database.ConnectionString, holdSnapshot);

        using var enough = new CancellationTokenSource();
        var loading = load.KeepAsync(unfinished: 200, enough.Token);
        var (before, begun) = (await database.CountAsync("select count(*) from steps"), TimeProvider.System.GetTimestamp());
        await Task.Delay(during, TimeProvider.System);
        var rate = (await database.CountAsync("select count(*) from steps") - before) / TimeProvider.System.GetElapsedTime(begun).TotalSeconds;
        await enough.CancelAsync();
        await loading;
        await load.DrainAsync();
        await database.AssertNoBreachAsync(load.Started);
        return rate;
    }

    private static async Task<NpgsqlConnection?> OpenSnapshotAsync(string connectionString, bool hold)
    {
        if (!hold)
            return null;
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false }.ToString());
        await connection.OpenAsync();
        await using var begin = new NpgsqlCommand("begin isolation level repeatable read; select count(*) from durable.runs", connection);
        await begin.ExecuteNonQueryAsync();
        return connection;
    }
}
