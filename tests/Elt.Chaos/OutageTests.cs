using Elt.Chaos.Evidence;
using Elt.Chaos.Workers;
using Elt.Testing;
using Npgsql;
using Xunit.Abstractions;

namespace Elt.Chaos;

[Trait("promise", "E19")]
[Trait("promise", "E4")]
public sealed class OutageTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_server_that_is_stopped_at_once_again_and_again_strands_nothing()
    {
        var (outages, pause) = (Size.Of(3, 30), TimeSpan.FromSeconds(Size.IsCi ? 1.5 : 10));
        await using var server = await PostgresServer.StartAsync();
        await using var database = new ChaosDatabase(await server.NewDatabaseAsync());
        await database.CreateTablesAsync();
        var workers = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => StartWorkerAsync(database)));
        await using var load = new Load(database);
        using var enough = new CancellationTokenSource();
        var loading = load.KeepAsync(unfinished: 60, enough.Token);

        var returns = new List<double?>();
        for (var i = 0; i < outages; i++)
        {
            var before = await RateAsync(database, pause);
            await server.CrashAsync();
            await server.RestartAsync();
            returns.Add(await SecondsUntilAsync(database, before * 0.9));
        }
        await enough.CancelAsync();
        await loading;
        await load.DrainAsync();
        foreach (var worker in workers)
            await worker.DisposeAsync();

        output.WriteLine(
            $"{outages} times stopped at once and started again under load, {load.Started} runs; throughput was back at 90 % after "
            + $"{string.Join(", ", returns.Select(r => r is null ? "over 10" : $"{r:F1}"))} s");
        await database.AssertNoBreachAsync(load.Started);
    }

    [Fact]
    public async Task Terminating_all_connections_again_and_again_strands_nothing()
    {
        var rounds = Size.Of(30, 1000);
        await using var database = new ChaosDatabase(await PostgresServer.CreateDatabaseAsync());
        await database.CreateTablesAsync();
        var workers = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => StartWorkerAsync(database)));
        await using var load = new Load(database);
        using var enough = new CancellationTokenSource();
        var loading = load.KeepAsync(unfinished: 60, enough.Token);

        var terminated = 0L;
        for (var i = 0; i < rounds; i++)
        {
            await Load.GlanceAsync(default);
            terminated += await database.CountAsync(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and application_name <> 'chaos'");
        }
        await enough.CancelAsync();
        await loading;
        await load.DrainAsync();
        foreach (var worker in workers)
            await worker.DisposeAsync();

        output.WriteLine($"all connections terminated {rounds} times, {terminated} in all, over {load.Started} runs");
        await database.AssertNoBreachAsync(load.Started);
    }

    private static Task<WorkerProcess> StartWorkerAsync(ChaosDatabase database) =>
        WorkerProcess.StartAsync("--postgres", database.ConnectionString, "--lease", "3", "--pause", "20");

    /// <summary>Steps per second that are recorded during a time.</summary>
    private static async Task<double> RateAsync(ChaosDatabase database, TimeSpan during)
    {
        var (before, begun) = (await StepsAsync(database), TimeProvider.System.GetTimestamp());
        await Task.Delay(during, TimeProvider.System);
        return (await StepsAsync(database) - before) / TimeProvider.System.GetElapsedTime(begun).TotalSeconds;
    }

    /// <summary>How long it takes until as many steps per second are recorded over half a second; nothing when it takes over ten seconds.</summary>
    private static async Task<double?> SecondsUntilAsync(ChaosDatabase database, double rate)
    {
        for (var begun = TimeProvider.System.GetTimestamp(); TimeProvider.System.GetElapsedTime(begun) is var elapsed && elapsed < TimeSpan.FromSeconds(10);)
        {
            if (await RateAsync(database, TimeSpan.FromSeconds(0.5)) >= rate)
                return elapsed.TotalSeconds;
        }
        return null;
    }

    private static async Task<long> StepsAsync(ChaosDatabase database)
    {
        try
        {
            return await database.CountAsync("select count(*) from steps");
        }
        catch (NpgsqlException)
        {
            // A connection from before the outage.
            return await database.CountAsync("select count(*) from steps");
        }
    }
}
