using Elt.Durable.Testing;
using Elt.Durable.Tests.Suite;
using Microsoft.Extensions.DependencyInjection;

namespace Elt.Durable.Tests.Testing;

/// <summary>Recorded runs, followed by the code of another day.</summary>
[Trait("promise", "E17")]
public sealed class ReplayTests : IAsyncLifetime
{
    private readonly Scripts _scripts = new();
    private readonly Probe _probe = new();
    private DurableTestHost _host = null!;

    public async Task InitializeAsync() => _host = await DurableTestHost.StartAsync(durable =>
    {
        durable.Services.AddSingleton(_scripts).AddSingleton(_probe);
        durable.AddWorkflow<ScriptedWorkflow>();
    });

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    public async Task The_same_code_comes_to_the_same_end_and_executes_nothing()
    {
        var replayed = await ReplayAsync(await RecordAsync(Order), Order);
        Assert.Equal(RunStatus.Success, replayed.Status);
        Assert.Equal("\"a1 b2 b3\"", replayed.Output);
        Assert.Empty(replayed.Differences);
        Assert.Equal(3, _probe["executed"]);
    }

    [Fact]
    public async Task A_failed_run_fails_again()
    {
        Task<string> FailAsync(WorkflowContext context) => context.StepAsync<string>("fail", _ => throw new InvalidOperationException("no"), RetryPolicy.None);
        var replayed = await ReplayAsync(await RecordAsync(FailAsync), FailAsync);
        Assert.Equal(RunStatus.Error, replayed.Status);
        Assert.Empty(replayed.Differences);
    }

    [Fact]
    public async Task A_step_that_was_renamed_is_named()
    {
        var recorded = await RecordAsync(Order);
        var replayed = await ReplayAsync(recorded, async context => await Step(context, "another") + await Step(context, "b"));
        Assert.Equal(["another"], replayed.NotRecorded);
        Assert.Contains(replayed.Differences, difference => difference.StartsWith("'a' is recorded", StringComparison.Ordinal));
        Assert.Contains(replayed.Differences, difference => difference.StartsWith("The code asked for 'another'", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Another_result_of_the_same_steps_is_told()
    {
        var recorded = await RecordAsync(Order);
        var replayed = await ReplayAsync(recorded, async context => (await Order(context)).ToUpperInvariant());
        Assert.Equal(["The result was \"a1 b2 b3\", now it is \"A1 B2 B3\"."], replayed.Differences);
    }

    [Fact]
    public async Task A_run_in_flight_stops_where_it_would_go_on()
    {
        var recorded = await RecordAsync(Order);
        var inFlight = new RecordedRun(recorded.Run with { Status = RunStatus.Running, Output = null, CompletedAt = null }, [.. recorded.Steps.Where(step => step.Key != "b2")]);
        var replayed = await ReplayAsync(inFlight, Order);
        Assert.Null(replayed.Status);
        Assert.Equal(["b2"], replayed.NotRecorded);
        Assert.Empty(replayed.Differences);
    }

    [Fact]
    public async Task A_patch_keeps_to_the_path_that_was_recorded()
    {
        var recorded = await RecordAsync(Order);
        var replayed = await ReplayAsync(recorded, async context =>
            await context.PatchedAsync("shout") ? (await Order(context)).ToUpperInvariant() : await Order(context));
        Assert.Empty(replayed.Differences);
    }

    private async Task<string> Order(WorkflowContext context)
    {
        var first = await Step(context, "a");
        await context.SleepAsync(TimeSpan.FromSeconds(1));
        return $"{first} {await Step(context, "b")} {await Step(context, "b2")}";
    }

    private Task<string> Step(WorkflowContext context, string name) => context.StepAsync(name, _ => Task.FromResult($"{name[0]}{_probe.Count("executed")}"));

    private async Task<RecordedRun> RecordAsync(Func<WorkflowContext, Task<string>> body)
    {
        _scripts.Bodies["order"] = body;
        await _host.Client.StartAsync(new Scripted("order"), "order");
        await _host.AdvanceAsync(TimeSpan.FromMinutes(1));
        return RecordedRun.Parse((await RecordedRun.ReadAsync(_host.Client, "order")).ToJson());
    }

    private Task<ReplayedRun> ReplayAsync(RecordedRun recorded, Func<WorkflowContext, Task<string>> body)
    {
        _scripts.Bodies["order"] = body;
        return _host.ReplayAsync(recorded);
    }
}
