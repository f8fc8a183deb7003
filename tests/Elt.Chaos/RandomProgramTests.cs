using System.Diagnostics.CodeAnalysis;
using Elt.Chaos.RandomPrograms;
using Elt.Durable.Testing;
using Xunit.Abstractions;

namespace Elt.Chaos;

[Trait("promise", "E3")]
[Trait("promise", "E4")]
[Trait("promise", "E6")]
[Trait("promise", "E8")]
[Trait("promise", "E9")]
[Trait("promise", "E10")]
[SuppressMessage("Security", "CA5394", Justification = "Repeatable, not secret.")]
public sealed class RandomProgramTests(ITestOutputHelper output)
{
    private const int BatchSize = 50;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public Task Random_programs_on_SQLite_end_as_foretold_wherever_the_process_dies() => ProveAsync(SqliteWorld.CreateAsync, Size.Of(850, 10_000), processes: 1);

    [Fact]
    public Task Random_programs_on_Postgres_end_as_foretold_wherever_the_processes_die() => ProveAsync(PostgresWorld.CreateAsync, Size.Of(150, 10_000), processes: 2);

    private async Task ProveAsync(Func<Task<World>> create, int programs, int processes)
    {
        var seed = Size.NewSeed();
        var random = new Random(seed);
        await using var world = await create();
        var (crashes, runs, records) = (0, 0, 0);
        output.WriteLine($"seed {seed}");
        for (var first = 0; first < programs; first += BatchSize)
        {
            var seeds = Enumerable.Range(first, Math.Min(BatchSize, programs - first)).ToDictionary(i => $"program-{i}", _ => random.Next());
            crashes += await RunAsync(world, seeds, processes, random);
            var oracle = new Oracle();
            foreach (var (id, programSeed) in seeds)
                oracle.Foretell(id, programSeed, depth: 0);
            await AssertForetoldAsync(world, oracle, seeds.Keys);
            (runs, records) = (runs + oracle.Runs.Count, records + oracle.Records.Count);
        }
        output.WriteLine($"{programs} programs ({runs} runs with children, {records} records), {crashes} crashes in {processes} processes");
    }

    /// <summary>Runs programs to their ends while processes die; each that died is followed by a new one.</summary>
    /// <returns>How often one died.</returns>
    private static async Task<int> RunAsync(World world, Dictionary<string, int> seeds, int processes, Random random)
    {
        var crashes = 0;
        var draws = new Random(random.Next());
        await Task.WhenAll(Enumerable.Range(0, processes).Select(_ => Task.Run(async () =>
        {
            for (var life = 1; ; life++)
            {
                var (crashAt, afterCall) = (int.MaxValue, false);
                lock (draws)
                {
                    // The last life has no end of its own, so that the batch comes to one.
                    if (life <= 8)
                        (crashAt, afterCall) = (draws.Next(1, 300), draws.Next(2) == 0);
                }
                var engine = await MortalEngine.StartAsync(world, crashAt, afterCall);
                var ended = StartAndWaitAsync(engine, seeds);
                if (await Task.WhenAny(ended, engine.Crashed, Task.Delay(Patience, TimeProvider.System)) is var first && first != ended && first != engine.Crashed)
                    Assert.Fail($"Stuck in life {life}: {await DescribeUnfinishedAsync(world)}");
                if (ended.IsFaulted)
                    await ended;
                if (!engine.Crashed.IsCompleted && await engine.TryStopAsync())
                    return;
                Interlocked.Increment(ref crashes);
                await world.BuryAsync(await engine.ClearAsync());
            }
        })));
        return crashes;
    }

    private static async Task<string> DescribeUnfinishedAsync(World world) => string.Join('\n', await world.ReadJournalAsync(
        "select id, status, epoch, owner, due_at, wake_count, recoveries from runs where completed_at is null order by id limit 20",
        row => string.Join(' ', Enumerable.Range(0, row.FieldCount).Select(i => row.IsDBNull(i) ? "-" : row.GetValue(i)))));

    private static async Task StartAndWaitAsync(MortalEngine engine, Dictionary<string, int> seeds)
    {
        try
        {
            await Task.WhenAll(seeds.Select(async run =>
            {
                await engine.Client.StartAsync(new RandomRun(run.Value, 0), run.Key);
                await engine.Client.WaitAsync(run.Key);
            }));
        }
        catch (Exception e) when (e is ProcessCrashedException or ObjectDisposedException)
        {
            // The process that this client was part of is dead.
        }
    }

    private static async Task AssertForetoldAsync(World world, Oracle oracle, IEnumerable<string> ids)
    {
        var batch = ids.ToHashSet();
        bool IsOfBatch(string run) => batch.Contains(run.Split(' ', '/')[0]);

        var runs = await world.ReadJournalAsync("select id, status, output from runs", row => (Id: row.GetString(0), End: $"{row.GetString(1)} {row.GetValue(2)}"));
        AssertSame("run", oracle.Runs, runs.Where(r => IsOfBatch(r.Id)).ToDictionary(r => r.Id, r => r.End));

        var steps = (await world.ReadJournalAsync(
            "select run_id, key, kind, status, result, attempts from steps",
            row => (Key: $"{row.GetString(0)} {row.GetString(1)}", Kind: row.GetString(2), Outcome: $"{row.GetString(3)} {row.GetValue(4)}", Attempts: row.GetInt32(5))))
            .Where(s => IsOfBatch(s.Key)).ToList();
        AssertSame("record", oracle.Records, steps.ToDictionary(s => s.Key, s => s.Kind == "SLEEP" ? s.Kind : $"{s.Kind} {s.Outcome}"));
        foreach (var (key, _, outcome, attempts) in steps.Where(s => oracle.Attempts.ContainsKey(s.Key)))
            Assert.True(outcome.StartsWith("ERROR") ? attempts == oracle.Attempts[key] : attempts <= oracle.Attempts[key], $"{key} took {attempts} attempts, foretold were {oracle.Attempts[key]}");

        var effects = (await world.ReadEffectsAsync()).Where(IsOfBatch).ToList();
        AssertSame("effect", oracle.Effects.ToDictionary(e => e, _ => "1"), effects.GroupBy(e => e).ToDictionary(e => e.Key, e => $"{e.Count()}"));
    }

    private static void AssertSame(string what, IReadOnlyDictionary<string, string> expected, IReadOnlyDictionary<string, string> actual)
    {
        var differences = expected.Keys.Union(actual.Keys).Order(StringComparer.Ordinal)
            .Select(key => (Key: key, Foretold: expected.GetValueOrDefault(key, "nothing"), Found: actual.GetValueOrDefault(key, "nothing")))
            .Where(d => d.Foretold != d.Found).Select(d => $"{what} '{d.Key}': foretold {d.Foretold}, found {d.Found}").ToList();
        Assert.True(differences.Count == 0, $"{differences.Count} differences:\n{string.Join('\n', differences.Take(10))}");
    }
}
