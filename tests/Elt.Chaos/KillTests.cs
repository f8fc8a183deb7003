using System.Diagnostics;
using Elt.Chaos.Evidence;
using Elt.Chaos.Workers;
using Elt.Testing;
using Xunit.Abstractions;

namespace Elt.Chaos;

[Trait("promise", "E3")]
[Trait("promise", "E4")]
[Trait("promise", "E6")]
public sealed class KillTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Workers_killed_at_random_lose_no_run_and_double_no_effect()
    {
        var (runs, kills, seed) = (Size.Of(500, 10_000), Size.Of(50, 1000), Size.NewSeed());
        var random = new Random(seed);
        await using var database = new ChaosDatabase(await PostgresServer.CreateDatabaseAsync());
        await database.CreateTablesAsync();
        // Steps that take a while, so that kills hit them.
        string[] options = ["--postgres", database.ConnectionString, "--lease", "2", "--pause", "20"];
        var workers = Enumerable.Range(0, 3).Select(_ => WorkerProcess.StartAsync(options)).ToArray();
        await workers[0];
        await using var load = new Load(database);
        await load.StartAsync(50);

        var killed = 0;
        for (; killed < kills || load.Started < runs; killed++)
        {
            await load.StartAsync(runs / kills);
            await Task.Delay(random.Between(TimeSpan.FromSeconds(0.2), TimeSpan.FromSeconds(Size.IsCi ? 0.5 : 2)), TimeProvider.System);
            // One that is only starting is spared when it can be.
            var victim = random.Next(workers.Length);
            while (!workers[victim].IsCompleted && workers.Any(w => w.IsCompleted))
                victim = random.Next(workers.Length);
            await (await workers[victim]).KillAsync();
            await (await workers[victim]).DisposeAsync();
            workers[victim] = WorkerProcess.StartAsync(options);
        }
        var lastKill = Stopwatch.GetTimestamp();
        await load.DrainAsync();
        var drained = Stopwatch.GetElapsedTime(lastKill);
        foreach (var worker in workers)
            await (await worker).DisposeAsync();

        output.WriteLine(
            $"seed {seed}: {killed} kills over {load.Started} runs ({await database.CountAsync("select count(*) from runs")} with children, "
            + $"{await database.CountAsync("select count(*) from steps")} steps); {await database.CountAsync("select sum(recoveries) from runs")} recoveries, "
            + $"{await database.CountAsync("select count(*) from (select from public.executions group by run, step having count(*) > 1) e")} plain steps executed more than once; "
            + $"all ended {drained.TotalSeconds:F1} s after the last kill");
        await database.AssertNoBreachAsync(load.Started);
        Assert.Equal(0, await database.CountAsync("select count(*) from steps where attempts > 2"));
    }
}
