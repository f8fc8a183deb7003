using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Elt.Durable.Execution;
using Elt.Durable.Journal;

namespace Elt.Durable;

/// <summary>
/// Activities and metrics, source and meter <c>Elt.Durable</c>. Metrics carry names that the code declares (workflow, queue, status, type of error), never ids or
/// payloads. What nobody listens to is not measured.
/// </summary>
internal static class Telemetry
{
    public const string Name = "Elt.Durable";

    private const string WorkflowTag = "durable.workflow.name";
    private const string StatusTag = "durable.status";

    private static readonly ActivitySource Source = new(Name);
    private static readonly Meter Meter = new(Name);
    private static readonly ConcurrentDictionary<Worker, byte> Workers = [];

    private static readonly Counter<long> StartedRuns = Meter.CreateCounter<long>("durable.run.started", "{run}", "Runs created.");
    private static readonly Counter<long> EndedRuns = Meter.CreateCounter<long>("durable.run.ended", "{run}", "Runs that ended on this worker.");
    private static readonly Histogram<double> RunDuration = Meter.CreateHistogram<double>("durable.run.duration", "s", "From a run's creation to its end.");
    private static readonly Histogram<double> QueueWait = Meter.CreateHistogram<double>("durable.run.queue_wait", "s", "From a run's creation, a delay included, to its first claim.");
    private static readonly Counter<long> RecoveredRuns = Meter.CreateCounter<long>("durable.run.recovered", "{run}", "Runs taken over from dead workers.");
    private static readonly Histogram<double> StepDuration = Meter.CreateHistogram<double>("durable.step.duration", "s", "From the start of a step's execution to its outcome, retries included.");
    private static readonly Counter<long> FailedAttempts = Meter.CreateCounter<long>("durable.step.failed_attempts", "{attempt}", "Attempts of steps that failed.");
    private static readonly Histogram<int> BatchSize = Meter.CreateHistogram<int>("durable.commit.batch_size", "{write}", "Writes in a commit.");
    private static readonly Histogram<double> CommitDuration = Meter.CreateHistogram<double>("durable.commit.duration", "s", "Time of a commit, waits for an absent journal included.");
    private static readonly Counter<long> FencedWrites = Meter.CreateCounter<long>("durable.write.fenced", "{write}", "Writes refused because the run belongs to another worker.");

    static Telemetry() => Meter.CreateObservableUpDownCounter(
        "durable.run.busy", () => Workers.Keys.Sum(worker => worker.Busy), "{run}", "Runs that take up a slot of this process's workers.");

    /// <summary>Counts a worker's busy runs from now on.</summary>
    public static void Observe(Worker worker) => Workers.TryAdd(worker, 0);

    public static void Forget(Worker worker) => Workers.TryRemove(worker, out _);

    public static void RunStarted(string workflow) => StartedRuns.Add(1, KeyValuePair.Create<string, object?>(WorkflowTag, workflow));

    public static void RunEnded(ClaimedRun run, RunOutcome outcome)
    {
        if (!EndedRuns.Enabled && !RunDuration.Enabled)
            return;
        var tags = new TagList { { WorkflowTag, run.Workflow }, { StatusTag, outcome.Status.ToText() } };
        EndedRuns.Add(1, tags);
        RunDuration.Record((outcome.CompletedAt - run.CreatedAt).TotalSeconds, tags);
    }

    public static void RunClaimed(ClaimedRun run, DateTimeOffset now)
    {
        if (QueueWait.Enabled && run.Epoch == 1)
            QueueWait.Record(Math.Max(0, (now - run.CreatedAt).TotalSeconds), new TagList { { WorkflowTag, run.Workflow }, { "durable.queue.name", run.Queue } });
    }

    public static void RunsRecovered(int runs) => RecoveredRuns.Add(runs);

    public static void StepEnded(string workflow, StepInfo step)
    {
        if (StepDuration.Enabled)
            StepDuration.Record((step.CompletedAt - step.StartedAt).TotalSeconds, new TagList { { WorkflowTag, workflow }, { StatusTag, step.Status.ToText() } });
    }

    public static void AttemptFailed(string workflow, Exception error)
    {
        if (FailedAttempts.Enabled)
            FailedAttempts.Add(1, new TagList { { WorkflowTag, workflow }, { "error.type", error.GetType().FullName } });
    }

    /// <summary>A moment to measure a commit from; 0 when nobody listens.</summary>
    public static long CommitBegins() => CommitDuration.Enabled ? Stopwatch.GetTimestamp() : 0;

    public static void Committed(IReadOnlyList<JournalWrite> writes, long begun)
    {
        if (begun != 0)
            CommitDuration.Record(Stopwatch.GetElapsedTime(begun).TotalSeconds);
        BatchSize.Record(writes.Count);
        if (FencedWrites.Enabled && writes.Count(write => write is OwnedWrite { Fenced: true } or StartWrite { Fenced: true }) is > 0 and var fenced)
            FencedWrites.Add(fenced);
    }

    /// <summary>The activity of one execution of a run; <see langword="null"/> when nobody listens.</summary>
    public static Activity? BeginRun(ClaimedRun run) => Source.StartActivity($"run {run.Workflow}")?
        .SetTag("durable.run.id", run.Id).SetTag(WorkflowTag, run.Workflow).SetTag("durable.workflow.version", run.Version).SetTag("durable.run.epoch", run.Epoch);

    public static void EndRun(Activity? activity, RunOutcome outcome)
    {
        activity?.SetTag(StatusTag, outcome.Status.ToText());
        if (outcome.Error is { } error)
            activity?.SetStatus(ActivityStatusCode.Error, error.Message);
    }

    /// <summary>The activity of one attempt of a step; <see langword="null"/> when nobody listens.</summary>
    public static Activity? BeginAttempt(string runId, string workflow, string step, int attempt) => Source.StartActivity("step")?
        .SetTag("durable.run.id", runId).SetTag(WorkflowTag, workflow).SetTag("durable.step.key", step).SetTag("durable.step.attempt", attempt);

    public static void FailAttempt(Activity? activity, Exception error) =>
        activity?.SetTag("error.type", error.GetType().FullName).SetStatus(ActivityStatusCode.Error, error.Message);
}
