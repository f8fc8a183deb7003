using System.CommandLine;
using Elt.Benchmarks.Engine;
using Elt.Benchmarks.Pipeline;
using Elt.Benchmarks.Scale;
using Elt.Benchmarks.Tenants;

var journal = new Option<string>("--journal") { Description = "postgres or sqlite.", DefaultValueFactory = _ => "postgres" };
journal.AcceptOnlyFromAmong("postgres", "sqlite");
var json = new Option<bool>("--json") { Description = "One JSON line per figure." };

var workflows = new Option<int?>("--workflows") { Description = "Runs of one shape of your own, with --steps and --concurrency. Default: all shapes." };
var steps = new Option<int>("--steps") { Description = "Steps of each run.", DefaultValueFactory = _ => 10 };
var concurrency = new Option<int>("--concurrency") { Description = "Runs at the same time.", DefaultValueFactory = _ => 50 };
var engine = new Command("engine", "No-op steps on a journal with real commits (fsync on), beside a bare loop that writes the same rows to the same database.")
{
    journal, workflows, steps, concurrency, json,
};
engine.SetAction(async (parsed, ct) =>
{
    IReadOnlyList<Shape> shapes = parsed.GetValue(workflows) is { } n
        ? [new IndependentRuns(n, parsed.GetValue(steps), parsed.GetValue(concurrency))]
        : [
            new IndependentRuns(300, 10, 50), new IndependentRuns(1000, 10, 200), new IndependentRuns(1, 1000, 1), new IndependentRuns(1000, 0, 50),
            new OneParent(1000, 200), new EnqueueThenDrain(2000, 100),
        ];
    await new EngineBench(parsed.GetValue(journal)!, parsed.GetValue(json)).RunAsync(shapes, ct);
});

var children = new Option<int>("--children") { Description = "Children of the one parent.", DefaultValueFactory = _ => 10_000 };
var queued = new Option<int>("--queued") { Description = "Runs in the long queue.", DefaultValueFactory = _ => 100_000 };
var finished = new Option<int>("--finished") { Description = "Finished runs.", DefaultValueFactory = _ => 1_000_000 };
var scale = new Command("scale", "Times of the engine's statements on large journals: one parent with many children, a long queue, many finished runs.")
{
    journal, children, queued, finished, json,
};
scale.SetAction((parsed, ct) => new ScaleBench(parsed.GetValue(journal)!, new Reporter(parsed.GetValue(journal)!, parsed.GetValue(json)))
    .RunAsync(parsed.GetValue(children), parsed.GetValue(queued), parsed.GetValue(finished), ct));

var seconds = new Option<int>("--seconds") { Description = "How long.", DefaultValueFactory = _ => 60 };
var idle = new Command("idle", "Statements per second of a worker without work on Postgres, with and without notifications.") { seconds, json };
idle.SetAction(async (parsed, ct) =>
{
    foreach (var useNotifications in new[] { true, false })
        await new IdleBench(new Reporter("postgres", parsed.GetValue(json))).RunAsync(TimeSpan.FromSeconds(parsed.GetValue(seconds)), useNotifications, ct);
});

var starts = new Option<int>("--starts") { Description = "Runs to start.", DefaultValueFactory = _ => 1000 };
var latency = new Command("latency", "From a start in one process to the first step in another over Postgres, with and without notifications.") { starts, json };
latency.SetAction(async (parsed, ct) =>
{
    foreach (var useNotifications in new[] { true, false })
        await new LatencyBench(new Reporter("postgres", parsed.GetValue(json))).RunAsync(parsed.GetValue(starts), useNotifications, ct);
});
var users = new Option<int>("--users") { Description = "Users of the source.", DefaultValueFactory = _ => 500_000 };
var pageSize = new Option<int>("--page-size") { Description = "Users per page.", DefaultValueFactory = _ => 1000 };
var pipeline = new Command("pipeline", "One integration over loopback HTTP into Postgres: first load, unchanged, 1 % changed; beside the same rows loaded bare.")
{
    users, pageSize, json,
};
pipeline.SetAction((parsed, ct) => new PipelineBench(new Reporter("postgres", parsed.GetValue(json))).RunAsync(parsed.GetValue(users), parsed.GetValue(pageSize), ct));
var tenants = new Option<int>("--tenants") { Description = "Healthy tenants.", DefaultValueFactory = _ => 1000 };
var usersEach = new Option<int>("--users") { Description = "Users of each.", DefaultValueFactory = _ => 100 };
var fairness = new Command("tenants", "Many small tenants over loopback HTTP into Postgres: alone, and beside one that fails, one that is rate-limited and one a hundred times bigger.")
{
    tenants, usersEach, json,
};
fairness.SetAction((parsed, ct) => new TenantsBench(new Reporter("postgres", parsed.GetValue(json))).RunAsync(parsed.GetValue(tenants), parsed.GetValue(usersEach), ct));
return await new RootCommand("Measures speed as ratios to the bare database doing the same work, in one run.") { engine, pipeline, fairness, scale, idle, latency }.Parse(args).InvokeAsync();
