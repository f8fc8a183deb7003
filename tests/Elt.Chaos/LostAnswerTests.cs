using Elt.Chaos.Evidence;
using Elt.Chaos.Workers;
using Elt.Testing;
using Npgsql;
using Xunit.Abstractions;

namespace Elt.Chaos;

[Trait("promise", "E3")]
[Trait("promise", "E4")]
[Trait("promise", "E19")]
public sealed class LostAnswerTests(ITestOutputHelper output)
{
    /// <summary>What the journal is asked: each commit; claims; renewals of the lease; histories; whether there is work.</summary>
    private static readonly string[] Journal = ["for key share", "skip locked", "for key share", "set lease_until", "for key share", "from durable.step_attempts", "min(lease_until)"];

    /// <summary>What the ledger's database is asked: each commit of an effect; the fence; the effect itself.</summary>
    private static readonly string[] Ledger = ["COMMIT", "COMMIT", "step_fence", "COMMIT", "public.effects"];

    [Fact]
    public async Task Answers_lost_on_the_way_double_no_effect_and_no_step()
    {
        var drops = Size.Of(60, 2000);
        await using var database = new ChaosDatabase(await PostgresServer.CreateDatabaseAsync());
        await database.CreateTablesAsync();
        var direct = new NpgsqlConnectionStringBuilder(database.ConnectionString);
        await using var journal = new DroppingProxy(direct.Port);
        await using var ledger = new DroppingProxy(direct.Port);
        // Only what is not prepared tells the proxy its text.
        string Through(DroppingProxy proxy) => new NpgsqlConnectionStringBuilder(database.ConnectionString) { Port = proxy.Port, MaxAutoPrepare = 0 }.ToString();
        var workers = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => WorkerInProcess.StartAsync(
            ("postgres", Through(journal)), ("deeds", Through(ledger)), ("pause", "5"), ("lease", "3"))));
        await using var load = new Load(database);
        using var enough = new CancellationTokenSource();
        var loading = load.KeepAsync(unfinished: 40, enough.Token);

        var lost = await Task.WhenAll(DropAsync(journal, Journal, drops), DropAsync(ledger, Ledger, drops));
        await enough.CancelAsync();
        await loading;
        await load.DrainAsync();
        foreach (var worker in workers)
            await worker.DisposeAsync();

        output.WriteLine($"answers lost over {load.Started} runs: {Describe(lost[0])} of the journal; {Describe(lost[1])} of the ledger");
        await database.AssertNoBreachAsync(load.Started);
    }

    private static async Task<Dictionary<string, int>> DropAsync(DroppingProxy proxy, string[] texts, int drops)
    {
        var lost = new Dictionary<string, int>();
        for (var i = 0; proxy.Dropped < drops; i++)
        {
            var (text, before, begun) = (texts[i % texts.Length], proxy.Dropped, TimeProvider.System.GetTimestamp());
            proxy.DropAnswerTo(text);
            while (proxy.Dropped == before && TimeProvider.System.GetElapsedTime(begun) < TimeSpan.FromSeconds(2))
                await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System);
            lost[text] = lost.GetValueOrDefault(text) + proxy.Dropped - before;
        }
        return lost;
    }

    private static string Describe(Dictionary<string, int> lost) => string.Join(", ", lost.Select(l => $"{l.Value} × '{l.Key}'"));
}
