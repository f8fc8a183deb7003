using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization;
using Elt.Durable;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Elt.Benchmarks.Engine;

/// <summary>What one shape gave: the median of its rounds. Rates per second, times in milliseconds.</summary>
internal sealed record EngineFigures
{
    public required string Journal { get; init; }

    public required string Shape { get; init; }

    public required double WorkflowsPerS { get; init; }

    public required double StepsPerS { get; init; }

    public double? EnqueuedPerS { get; init; }

    public double? StepP50Ms { get; init; }

    public double? StepP99Ms { get; init; }

    public double? CommitsPerStep { get; init; }

    public double? WalBytesPerStep { get; init; }

    public double? AllocatedBytesPerStep { get; init; }

    public required double AllocatedBytesPerWorkflow { get; init; }

    public required double BareBatchRowsPerS { get; init; }

    public required double BareSingleP50Ms { get; init; }

    /// <summary>Steps per second (workflows where they have none) as a share of the bare batch; where one step follows the other, their median as a multiple of the bare single one.</summary>
    public required double Ratio { get; init; }
}

/// <summary>Runs the shapes one after the other, the yardsticks right before each.</summary>
internal sealed class EngineBench(string journal, bool json)
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };

    public async Task RunAsync(IReadOnlyList<Shape> shapes, CancellationToken ct)
    {
        foreach (var shape in shapes)
        {
            await using IYardstick yardstick = journal == "sqlite" ? new SqliteYardstick() : await PostgresYardstick.CreateAsync(ct);
            Print(await MeasureAsync(shape, yardstick, ct));
        }
    }

    private async Task<EngineFigures> MeasureAsync(Shape shape, IYardstick yardstick, CancellationToken ct)
    {
        var times = new StepTimes();
        using var host = BuildHost(shape, yardstick, times);
        await host.StartAsync(ct);
        var target = ActivatorUtilities.CreateInstance<Target>(host.Services);
        await WarmUpAsync(target, shape, ct);

        // Machines are shared: what one moment slows is measured again in another, the yardsticks right beside it.
        var rounds = new List<EngineFigures>();
        await yardstick.BatchRowsPerSecondAsync(20_000, ct);
        while (rounds.Count < Rounds)
            rounds.Add(await MeasureOnceAsync(shape, target, yardstick, times, ct));
        await host.StopAsync(ct);
        return new EngineFigures
        {
            Journal = journal,
            Shape = shape.ToString(),
            WorkflowsPerS = Median(f => f.WorkflowsPerS, 1)!.Value,
            StepsPerS = Median(f => f.StepsPerS, 1)!.Value,
            EnqueuedPerS = Median(f => f.EnqueuedPerS, 1),
            StepP50Ms = Median(f => f.StepP50Ms, 3),
            StepP99Ms = Median(f => f.StepP99Ms, 3),
            CommitsPerStep = Median(f => f.CommitsPerStep, 4),
            WalBytesPerStep = Median(f => f.WalBytesPerStep, 0),
            AllocatedBytesPerStep = Median(f => f.AllocatedBytesPerStep, 0),
            AllocatedBytesPerWorkflow = Median(f => f.AllocatedBytesPerWorkflow, 0)!.Value,
            BareBatchRowsPerS = Median(f => f.BareBatchRowsPerS, 0)!.Value,
            BareSingleP50Ms = Median(f => f.BareSingleP50Ms, 3)!.Value,
            Ratio = Median(f => f.Ratio, 3)!.Value,
        };

        double? Median(Func<EngineFigures, double?> figure, int digits) =>
            rounds.ConvertAll(f => figure(f)).Order().ElementAt(Rounds / 2) is { } median ? Math.Round(median, digits) : null;
    }

    private async Task<EngineFigures> MeasureOnceAsync(Shape shape, Target target, IYardstick yardstick, StepTimes times, CancellationToken ct)
    {
        var batch = await yardstick.BatchRowsPerSecondAsync(50_000, ct);
        var single = await yardstick.SingleMedianAsync(300, ct);
        times.Milliseconds.Clear();
        var before = await yardstick.ActivityAsync(ct);
        var allocated = GC.GetTotalAllocatedBytes();
        var time = await shape.RunAsync(target, ct);
        allocated = GC.GetTotalAllocatedBytes() - allocated;
        var after = await yardstick.ActivityAsync(ct);

        var seconds = time.Duration.TotalSeconds;
        var steps = (double)shape.Runs * shape.Steps;
        var latencies = times.Milliseconds.Order().ToArray();
        var median = latencies.Length > 0 ? latencies[latencies.Length / 2] : (double?)null;
        return new EngineFigures
        {
            Journal = journal,
            Shape = shape.ToString(),
            WorkflowsPerS = shape.Runs / seconds,
            StepsPerS = steps / seconds,
            EnqueuedPerS = shape.Runs / time.Enqueuing?.TotalSeconds,
            StepP50Ms = median,
            StepP99Ms = latencies.Length > 0 ? latencies[(int)(latencies.Length * 0.99)] : null,
            CommitsPerStep = steps > 0 ? (after?.Commits - before?.Commits) / steps : null,
            WalBytesPerStep = steps > 0 ? (after?.WalBytes - before?.WalBytes) / steps : null,
            AllocatedBytesPerStep = steps > 0 ? allocated / steps : null,
            AllocatedBytesPerWorkflow = allocated / shape.Runs,
            BareBatchRowsPerS = batch,
            BareSingleP50Ms = single,
            Ratio = shape.IsSerial ? median!.Value / single : Math.Max(steps, shape.Runs) / seconds / batch,
        };
    }

    private static IHost BuildHost(Shape shape, IYardstick yardstick, StepTimes times)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(times).AddSingleton<Gate>();
        builder.Services.AddDurable(durable =>
        {
            yardstick.Use(durable);
            durable.AddWorkflow<NoOpStepsWorkflow>().AddWorkflow<NoOpChildrenWorkflow>().AddWorkflow<HeldSlotWorkflow>().AddQueue(Shape.Queue)
                .ConfigureWorker(worker => worker.MaxConcurrentRuns = shape.Room);
        });
        return builder.Build();
    }

    /// <summary>Until the runtime has compiled the hot paths for good: a service lives for weeks.</summary>
    private static async Task WarmUpAsync(Target target, Shape shape, CancellationToken ct)
    {
        for (var begun = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(begun) < WarmUp;)
            await shape.RunAsync(target, ct);
    }

    private const int Rounds = 7;

    private static TimeSpan WarmUp => TimeSpan.FromSeconds(8);

    private void Print(EngineFigures f)
    {
        if (json)
            Console.WriteLine(JsonSerializer.Serialize(f, Json));
        else
            Console.WriteLine(
                $"{f.Journal,-8} {f.Shape,-28} {f.WorkflowsPerS,9:N0} workflows/s {f.StepsPerS,9:N0} steps/s  step p50 {f.StepP50Ms:N2} ms p99 {f.StepP99Ms:N2} ms  "
                + $"bare batch {f.BareBatchRowsPerS,9:N0} rows/s  bare single p50 {f.BareSingleP50Ms:N2} ms  ratio {f.Ratio:N3}  "
                + $"{f.CommitsPerStep} commits/step  {f.WalBytesPerStep} WAL bytes/step  {f.AllocatedBytesPerStep ?? f.AllocatedBytesPerWorkflow:N0} bytes allocated{(f.EnqueuedPerS is { } enqueued ? $"  enqueued {enqueued:N0}/s" : "")}");
    }
}
