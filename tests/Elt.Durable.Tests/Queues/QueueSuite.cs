using Elt.Durable.Execution;
using Elt.Durable.Journal;
using Elt.Durable.Queues;
using Elt.Durable.Tests.Suite;
using Elt.Testing;

namespace Elt.Durable.Tests.Queues;

/// <summary>Queues without engine: workers that claim, end and are lost when the test says so, by a clock that the test moves.</summary>
public abstract class QueueSuite<TStore> : EngineSuite<TStore>
    where TStore : IStore, new()
{
    private IJournal? _shared;

    protected ManualTimeProvider Time { get; } = new(DateTimeOffset.UnixEpoch.AddYears(56));

    protected static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);

    private protected async Task<IQueueStore> DeclareAsync(string queue, QueueLimits limits)
    {
        var journal = await JournalAsync();
        await journal.Queues.DeclareAsync([new QueueDefinition(queue, limits)], default);
        return journal.Queues;
    }

    /// <summary>A worker of a process of its own; SQLite has one process for all of them.</summary>
    private protected async Task<QueueWorker> OpenWorkerAsync(string id, params string[] queues)
    {
        var worker = new QueueWorker(Store is PostgresStore ? await OpenJournalAsync(Time) : await JournalAsync(), id, queues, Time);
        await worker.Journal.RegisterWorkerAsync(id, TimeSpan.FromDays(1), default);
        return worker;
    }

    private protected Task EnqueueAsync(string queue, params string[] ids) => EnqueueAsync(ids.Select(id => Run(queue, id)));

    private protected async Task EnqueueAsync(IEnumerable<NewRun> runs)
    {
        var journal = await JournalAsync();
        foreach (var batch in runs.Select(run => new StartWrite(run)).Chunk(1000))
        {
            await journal.CommitAsync("client", batch, default);
            Assert.All(batch, start => Assert.NotEqual(default, start.CreatedAt));
        }
    }

    private protected static NewRun Run(string queue, string id, string? key = null, int priority = 0) =>
        new() { Id = id, Workflow = new WorkflowReference("work", 1), Input = "{}", Queue = queue, QueueKey = key, Priority = priority };

    /// <summary>Gives back the runs of workers that did not end them.</summary>
    private protected async Task LoseAsync(params QueueWorker[] workers)
    {
        foreach (var worker in workers)
            await Store.ExecuteAsync($"delete from workers where id = '{worker.Id}'");
        await (await JournalAsync()).RecoverAsync(default);
    }

    private async Task<IJournal> JournalAsync() => _shared ??= await OpenJournalAsync(Time);
}

/// <summary>A worker that executes nothing: it claims and ends as it is told.</summary>
internal sealed class QueueWorker(IJournal journal, string id, string[] queues, TimeProvider time)
{
    private readonly Dictionary<string, RunKey> _runs = [];

    public IJournal Journal => journal;

    public string Id => id;

    public async Task<IReadOnlyList<string>> ClaimAsync(int limit = 100)
    {
        var claim = await journal.ClaimAsync(Request(limit), default);
        foreach (var run in claim.Runs)
            _runs[run.Id] = new RunKey(run.Id, run.Epoch);
        return [.. claim.Runs.Select(r => r.Id)];
    }

    public ClaimRequest Request(int limit) => new(id, limit, [new WorkflowReference("work", 1)], queues);

    public async Task EndAsync(params IReadOnlyCollection<string> ids)
    {
        if (ids.Count > 0)
            await journal.CommitAsync(
                id, [.. ids.Select(run => new EndWrite(_runs[run], null, new RunOutcome(RunStatus.Success, "1", null, time.GetUtcNow())))], default);
    }

    public Task ParkAsync(string run, TimeSpan until) => journal.CommitAsync(id, [new ParkWrite(_runs[run], time.GetUtcNow() + until, 0)], default);
}
