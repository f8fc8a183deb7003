using System.Collections.Concurrent;
using System.Diagnostics;
using Elt.Durable;
using Elt.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Elt.Benchmarks.Scale;

/// <summary>A run that says when its first step has begun.</summary>
[Workflow("reporting")]
internal sealed record Reporting : IWorkflow<int>;

internal sealed class ReportingWorkflow(Beginnings beginnings) : Workflow<Reporting, int>
{
    public override Task<int> RunAsync(Reporting input, WorkflowContext context) => context.StepAsync("begin", _ =>
    {
        beginnings.Of(context.WorkflowId).TrySetResult(Stopwatch.GetTimestamp());
        return Task.FromResult(1);
    });
}

/// <summary>When the first step of each run began.</summary>
internal sealed class Beginnings
{
    private readonly ConcurrentDictionary<string, TaskCompletionSource<long>> _timestamps = [];

    public TaskCompletionSource<long> Of(string run) => _timestamps.GetOrAdd(run, _ => new(TaskCreationOptions.RunContinuationsAsynchronously));
}

/// <summary>From asking for a run in one process to its first step in another: two hosts that share nothing but Postgres.</summary>
internal sealed class LatencyBench(Reporter report)
{
    private const int WarmUp = 100;

    // Not in step with any poll.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(23);

    public async Task RunAsync(int starts, bool useNotifications, CancellationToken ct)
    {
        await using var server = await PostgresServer.StartAsync(fsync: true);
        var connectionString = await server.NewDatabaseAsync();
        var beginnings = new Beginnings();
        using var worker = BuildHost(connectionString, useNotifications, durable =>
        {
            durable.Services.AddSingleton(beginnings);
            durable.AddWorkflow<ReportingWorkflow>();
        });
        // Without the workflow's class its own worker has no use for the runs.
        using var caller = BuildHost(connectionString, useNotifications, _ => { });
        await worker.StartAsync(ct);
        await caller.StartAsync(ct);
        var client = caller.Services.GetRequiredService<WorkflowClient>();
        var measured = new List<Task<(double Started, double Begun)>>();
        for (var i = 0; i < WarmUp + starts; i++)
        {
            measured.Add(StartAsync(client, beginnings, $"run-{i}", ct));
            await Task.Delay(Pause, TimeProvider.System, ct);
        }
        var times = (await Task.WhenAll(measured)).Skip(WarmUp).ToList();
        var how = useNotifications ? "with notifications" : "by polling only";
        report.Print($"start acknowledged, {how}", 1, times.Select(t => t.Started));
        report.Print($"start to first step elsewhere, {how}", 1, times.Select(t => t.Begun));
        await caller.StopAsync(ct);
        await worker.StopAsync(ct);
    }

    private static async Task<(double Started, double Begun)> StartAsync(WorkflowClient client, Beginnings beginnings, string id, CancellationToken ct)
    {
        var asked = Stopwatch.GetTimestamp();
        await client.StartAsync(new Reporting(), id, ct: ct);
        var started = Stopwatch.GetElapsedTime(asked);
        return (started.TotalMilliseconds, Stopwatch.GetElapsedTime(asked, await beginnings.Of(id).Task.WaitAsync(ct)).TotalMilliseconds);
    }

    private static IHost BuildHost(string connectionString, bool useNotifications, Action<DurableBuilder> configure)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddDurable(durable =>
        {
            durable.UsePostgres(connectionString).ConfigureWorker(worker => worker.UseNotifications = useNotifications);
            configure(durable);
        });
        return builder.Build();
    }
}
