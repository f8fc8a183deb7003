using System.CommandLine;
using Elt.Benchmarks.Engine;

var journal = new Option<string>("--journal") { Description = "postgres or sqlite.", DefaultValueFactory = _ => "postgres" };
journal.AcceptOnlyFromAmong("postgres", "sqlite");
var workflows = new Option<int?>("--workflows") { Description = "Runs of one shape of your own, with --steps and --concurrency. Default: all shapes." };
var steps = new Option<int>("--steps") { Description = "Steps of each run.", DefaultValueFactory = _ => 10 };
var concurrency = new Option<int>("--concurrency") { Description = "Runs at the same time.", DefaultValueFactory = _ => 50 };
var json = new Option<bool>("--json") { Description = "One JSON line per shape." };
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
return await new RootCommand("Measures speed as ratios to the bare database doing the same work, in one run.") { engine }.Parse(args).InvokeAsync();
