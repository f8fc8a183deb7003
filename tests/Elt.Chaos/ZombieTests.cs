using Elt.Chaos.Evidence;
using Elt.Chaos.Workers;
using Elt.Testing;
using Xunit.Abstractions;

namespace Elt.Chaos;

[Trait("promise", "E5")]
[Trait("promise", "E4")]
[Trait("promise", "E6")]
public sealed class ZombieTests(ITestOutputHelper output)
{
    private static readonly TimeSpan LongestTakeover = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Workers_that_wake_up_after_their_runs_were_taken_over_write_nothing()
    {
        var (zombies, seed) = (Size.Of(10, 300), Size.NewSeed());
        var random = new Random(seed);
        await using var database = new ChaosDatabase(await PostgresServer.CreateDatabaseAsync());
        await database.CreateTablesAsync();
        string[] options = ["--postgres", database.ConnectionString, "--lease", "1", "--pause", "30"];
        var workers = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => WorkerProcess.StartAsync(options)));
        await using var load = new Load(database);
        using var enough = new CancellationTokenSource();
        var loading = load.KeepAsync(unfinished: 40, enough.Token);

        // The first effect makes the ledger that the estates are read from.
        await Eventually.TrueAsync(async () => await database.CountAsync("select count(*) from public.effects") > 0);
        var estates = new List<Estate>();
        while (estates.Count < zombies)
        {
            await Task.Delay(random.Between(TimeSpan.FromSeconds(0.1), TimeSpan.FromSeconds(0.4)), TimeProvider.System);
            if (await BuryAsync(database, workers[random.Next(workers.Length)]) is { } estate)
                estates.Add(estate);
        }
        await enough.CancelAsync();
        await loading;
        await load.DrainAsync();
        foreach (var worker in workers)
            await worker.DisposeAsync();

        foreach (var estate in estates)
            await estate.AssertUntouchedAsync(database);
        await database.AssertNoBreachAsync(load.Started);
        var refused = workers.Sum(w => w.Log.Count(line => line.StartsWith($"{EventLog.Fenced} ")));
        var adopted = 0;
        foreach (var estate in estates)
            adopted += await estate.LateEffectsAsync(database);
        output.WriteLine(
            $"seed {seed}: {estates.Count} zombies that had owned {estates.Sum(e => e.Runs.Count)} runs among {load.Started}; {refused} writes and executions were refused, "
            + $"0 records were added under an old epoch, {adopted} effects whose COMMIT was on its way were adopted by the new owner");
        Assert.NotEqual(0, refused);
    }

    /// <summary>Pauses a worker until others have its runs, then lets it go on; tells what there was of its writes at the takeover.</summary>
    private static async Task<Estate?> BuryAsync(ChaosDatabase database, WorkerProcess worker)
    {
        var id = await worker.AskIdAsync();
        await worker.PauseAsync();
        var runs = await database.QueryAsync("select id, epoch from runs where owner = $1", row => (row.GetString(0), row.GetInt64(1)), id);
        await WaitAsync(async () => await database.CountAsync("select count(*) from workers where id = $1", id) == 0, $"nobody buries worker {id}");
        var estate = await Estate.TakeStockAsync(database, runs);
        await WaitAsync(async () => await database.CountAsync("select count(*) from runs where owner = $1", id) == 0, $"nobody takes over the runs of worker {id}");
        await worker.ResumeAsync();
        await WaitAsync(async () => await worker.AskIdAsync() != id, $"worker {id} does not notice that it is dead");
        return runs.Count > 0 ? estate : null;
    }

    private static async Task WaitAsync(Func<Task<bool>> condition, string otherwise)
    {
        for (var begun = TimeProvider.System.GetTimestamp(); !await condition(); await Load.GlanceAsync(default))
            Assert.True(TimeProvider.System.GetElapsedTime(begun) < LongestTakeover, otherwise);
    }

    /// <summary>What a worker had written for the runs that were taken from it, under the epochs it had them.</summary>
    private sealed record Estate(IReadOnlyList<(string Id, long Epoch)> Runs, HashSet<string> Records, HashSet<string> Effects)
    {
        private const string RecordsOf =
            """
            select 'step ' || s.run_id || ' ' || s.key from steps s join unnest($1, $2) as i(id, epoch) on s.run_id = i.id and s.epoch = i.epoch
            union all select 'attempt ' || s.run_id || ' ' || s.key || s.attempt from step_attempts s join unnest($1, $2) as i(id, epoch) on s.run_id = i.id and s.epoch = i.epoch
            union all select 'end ' || r.id from runs r join unnest($1, $2) as i(id, epoch) on r.id = i.id and r.epoch = i.epoch and r.completed_at is not null
            """;

        private const string EffectsOf =
            "select s.workflow_id || ' ' || s.step from step_ledger s join unnest($1, $2) as i(id, epoch) on s.workflow_id = i.id and s.epoch = i.epoch";

        public static async Task<Estate> TakeStockAsync(ChaosDatabase database, IReadOnlyList<(string, long)> runs)
        {
            var estate = new Estate(runs, [], []);
            return estate with { Records = await estate.FindAsync(database, RecordsOf), Effects = await estate.FindAsync(database, EffectsOf) };
        }

        public async Task AssertUntouchedAsync(ChaosDatabase database) => Assert.Empty((await FindAsync(database, RecordsOf)).Except(Records));

        public async Task<int> LateEffectsAsync(ChaosDatabase database) => (await FindAsync(database, EffectsOf)).Except(Effects).Count();

        private async Task<HashSet<string>> FindAsync(ChaosDatabase database, string sql) =>
            [.. await database.QueryAsync(sql, row => row.GetString(0), Runs.Select(r => r.Id).ToArray(), Runs.Select(r => r.Epoch).ToArray())];
    }
}
