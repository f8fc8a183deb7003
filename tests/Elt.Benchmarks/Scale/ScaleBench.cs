using System.Diagnostics;
using Elt.Benchmarks.Engine;
using Elt.Durable;
using Elt.Durable.Execution;
using Elt.Durable.Journal;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Elt.Benchmarks.Scale;

/// <summary>How the engine's statements take large journals: one parent with many children, a long queue, many finished runs.</summary>
internal sealed class ScaleBench(string journal, Reporter report)
{
    private const string WorkerId = "bench-worker";
    private const string LimitedQueue = "limited";
    private const int Batch = 100;
    private const int Rounds = 20;

    private static readonly WorkflowReference[] Workflows = [new(JournalFiller.Workflow, 1)];

    public async Task RunAsync(int children, int queued, int finished, CancellationToken ct)
    {
        await OneParentAsync(children, ct);
        await LongQueueAsync(queued, JournalFiller.Queue, ct);
        await LongQueueAsync(queued, LimitedQueue, ct);
        await ManyFinishedAsync(finished, ct);
    }

    private async Task OneParentAsync(int children, CancellationToken ct)
    {
        await using var filler = await CreateFillerAsync();
        using var host = BuildHost(filler);
        await host.StartAsync(ct);
        var client = host.Services.GetRequiredService<WorkflowClient>();
        await (await client.StartAsync(new NoOpChildren(100, 100), ct: ct)).ResultAsync(ct);
        var begun = Stopwatch.GetTimestamp();
        var parent = await client.StartAsync(new NoOpChildren(children, 500), ct: ct);
        await parent.ResultAsync(ct);
        report.Print($"one parent, {children} children", children, [Stopwatch.GetElapsedTime(begun).TotalMilliseconds]);
        await report.MeasureAsync("its history", Rounds, async () => (await client.ListStepsAsync(parent.WorkflowId, ct)).Count);
        await host.StopAsync(ct);
    }

