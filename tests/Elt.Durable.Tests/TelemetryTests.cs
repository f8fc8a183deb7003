using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using Elt.Durable.Journal;
using Elt.Durable.Tests.Suite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Elt.Durable.Tests;

[Collection("telemetry")]
public sealed class TelemetryOnPostgres : TelemetryTests<PostgresStore>;

[Collection("telemetry")]
public sealed class TelemetryOnSqlite : TelemetryTests<SqliteStore>;

[Trait("promise", "E24")]
public abstract class TelemetryTests<TStore> : EngineSuite<TStore>
    where TStore : IStore, new()
{
    // Other tests are traced at the same time.
    private readonly string _id = $"{typeof(TStore).Name}-{Environment.TickCount64}";

    [Fact]
    public async Task A_run_is_an_activity_and_so_is_each_attempt_of_its_steps()
    {
        var activities = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Elt.Durable",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity =>
            {
                if (((string?)activity.GetTagItem("durable.run.id"))!.StartsWith(_id, StringComparison.Ordinal))
                    activities.Enqueue(activity);
            },
        };
        ActivitySource.AddActivityListener(listener);
        var engine = await StartMeasuredAsync();
        var handle = await engine.Client.StartAsync(new Measured(1), _id);
        await WithinPatienceAsync(handle.ResultAsync());
        await engine.StopAsync();

        var run = Assert.Single(activities, a => a.DisplayName == "run measured");
        Assert.Equal("SUCCESS", run.GetTagItem("durable.status"));
        var attempts = activities.Where(a => a.GetTagItem("durable.step.key") is "measure").OrderBy(a => a.StartTimeUtc).ToList();
        Assert.Equal(new object?[] { 1, 2 }, attempts.Select(a => a.GetTagItem("durable.step.attempt")));
        Assert.Equal(new[] { ActivityStatusCode.Error, ActivityStatusCode.Unset }, attempts.Select(a => a.Status));
        Assert.All(attempts, a => Assert.Equal(run.SpanId, a.ParentSpanId));
        var child = Assert.Single(activities, a => a.DisplayName == "run sequence");
        Assert.Equal(run.TraceId, child.TraceId);
    }

    [Fact]
    public async Task Metrics_tell_of_runs_steps_waits_and_commits_without_ids()
    {
        using var metrics = new Metrics();
        var engine = await StartMeasuredAsync();
        await WithinPatienceAsync((await engine.Client.StartAsync(new Measured(1), _id)).ResultAsync());
        await WithinPatienceAsync((await engine.Client.StartAsync(new Measured(0), _id + "-queued", new StartOptions { Queue = "measured" })).ResultAsync());
        metrics.Collect();
        await engine.StopAsync();

        Assert.Equal(2, metrics.Of("durable.run.started", "measured").Count);
        Assert.Equal(2, metrics.Of("durable.run.ended", "measured").Count(m => m.Tags["durable.status"] == "SUCCESS"));
        Assert.Equal(2, metrics.Of("durable.run.duration", "measured").Count(m => m.Value >= 0));
        Assert.Single(metrics.Of("durable.run.queue_wait", "measured"), m => m.Tags["durable.queue.name"] == "measured");
        Assert.Equal(2, metrics.Of("durable.step.duration", "measured").Count);
        Assert.Equal("System.InvalidOperationException", Assert.Single(metrics.Of("durable.step.failed_attempts", "measured")).Tags["error.type"]);
        Assert.Contains(metrics.Of("durable.commit.batch_size"), m => m.Value >= 1);
        Assert.Contains(metrics.Of("durable.commit.duration"), m => m.Value > 0);
        Assert.NotEmpty(metrics.Of("durable.run.busy"));
        Assert.DoesNotContain(metrics.All, m => m.Tags.Values.Any(value => value?.Contains(_id, StringComparison.Ordinal) == true));
    }

    [Fact]
    public async Task Refused_writes_and_recoveries_are_counted()
    {
        using var metrics = new Metrics();
        var engine = await StartEngineAsync();
        await engine.Client.StartAsync(new Sequence(1), _id, new StartOptions { Delay = TimeSpan.FromDays(1) });
        await engine.Writer.CommitAsync(SampleSteps.LateStep(_id, epoch: 7));
        Assert.NotEmpty(metrics.Of("durable.write.fenced"));
        await engine.StopAsync();
        await Store.ExecuteAsync("update runs set status = 'RUNNING', owner = 'dead', due_at = null");
        await WithinPatienceAsync((await StartEngineAsync()).Client.WaitAsync(_id));
        Assert.NotEmpty(metrics.Of("durable.run.recovered"));
    }

    [Fact]
    public async Task Logs_of_workflows_and_steps_carry_run_and_step()
    {
        var log = new ScopeLog();
        var engine = await StartEngineAsync(durable => durable.Services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.Information).AddProvider(log)));
        var script = Script("logging", async context =>
        {
            context.Logger.LogWarning("in the workflow");
            var logger = engine.Get<ILoggerFactory>().CreateLogger("user");
            return await context.StepAsync("talk", async _ =>
            {
                await Task.Yield();
                logger.LogWarning("in the step");
                return "done";
            });
        });
        await WithinPatienceAsync((await engine.Client.StartAsync(script, _id)).ResultAsync());
        Assert.Equal($"RunId={_id} Workflow=scripted", log.Lines["in the workflow"]);
        Assert.Equal($"RunId={_id} Workflow=scripted Step=talk Attempt=1", log.Lines["in the step"]);
    }

    [Fact]
    public async Task What_was_ambient_at_the_start_does_not_reach_the_run()
    {
        var ambient = new AsyncLocal<string?> { Value = "the request's" };
        var engine = await StartEngineAsync();
        var script = Script("ambient", context => Task.FromResult($"{ambient.Value ?? "nothing"}"));
        Assert.Equal("nothing", await WithinPatienceAsync((await engine.Client.StartAsync(script)).ResultAsync()));
    }

    private Task<EngineHost> StartMeasuredAsync() =>
        StartEngineAsync(durable => durable.AddWorkflow<MeasuredWorkflow>().AddQueue("measured"));

    [Workflow("measured")]
    internal sealed record Measured(int Failures) : IWorkflow<int>;

    internal sealed class MeasuredWorkflow(Probe probe) : Workflow<Measured, int>
    {
        public override async Task<int> RunAsync(Measured input, WorkflowContext context)
        {
            await context.StepAsync(
                "measure",
                _ => probe.Count(context.WorkflowId) <= input.Failures ? throw new InvalidOperationException("not yet") : Task.CompletedTask,
                new RetryPolicy { MaxAttempts = 3, FirstDelay = TimeSpan.FromMilliseconds(1) });
            return await context.ChildAsync(new Sequence(1));
        }
    }

    private sealed record Measurement(string Name, double Value, IReadOnlyDictionary<string, string?> Tags);

    private sealed class Metrics : IDisposable
    {
        private readonly ConcurrentQueue<Measurement> _measurements = [];
        private readonly MeterListener _listener = new();

        public Metrics()
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == "Elt.Durable")
                    listener.EnableMeasurementEvents(instrument);
            };
            _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
            _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Add(instrument, value, tags));
            _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument, value, tags));
            _listener.Start();
        }

        public IReadOnlyCollection<Measurement> All => _measurements;

        public List<Measurement> Of(string name, string? workflow = null) =>
            [.. _measurements.Where(m => m.Name == name && (workflow is null || m.Tags["durable.workflow.name"] == workflow))];

        public void Collect() => _listener.RecordObservableInstruments();

        public void Dispose() => _listener.Dispose();

        private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags) => _measurements.Enqueue(
            new Measurement(instrument.Name, value, tags.ToArray().ToDictionary(t => t.Key, t => Convert.ToString(t.Value, CultureInfo.InvariantCulture))));
    }

    /// <summary>Keeps the scopes that each message was logged in.</summary>
    private sealed class ScopeLog : ILoggerProvider, ISupportExternalScope, ILogger
    {
        private IExternalScopeProvider _scopes = new LoggerExternalScopeProvider();

        public ConcurrentDictionary<string, string> Lines { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public void SetScopeProvider(IExternalScopeProvider scopeProvider) => _scopes = scopeProvider;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => _scopes.Push(state);

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            var scopes = new List<string>();
            _scopes.ForEachScope((scope, found) => found.AddRange(((IEnumerable<KeyValuePair<string, object>>)scope!).Select(p => $"{p.Key}={p.Value}")), scopes);
            Lines[formatter(state, exception)] = string.Join(" ", scopes);
        }

        public void Dispose()
        {
        }
    }
}
