using Elt.Chaos.Evidence;
using Elt.Chaos.Workers;
using Elt.Testing;
using Xunit.Abstractions;

namespace Elt.Chaos;

[Trait("promise", "E19")]
[Trait("promise", "E9")]
[Trait("promise", "E11")]
public sealed class DeadlockTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Sixty_four_workers_that_share_parents_and_queues_never_lock_each_other_out()
    {
        var (workerCount, runs) = (64, Size.Of(20, 20_000));
        await using var database = new ChaosDatabase(await PostgresServer.CreateDatabaseAsync());
        await database.CreateTablesAsync();
        // Two connections for the journal, one of which listens, and two for the deeds.
        var workers = await Task.WhenAll(Enumerable.Range(0, workerCount).Select(_ => WorkerInProcess.StartAsync(
            ("postgres", database.ConnectionString), ("pool", "2"), ("lease", "15"), ("concurrency", "4"))));
        await using var load = new Load(database);
        var deadlocks = await DeadlocksAsync(database);
        while (load.Started < runs)
        {
            await load.StartFamiliesAsync(Math.Min(100, runs - load.Started));
            await load.DrainAsync();
        }
        deadlocks = await DeadlocksAsync(database) - deadlocks;
        await Task.WhenAll(workers.Select(async worker => await worker.DisposeAsync()));

        var log = workers.SelectMany(w => w.Log).ToList();
        output.WriteLine(
            $"{workerCount} workers, {await database.CountAsync("select count(*) from runs")} runs, "
            + $"{await database.CountAsync("select count(*) from (select parent_id from runs where parent_id is not null) c")} of them children; "
            + $"the server counted {deadlocks} deadlocks; warnings of the workers: "
            + (log.Count == 0 ? "none" : string.Join("; ", log.GroupBy(l => l.Event).Select(e => $"{e.Count()} × event {e.Key}, such as '{e.First().Message[..Math.Min(200, e.First().Message.Length)]}'"))));
        Assert.DoesNotContain(log, l => l.Event is EventLog.TickFailed or EventLog.BatchSplit);
        await database.AssertNoBreachAsync(load.Started);
    }

    private static Task<long> DeadlocksAsync(ChaosDatabase database) => database.CountAsync("select deadlocks from pg_stat_database where datname = current_database()");
}
