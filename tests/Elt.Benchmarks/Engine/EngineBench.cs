using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization;
using Elt.Durable;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Elt.Benchmarks.Engine;

/// <summary>What one shape gave. Rates per second, times in milliseconds.</summary>
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

    public required double BareBatchRowsPerS { get; init; }

    public required double BareSingleP50Ms { get; init; }
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

        await yardstick.BatchRowsPerSecondAsync(20_000, ct);
        var batch = await yardstick.BatchRowsPerSecondAsync(100_000, ct);
        var single = await yardstick.SingleMedianAsync(500, ct);
        times.Milliseconds.Clear();
        var before = await yardstick.ActivityAsync(ct);
        var time = await shape.RunAsync(target, ct);
        var after = await yardstick.ActivityAsync(ct);
        await host.StopAsync(ct);

        var seconds = time.Duration.TotalSeconds;
        var steps = (double)shape.Runs * shape.Steps;
        var latencies = times.Milliseconds.Order().ToArray();
        return new EngineFigures
        {
            Journal = journal,
            Shape = shape.ToString(),
            WorkflowsPerS = Math.Round(shape.Runs / seconds, 1),
            StepsPerS = Math.Round(steps / seconds, 1),
            EnqueuedPerS = time.Enqueuing is { } enqueuing ? Math.Round(shape.Runs / enqueuing.TotalSeconds, 1) : null,
            StepP50Ms = latencies.Length > 0 ? Math.Round(latencies[latencies.Length / 2], 3) : null,
            StepP99Ms = latencies.Length > 0 ? Math.Round(latencies[(int)(latencies.Length * 0.99)], 3) : null,
            CommitsPerStep = steps > 0 && before is not null ? Math.Round((after!.Value.Commits - before.Value.Commits) / steps, 4) : null,
            WalBytesPerStep = steps > 0 && before is not null ? Math.Round((after!.Value.WalBytes - before.Value.WalBytes) / steps, 0) : null,
            BareBatchRowsPerS = Math.Round(batch, 0),
            BareSingleP50Ms = Math.Round(single, 3),
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

    private static TimeSpan WarmUp => TimeSpan.FromSeconds(6);

    private void Print(EngineFigures f)
    {
        if (json)
            Console.WriteLine(JsonSerializer.Serialize(f, Json));
        else
            Console.WriteLine(
                $"{f.Journal,-8} {f.Shape,-28} {f.WorkflowsPerS,9:N0} workflows/s {f.StepsPerS,9:N0} steps/s  step p50 {f.StepP50Ms:N2} ms p99 {f.StepP99Ms:N2} ms  "
                + $"bare batch {f.BareBatchRowsPerS,9:N0} rows/s (steps ÷ it = {f.StepsPerS / f.BareBatchRowsPerS:N2}, workflows ÷ it = {f.WorkflowsPerS / f.BareBatchRowsPerS:N3})  "
                + $"bare single p50 {f.BareSingleP50Ms:N2} ms (step p50 ÷ it = {f.StepP50Ms / f.BareSingleP50Ms:N2})  {f.CommitsPerStep} commits/step  {f.WalBytesPerStep} WAL bytes/step{(f.EnqueuedPerS is { } enqueued ? $"  enqueued {enqueued:N0}/s" : "")}");
    }
}
