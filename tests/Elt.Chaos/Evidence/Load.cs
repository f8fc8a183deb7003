using Elt.Chaos.Workers;
using Elt.Durable;
using Microsoft.Extensions.DependencyInjection;

namespace Elt.Chaos.Evidence;

/// <summary>Starts runs from the test's process, which executes none, and waits for their ends.</summary>
internal sealed class Load : IAsyncDisposable
{
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(100);

    private readonly ServiceProvider _services;
    private readonly ChaosDatabase _database;
    private readonly WorkflowClient _client;

    public Load(ChaosDatabase database)
    {
        var services = new ServiceCollection().AddLogging();
        WorkerProgram.AddEngine(services, new Dictionary<string, string> { ["postgres"] = database.ConnectionString });
        _services = services.BuildServiceProvider();
        _client = _services.GetRequiredService<WorkflowClient>();
        _database = database;
    }

    /// <summary>Runs started so far, children not counted.</summary>
    public int Started { get; private set; }

    /// <summary>Starts chains of ten steps, every tenth run a tree.</summary>
    public async Task StartAsync(int runs)
    {
        await Task.WhenAll(Enumerable.Range(Started, runs).Select(i => i % 10 == 9
            ? (Task)_client.StartAsync(new Tree(Children: 3, StepsEach: 4, Queue: i % 20 == 9 ? "narrow" : null), $"tree-{i}")
            : _client.StartAsync(new Chain(10), $"chain-{i}")));
        Started += runs;
    }

    /// <summary>Starts trees whose children go through a queue, so that any worker may have any child.</summary>
    public async Task StartFamiliesAsync(int runs)
    {
        await Task.WhenAll(Enumerable.Range(Started, runs).Select(i => _client.StartAsync(new Tree(Children: 10, StepsEach: 2, Queue: i % 10 == 0 ? "narrow" : "wide"), $"tree-{i}")));
        Started += runs;
    }

    /// <summary>Keeps a number of runs unfinished until told to stop, through outages of the database.</summary>
    public async Task KeepAsync(int unfinished, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                if (await UnfinishedAsync() is var left && left < unfinished)
                    await StartAsync((int)(unfinished - left));
            }
            catch (Exception e) when (RetryPolicy.IsTransientDatabaseError(e))
            {
                // The ids are the same the next time: what was started already is found.
            }
            await GlanceAsync(stop);
        }
    }

    /// <summary>Waits until all runs have ended; fails when nothing moves any more.</summary>
    public async Task DrainAsync()
    {
        var (moved, last) = (TimeProvider.System.GetTimestamp(), -1L);
        while (await UnfinishedAsync() is var left and > 0)
        {
            if (await _database.CountAsync("select (select count(*) from steps) + (select count(*) from runs where completed_at is not null)") is var done && done != last)
                (moved, last) = (TimeProvider.System.GetTimestamp(), done);
            Assert.True(TimeProvider.System.GetElapsedTime(moved) < TimeSpan.FromSeconds(60), $"{left} runs are stuck: {await DescribeUnfinishedAsync()}");
            await GlanceAsync(default);
        }
    }

    public static async Task GlanceAsync(CancellationToken ct) =>
        await Task.Delay(Glance, TimeProvider.System, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    public ValueTask DisposeAsync() => _services.DisposeAsync();

    private Task<long> UnfinishedAsync() => _database.CountAsync("select count(*) from runs where completed_at is null");

    private async Task<string> DescribeUnfinishedAsync() => string.Join("; ", await _database.QueryAsync(
        """
        select r.id, status, epoch, owner, due_at::text, wake_count, w.lease_until::text
        from runs r left join workers w on w.id = r.owner where completed_at is null order by r.id limit 10
        """,
        row => string.Join(' ', Enumerable.Range(0, row.FieldCount).Select(i => row.IsDBNull(i) ? "-" : row.GetValue(i)))));
}
