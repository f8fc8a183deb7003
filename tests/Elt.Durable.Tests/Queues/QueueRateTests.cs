using Elt.Durable.Tests.Suite;

namespace Elt.Durable.Tests.Queues;

public sealed class QueueRatesOnPostgres : QueueRateTests<PostgresStore>;

public sealed class QueueRatesOnSqlite : QueueRateTests<SqliteStore>;

[Trait("promise", "E11")]
public abstract class QueueRateTests<TStore> : QueueSuite<TStore>
    where TStore : IStore, new()
{
    [Fact]
    public async Task No_window_holds_more_starts_than_allowed_and_each_budget_is_used()
    {
        await DeclareAsync("q", new QueueLimits { RateLimit = new RateLimit(5, Seconds(10)) });
        await EnqueueAsync(Enumerable.Range(0, 100).Select(i => Run("q", $"r-{i:00}", $"key-{i % 3}")));
        var workers = new[] { await OpenWorkerAsync("a", "q"), await OpenWorkerAsync("b", "q") };
        var starts = new List<TimeSpan>();
        var began = Time.GetUtcNow();
        // The first second takes two of the five, so that the windows do not fall together with the budgets.
        for (var second = 0; second <= 60; second++)
        {
            var claimed = await Task.WhenAll(workers.Select(w => w.ClaimAsync(second == 0 ? 1 : 100)));
            starts.AddRange(Enumerable.Repeat(Time.GetUtcNow() - began, claimed.Sum(c => c.Count)));
            if (second == 30)
                await LoseAsync(workers[0]);
            Time.Advance(Seconds(1));
        }
        Assert.Equal(2, starts.Count(s => s == TimeSpan.Zero));
        Assert.Equal(5, starts.Count(s => s < Seconds(10)));
        Assert.All(starts.Zip(starts.Skip(5)), pair => Assert.True(pair.Second - pair.First >= Seconds(10), $"{pair.First} and {pair.Second}"));
        Assert.Equal(5 * 6 + 2, starts.Count);
        Assert.InRange(await Store.CountAsync("select count(*) from queue_starts"), 1, 5);
    }

    [Fact]
    public async Task A_worker_learns_when_the_next_run_may_start()
    {
        await DeclareAsync("q", new QueueLimits { RateLimit = new RateLimit(2, Seconds(10)) });
        await EnqueueAsync("q", "a");
        var worker = await OpenWorkerAsync("w", "q");
        await worker.ClaimAsync();
        Time.Advance(Seconds(4));
        await EnqueueAsync("q", "b", "c", "d");
        var claim = await worker.Journal.ClaimAsync(worker.Request(100), default);
        Assert.Equal(("b", Time.GetUtcNow() + Seconds(6)), (Assert.Single(claim.Runs).Id, claim.NextStart));
        var prospect = await worker.Journal.ProbeAsync(worker.Request(1), default);
        Assert.Equal((false, Time.GetUtcNow() + Seconds(6)), (prospect.WorkIsDue, prospect.NextDue));
        Time.Advance(Seconds(6));
        Assert.True((await worker.Journal.ProbeAsync(worker.Request(1), default)).WorkIsDue);
        Assert.Equal(["c"], await worker.ClaimAsync());
    }

    [Fact]
    public async Task A_worker_wakes_when_the_next_run_may_start()
    {
        var engine = await StartEngineAsync(
            durable => durable.AddQueue("paced", rateLimit: new RateLimit(1, Seconds(10))).ConfigureWorker(w =>
            {
                w.PollInterval = TimeSpan.FromMinutes(10);
                w.Lease = TimeSpan.FromDays(1);
            }),
            time: Time);
        foreach (var id in new[] { "a", "b", "c" })
            await engine.Client.StartAsync(new Sequence(1), id, new StartOptions { Queue = "paced" });
        while (await Store.CountAsync("select count(*) from runs where status = 'SUCCESS'") < 3)
        {
            Time.Advance(Seconds(0.1));
            await Task.Delay(TimeSpan.FromMilliseconds(2), TimeProvider.System);
        }
        var starts = (await engine.Client.ListAsync(new RunFilter())).Select(r => r.StartedAt!.Value).Order().ToList();
        Assert.All(starts.Zip(starts.Skip(1)), pair => Assert.InRange(pair.Second - pair.First, Seconds(10), Seconds(300)));
    }
}
