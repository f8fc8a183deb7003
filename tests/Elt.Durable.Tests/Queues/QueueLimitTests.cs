using Elt.Durable.Tests.Suite;
using Elt.Testing;
using Npgsql;

namespace Elt.Durable.Tests.Queues;

public sealed class QueueLimitsOnPostgres : QueueLimitTests<PostgresStore>
{
    [Fact]
    public async Task A_queue_that_somebody_holds_and_nobody_needs_stops_no_claim()
    {
        await DeclareAsync("held", new QueueLimits { Concurrency = 1 });
        await DeclareAsync("open", new QueueLimits());
        await EnqueueAsync("open", "a");
        var worker = await OpenWorkerAsync("w", "held", "open");
        await using var holder = new NpgsqlConnection(Store.ConnectionString);
        await holder.OpenAsync();
        await using var transaction = await holder.BeginTransactionAsync();
        await using var command = new NpgsqlCommand("select 1 from durable.queues where name = 'held' for update", holder);
        await command.ExecuteNonQueryAsync();
        Assert.Equal(["a"], await WithinPatienceAsync(worker.ClaimAsync()));
    }

    [Fact]
    public async Task A_claim_counts_what_the_claim_before_it_took_while_it_waited()
    {
        await DeclareAsync("q", new QueueLimits { Concurrency = 1 });
        await EnqueueAsync("q", "a", "b");
        var worker = await OpenWorkerAsync("w", "q");
        await using var other = new NpgsqlConnection(Store.ConnectionString);
        await other.OpenAsync();
        await using var transaction = await other.BeginTransactionAsync();
        await using var command = new NpgsqlCommand(
            "select 1 from durable.queues where name = 'q' for update; update durable.runs set status = 'RUNNING', owner = 'other', due_at = null where id = 'a'", other);
        await command.ExecuteNonQueryAsync();
        var claim = worker.ClaimAsync();
        await Eventually.TrueAsync(async () => claim.IsCompleted || await Store.CountAsync(Blocked) > 0);
        await transaction.CommitAsync();
        Assert.Empty(await WithinPatienceAsync(claim));
    }
}

public sealed class QueueLimitsOnSqlite : QueueLimitTests<SqliteStore>;

