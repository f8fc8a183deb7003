using Elt.Chaos.Workers;
using Elt.Testing;
using Microsoft.Data.Sqlite;
using Xunit.Abstractions;

namespace Elt.Chaos;

[Trait("promise", "E21")]
[Trait("promise", "E3")]
[Trait("promise", "E4")]
[Trait("promise", "E6")]
public sealed class SqliteTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private static readonly (string Breach, string Sql)[] Breaches =
    [
        ("damages", "select count(*) from pragma_integrity_check where integrity_check <> 'ok'"),
        ("runs that did not succeed", "select count(*) from runs where status <> 'SUCCESS' or output <> '45'"),
        ("chains that do not have each step recorded", "select count(*) from runs r where (select count(*) from steps s where s.run_id = r.id) <> 10"),
        ("effects that happened twice", "select count(*) from (select 1 from deeds.effects group by run, step having count(*) > 1)"),
        ("effects without a record", "select count(*) from deeds.effects e where not exists (select 1 from steps s where s.run_id = e.run and s.key = e.step)"),
        ("records without effect", "select count(*) from steps s where key like 'effect-%' and not exists (select 1 from deeds.effects e where s.run_id = e.run and s.key = e.step)"),
        ("plain steps recorded without having been executed",
            "select count(*) from steps s where key not like 'effect-%' and not exists (select 1 from deeds.executions e where s.run_id = e.run and s.key = e.step)"),
        ("plain steps executed after they were recorded", "select count(*) from deeds.executions where late"),
    ];

    [Fact]
    public async Task A_process_killed_at_random_and_copies_of_its_files_at_random_instants_all_go_on()
    {
        var (runs, kills, copies, seed) = (Size.Of(300, 10_000), Size.Of(8, 300), Size.Of(3, 100), Size.NewSeed());
        var random = new Random(seed);
        using var folder = new TempFolder();
        using var copied = new TempFolder();
        var worker = await StartAsync(folder.Path, runs);
        var (killed, instants, endedInCopies) = (0, new List<string>(), 0);
        while (Ended(folder.Path).Count < runs)
        {
            await Task.Delay(random.Between(TimeSpan.FromSeconds(0.1), TimeSpan.FromSeconds(Size.IsCi ? 0.3 : 2)), TimeProvider.System);
            if (instants.Count < copies && Ended(folder.Path).Count > (instants.Count + 1) * runs / (copies + 1))
            {
                await worker.PauseAsync();
                instants.Add(Copy(folder.Path, copied.File($"{instants.Count}")));
                await worker.ResumeAsync();
            }
            else if (killed < kills)
            {
                await worker.KillAsync();
                await worker.DisposeAsync();
                worker = await StartAsync(folder.Path, runs);
                killed++;
            }
        }
        await worker.DisposeAsync();
        AssertNoBreach(folder.Path, runs);

        foreach (var instant in instants)
        {
            var ended = Ended(instant);
            endedInCopies += ended.Count;
            Assert.Equal(ended.Count, Count(instant, $"select count(*) from runs where status = 'SUCCESS' and id in ('{string.Join("', '", ended)}')"));
            await ContinueAsync(instant, runs);
            AssertNoBreach(instant, runs);
        }
        output.WriteLine($"seed {seed}: {killed} kills over {runs} runs; {instants.Count} copies, in which {endedInCopies} runs were said to have ended, and had; all went on to the end");
    }

    // A process that was held up for longer than its lease takes its runs away from itself; what it was executing then may be late, which cannot be prevented.
    private static Task<WorkerProcess> StartAsync(string folder, int runs) =>
        WorkerProcess.StartAsync("--sqlite", folder, "--runs", $"{runs}", "--pause", "10", "--lease", "60");

    private static async Task ContinueAsync(string folder, int runs)
    {
        await using var heir = await StartAsync(folder, runs);
        for (var begun = TimeProvider.System.GetTimestamp(); Ended(folder).Count < runs; await Evidence.Load.GlanceAsync(default))
            Assert.True(TimeProvider.System.GetElapsedTime(begun) < Patience, $"Only {Ended(folder).Count} of {runs} runs have ended.");
    }

    private static string Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var name in new[] { "journal.db", "journal.db-wal", "deeds.db", "deeds.db-wal", "ended" }.Where(name => File.Exists(Path.Combine(from, name))))
            File.Copy(Path.Combine(from, name), Path.Combine(to, name));
        return to;
    }

    /// <summary>The runs of whose end the process has told.</summary>
    private static HashSet<string> Ended(string folder) =>
        Path.Combine(folder, "ended") is var file && File.Exists(file) ? [.. File.ReadAllText(file).Split('\n')[..^1]] : [];

    private static void AssertNoBreach(string folder, int runs)
    {
        Assert.Equal(runs, Count(folder, "select count(*) from runs"));
        foreach (var (breach, sql) in Breaches)
            Assert.True(Count(folder, sql) is var count && count == 0, $"{count} {breach}: {sql}");
    }

    private static long Count(string folder, string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(folder, "journal.db")};Pooling=false");
        connection.Open();
        using var attach = new SqliteCommand($"attach '{Path.Combine(folder, "deeds.db")}' as deeds", connection);
        attach.ExecuteNonQuery();
        using var command = new SqliteCommand(sql, connection);
        return (long)command.ExecuteScalar()!;
    }
}
