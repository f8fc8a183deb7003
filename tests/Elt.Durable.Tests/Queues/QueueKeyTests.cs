using Elt.Durable.Tests.Suite;

namespace Elt.Durable.Tests.Queues;

public sealed class QueueKeysOnPostgres : QueueKeyTests<PostgresStore>;

public sealed class QueueKeysOnSqlite : QueueKeyTests<SqliteStore>;

[Trait("promise", "E11")]
public abstract class QueueKeyTests<TStore> : QueueSuite<TStore>
    where TStore : IStore, new()
{
    [Theory]
    [InlineData(null)]
    [InlineData(20)]
    public async Task Many_keys_with_little_finish_as_if_the_key_with_much_were_not_there(int? concurrency)
    {
        await DeclareAsync("q", new QueueLimits { Concurrency = concurrency });
        await EnqueueAsync(Enumerable.Range(0, 10_000).Select(i => Run("q", $"big-{i}", "big")));
        await EnqueueAsync(Enumerable.Range(0, 990).Select(i => Run("q", $"small-{i}", $"small-{i % 99:00}")));
        var workers = new[] { await OpenWorkerAsync("a", "q"), await OpenWorkerAsync("b", "q") };
        var claimed = new List<string>();
        for (var turn = 0; claimed.Count < 1000; turn++)
        {
            var worker = workers[turn % 2];
            var ids = await worker.ClaimAsync(20);
            Assert.NotEmpty(ids);
            claimed.AddRange(ids);
            await worker.EndAsync(ids);
        }
        Assert.Equal(990, claimed.Count(id => id.StartsWith("small")));
        Assert.Equal(10, claimed.Count(id => id.StartsWith("big")));
    }

    [Fact]
    public async Task The_key_whose_last_turn_is_longest_ago_goes_first_and_priority_before_that()
    {
        await DeclareAsync("q", new QueueLimits { Concurrency = 10 });
        await EnqueueAsync([
            Run("q", "a1", "a"), Run("q", "a2", "a"), Run("q", "a3", "a"),
            Run("q", "b1", "b"), Run("q", "b2", "b", priority: -1),
            Run("q", "none1"), Run("q", "none2")]);
        var (one, two) = (await OpenWorkerAsync("one", "q"), await OpenWorkerAsync("two", "q"));
        Assert.Equal(["b2"], await one.ClaimAsync(1));
        Assert.Equal(["none1"], await two.ClaimAsync(1));
        Assert.Equal(["a1"], await one.ClaimAsync(1));
        await EnqueueAsync([Run("q", "c1", "c"), Run("q", "c2", "c")]);
        Assert.Equal(["c1"], await two.ClaimAsync(1));
        Assert.Equal(["a2", "b1", "none2"], (await one.ClaimAsync(3)).Order());
        Assert.Equal(["c2"], await two.ClaimAsync(1));
        Assert.Equal(["a3"], await two.ClaimAsync(1));
    }

    [Fact]
    public async Task A_key_at_its_limit_holds_up_nobody_else()
    {
        await DeclareAsync("q", new QueueLimits { KeyConcurrency = 2 });
        await DeclareAsync("other", new QueueLimits());
        await EnqueueAsync(Enumerable.Range(0, 50).Select(i => Run("q", $"slow-{i:00}", "slow", priority: -1)));
        await EnqueueAsync([Run("q", "x", "x"), Run("q", "free-1"), Run("q", "free-2"), Run("q", "free-3"), Run("other", "o", "slow")]);
        var worker = await OpenWorkerAsync("w", "q", "other");
        Assert.Equal(["free-1", "free-2", "free-3", "o", "slow-00", "slow-01", "x"], (await worker.ClaimAsync()).Order());
        await worker.ParkAsync("slow-00", Seconds(60));
        Assert.Empty(await worker.ClaimAsync());
        await worker.EndAsync("slow-01");
        Assert.Equal(["slow-02"], await worker.ClaimAsync());
    }

    [Fact]
    public async Task The_runs_of_a_key_begin_in_order_over_batches_and_lost_workers()
    {
        await DeclareAsync("q", new QueueLimits { KeyConcurrency = 1 });
        var order = new List<string>();
        foreach (var id in new[] { "z", "y", "x" })
        {
            await EnqueueAsync([Run("q", id, "k")]);
            Time.Advance(Seconds(1));
        }
        var lost = await OpenWorkerAsync("lost", "q");
        Assert.Equal(["z"], await lost.ClaimAsync());
        await LoseAsync(lost);
        await EnqueueAsync([Run("q", "w", "k")]);
        var heir = await OpenWorkerAsync("heir", "q");
        for (var i = 0; i < 4; i++)
        {
            order.AddRange(await heir.ClaimAsync());
            await heir.EndAsync(order[^1]);
        }
        Assert.Equal(["z", "y", "x", "w"], order);
    }
}