[Trait("promise", "E11")]
public abstract class QueueLimitTests<TStore> : QueueSuite<TStore>
    where TStore : IStore, new()
{
    [Fact]
    public async Task Limits_are_reached_and_never_exceeded_by_workers_that_claim_at_once()
    {
        await DeclareAsync("q", new QueueLimits { Concurrency = 5, WorkerConcurrency = 3, KeyConcurrency = 2 });
        await EnqueueAsync(Enumerable.Range(0, 90).Select(i => Run("q", $"r-{i:00}", $"key-{i % 4}")));
        var workers = new[] { await OpenWorkerAsync("a", "q"), await OpenWorkerAsync("b", "q"), await OpenWorkerAsync("c", "q") };
        Assert.Equal(3, (await workers[0].ClaimAsync()).Count);
        Assert.Equal(2, (await workers[1].ClaimAsync()).Count);
        Assert.Empty(await workers[2].ClaimAsync());
        await LoseAsync(workers[..2]);

        var most = new int[3];
        var left = 90;
        async Task WorkAsync(string id)
        {
            var worker = await OpenWorkerAsync(id, "q");
            while (Volatile.Read(ref left) > 0)
            {
                var claimed = await worker.ClaimAsync();
                var begun = new[]
                {
                    await MostAsync("1"), await MostAsync("owner"), await MostAsync("queue_key"),
                };
                lock (Probe)
                    most = [.. most.Zip(begun, Math.Max)];
                await worker.EndAsync(claimed);
                Interlocked.Add(ref left, -claimed.Count);
            }
        }
        await WithinPatienceAsync(Task.WhenAll(new[] { "d", "e", "f" }.Select(id => Task.Run(() => WorkAsync(id)))));
        Assert.All(most.Zip([5, 3, 2]), pair => Assert.InRange(pair.First, 1, pair.Second));

        async Task<int> MostAsync(string group) => (int)await Store.CountAsync(
            $"select coalesce(max(n), 0) from (select count(*) as n from runs where status = 'RUNNING' group by {(group == "1" ? "queue" : group)}) g");
    }

    [Fact]
    public async Task A_parked_run_goes_on_only_where_its_workers_limit_has_room()
    {
        await DeclareAsync("q", new QueueLimits { WorkerConcurrency = 1 });
        await EnqueueAsync("q", "a", "b", "c");
        var (one, two) = (await OpenWorkerAsync("one", "q"), await OpenWorkerAsync("two", "q"));
        Assert.Equal(["a"], await one.ClaimAsync());
        await one.ParkAsync("a", Seconds(5));
        Assert.Equal(["b"], await one.ClaimAsync());
        Time.Advance(Seconds(10));
        Assert.Empty(await one.ClaimAsync());
        await one.EndAsync("b");
        Assert.Equal(["a"], await one.ClaimAsync());
        Assert.Equal(["c"], await two.ClaimAsync());
    }

    [Fact]
    public async Task What_begins_again_after_a_loss_goes_first_and_within_the_limits()
    {
        await DeclareAsync("q", new QueueLimits { Concurrency = 2 });
        await EnqueueAsync("q", "a", "b");
        var (lost, heir) = (await OpenWorkerAsync("lost", "q"), await OpenWorkerAsync("heir", "q"));
        Assert.Equal(2, (await lost.ClaimAsync()).Count);
        await EnqueueAsync([Run("q", "urgent", priority: -1)]);
        await LoseAsync(lost);
        Assert.Equal(["a", "b"], (await heir.ClaimAsync()).Order());
        Assert.Empty(await heir.ClaimAsync());
        await heir.EndAsync("a");
        Assert.Equal(["urgent"], await heir.ClaimAsync());
    }

    [Fact]
    public async Task Limits_changed_while_running_hold_from_the_next_claim_on_and_through_restarts()
    {
        var queues = await DeclareAsync("q", new QueueLimits { Concurrency = 2 });
        await EnqueueAsync("q", "a", "b", "c", "d", "e");
        var worker = await OpenWorkerAsync("w", "q");
        Assert.Equal(["a", "b"], await worker.ClaimAsync());
        Assert.True(await queues.SetLimitsAsync("q", new QueueLimits { Concurrency = 3, KeyConcurrency = 4, RateLimit = new RateLimit(100, Seconds(90)) }, default));
        Assert.Equal(["c"], await worker.ClaimAsync());
        await queues.SetLimitsAsync("q", new QueueLimits { Concurrency = 1 }, default);
        await worker.EndAsync("a", "b");
        Assert.Empty(await worker.ClaimAsync());

        await DeclareAsync("q", new QueueLimits { Concurrency = 2 });
        Assert.Equal(new QueueLimits { Concurrency = 1 }, Assert.Single(await queues.ListAsync(default)).Limits);
        await DeclareAsync("q", new QueueLimits { Concurrency = 4, RateLimit = new RateLimit(7, Seconds(0.5)) });
        Assert.Equal(new QueueLimits { Concurrency = 4, RateLimit = new RateLimit(7, Seconds(0.5)) }, Assert.Single(await queues.ListAsync(default)).Limits);
        Assert.Equal(["d", "e"], await worker.ClaimAsync());
    }

    [Fact]
    public async Task A_paused_queue_begins_nothing_and_lets_go_on_what_has_begun()
    {
        var queues = await DeclareAsync("limited", new QueueLimits { WorkerConcurrency = 2 });
        await DeclareAsync("open", new QueueLimits());
        await EnqueueAsync("limited", "a");
        var worker = await OpenWorkerAsync("w", "limited", "open");
        Assert.Equal(["a"], await worker.ClaimAsync());
        await worker.ParkAsync("a", Seconds(1));
        await EnqueueAsync("limited", "b");
        await EnqueueAsync("open", "c");
        foreach (var queue in new[] { "limited", "open" })
            Assert.True(await queues.SetPausedAsync(queue, true, default));
        Time.Advance(Seconds(2));
        Assert.Equal(["a"], await worker.ClaimAsync());
        Assert.False((await worker.Journal.ProbeAsync(worker.Request(1), default)).WorkIsDue);
        foreach (var queue in new[] { "limited", "open" })
            await queues.SetPausedAsync(queue, false, default);
        Assert.Equal(["b", "c"], (await worker.ClaimAsync()).Order());
    }

    [Fact]
    public async Task A_queue_deleted_and_created_again_goes_on()
    {
        var queues = await DeclareAsync("q", new QueueLimits { Concurrency = 1 });
        await EnqueueAsync("q", "a");
        var worker = await OpenWorkerAsync("w", "q");
        Assert.False(await queues.DeleteAsync("q", default));
        Assert.Equal(["a"], await worker.ClaimAsync());
        Assert.False(await queues.DeleteAsync("q", default));
        // As if the queue had gone between the start's look at it and its commit.
        await EnqueueAsync("q", "b");
        await Store.ExecuteAsync("delete from queues");
        await worker.EndAsync("a");
        Assert.Empty(await worker.ClaimAsync());
        await DeclareAsync("q", new QueueLimits { Concurrency = 1 });
        Assert.Equal(["b"], await worker.ClaimAsync());
        await worker.EndAsync("b");
        Assert.True(await queues.DeleteAsync("q", default));
        Assert.Empty(await queues.ListAsync(default));
    }

    [Fact]
    public async Task A_priority_changed_while_a_run_waits_counts_at_the_next_claim()
    {
        var queues = await DeclareAsync("q", new QueueLimits { Concurrency = 1 });
        await EnqueueAsync("q", "a", "b", "c");
        var worker = await OpenWorkerAsync("w", "q");
        Assert.True(await queues.SetPriorityAsync("c", -1, default));
        Assert.Equal(["c"], await worker.ClaimAsync());
        Assert.False(await queues.SetPriorityAsync("c", 0, default));
        Assert.False(await queues.SetPriorityAsync("nobody", 0, default));
    }

    [Fact]
    public async Task A_delayed_run_is_due_at_its_time_and_hides_nobody()
    {
        await DeclareAsync("q", new QueueLimits { Concurrency = 5 });
        await EnqueueAsync([Run("q", "later", "k", priority: -1) with { Delay = Seconds(30) }, Run("q", "now", "k")]);
        var worker = await OpenWorkerAsync("w", "q");
        Assert.Equal(["now"], await worker.ClaimAsync());
        var prospect = await worker.Journal.ProbeAsync(worker.Request(1), default);
        Assert.Equal((false, Time.GetUtcNow() + Seconds(30)), (prospect.WorkIsDue, prospect.NextDue));
        Time.Advance(Seconds(29.9));
        Assert.Empty(await worker.ClaimAsync());
        Time.Advance(Seconds(0.1));
        Assert.Equal(["later"], await worker.ClaimAsync());
    }

    [Fact]
    public async Task No_queue_waits_for_the_backlog_of_another()
    {
        foreach (var (queue, limits) in new[] { ("open", new QueueLimits()), ("one", new QueueLimits { Concurrency = 9 }), ("two", new QueueLimits { Concurrency = 9 }) })
        {
            await DeclareAsync(queue, limits);
            await EnqueueAsync(Enumerable.Range(0, 20).Select(i => Run(queue, $"{queue}-{i:00}")));
        }
        var worker = await OpenWorkerAsync("w", "open", "one", "two");
        var claimed = new List<string>();
        for (var i = 0; i < 12; i++)
            claimed.Add(Assert.Single(await worker.ClaimAsync(1)).Split('-')[0]);
        Assert.All(new[] { "open", "one", "two" }, queue => Assert.InRange(claimed.Count(c => c == queue), 3, 6));
    }
}