    private async Task LongQueueAsync(int queued, string queue, CancellationToken ct)
    {
        await using var filler = await CreateFillerAsync();
        using var host = BuildHost(filler);
        var engine = await OpenAsync(host, ct);
        await filler.EnqueueAsync(queued, queue);
        await filler.SettleAsync();
        var request = new ClaimRequest(WorkerId, Batch, Workflows, [queue]);
        var claims = new List<double>();
        while (true)
        {
            var begun = Stopwatch.GetTimestamp();
            var claimed = (await engine.ClaimAsync(request, ct)).Runs;
            if (claimed.Count == 0)
                break;
            claims.Add(Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
            var outcome = new RunOutcome(RunStatus.Success, "1", null, TimeProvider.System.GetUtcNow());
            await engine.CommitAsync(WorkerId, [.. claimed.Select(run => new EndWrite(new RunKey(run.Id, run.Epoch), null, outcome))], ct);
        }
        var sample = Math.Max(1, claims.Count / 20);
        report.Print($"{queue} queue of {queued}: claim, first 5 %", Batch, claims.Take(sample));
        report.Print($"{queue} queue of {queued}: claim, middle 5 %", Batch, claims.Skip((claims.Count - sample) / 2).Take(sample));
        report.Print($"{queue} queue of {queued}: claim, last 5 %", Batch, claims.TakeLast(sample));
    }

    private async Task ManyFinishedAsync(int finished, CancellationToken ct)
    {
        await using var filler = await CreateFillerAsync();
        using var host = BuildHost(filler);
        var engine = await OpenAsync(host, ct);
        await filler.FinishAsync(finished);
        await filler.LiveAsync(Rounds * Batch / 2);
        await filler.SettleAsync();
        await MeasureWorkerAsync(engine, ct);
        await MeasureClientAsync(engine, finished, ct);
    }

    private async Task MeasureWorkerAsync(IJournal engine, CancellationToken ct)
    {
        var request = new ClaimRequest(WorkerId, 10, Workflows, [JournalFiller.Queue, LimitedQueue]);
        await report.MeasureAsync("claim 10", Rounds, async () => (await engine.ClaimAsync(request, ct)).Runs.Count);
        await report.MeasureAsync("probe, something due", Rounds, async () => (await engine.ProbeAsync(request, ct)).WorkIsDue ? 1 : 0);
        while ((await engine.ClaimAsync(request with { Limit = 1000 }, ct)).Runs.Count > 0)
        {
            // The next claims shall find nothing.
        }
        await report.MeasureAsync("claim, nothing due", Rounds, async () => (await engine.ClaimAsync(request, ct)).Runs.Count);
        await report.MeasureAsync("probe, nothing due", Rounds, async () => (await engine.ProbeAsync(request, ct)).WorkIsDue ? 1 : 0);
        await report.MeasureAsync("recover, nobody dead", Rounds, () => engine.RecoverAsync(ct));
    }

    private async Task MeasureClientAsync(IJournal engine, int finished, CancellationToken ct)
    {
        Task ListAsync(string what, RunFilter filter) =>
            report.MeasureAsync($"list {what}", Rounds, async () => (await engine.ListRunsAsync(filter, ct)).Count);

        await report.MeasureAsync("find", Rounds, async () => await engine.FindRunAsync($"finished-{finished / 2 + 1}", ct) is null ? 0 : 1);
        await report.MeasureAsync("history", Rounds, async () => (await engine.ReadHistoryAsync($"finished-{finished / 2 + 1}", ct)).Steps.Count);
        await ListAsync("newest", new RunFilter());
        await ListAsync("by status SUCCESS (98 %)", new RunFilter { Statuses = [RunStatus.Success] });
        await ListAsync("by status ERROR (2 %)", new RunFilter { Statuses = [RunStatus.Error] });
        await ListAsync("by status RUNNING", new RunFilter { Statuses = [RunStatus.Running] });
        await ListAsync("by status CANCELLED (none)", new RunFilter { Statuses = [RunStatus.Cancelled] });
        await ListAsync("by workflow (10 %)", new RunFilter { Workflow = JournalFiller.Workflow });
        await ListAsync("by workflow (the oldest 100)", new RunFilter { Workflow = JournalFiller.RareWorkflow });
        await ListAsync("by parent (100 children)", new RunFilter { ParentId = $"parent-{finished / 2000}", Limit = JournalFiller.ChildrenOfParent });
        await ListAsync("by queue (50 %)", new RunFilter { Queue = JournalFiller.Queue });
        await ListAsync("by queue (none)", new RunFilter { Queue = LimitedQueue });
        await ListAsync("by id prefix (100 children)", new RunFilter { IdPrefix = $"parent-{finished / 2000}/", Limit = JournalFiller.ChildrenOfParent });
    }

    private static async Task<IJournal> OpenAsync(IHost host, CancellationToken ct)
    {
        var engine = host.Services.GetRequiredService<IJournal>();
        await engine.OpenAsync(ct);
        await engine.Queues.DeclareAsync([new(JournalFiller.Queue, new()), new(LimitedQueue, new() { Concurrency = Batch * 2, WorkerConcurrency = Batch })], ct);
        await engine.RegisterWorkerAsync(WorkerId, TimeSpan.FromHours(1), Workflows, ct);
        return engine;
    }

    private static IHost BuildHost(JournalFiller filler)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<StepTimes>();
        builder.Services.AddDurable(durable =>
        {
            filler.Use(durable);
            durable.AddWorkflow<NoOpStepsWorkflow>().AddWorkflow<NoOpChildrenWorkflow>().ConfigureWorker(worker => worker.MaxConcurrentRuns = 1000);
        });
        return builder.Build();
    }

    private async Task<JournalFiller> CreateFillerAsync() => journal == "sqlite" ? new SqliteFiller() : await PostgresFiller.CreateAsync();
}
