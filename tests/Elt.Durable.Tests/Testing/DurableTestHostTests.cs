using Elt.Durable.Tests.Suite;
using Microsoft.Extensions.DependencyInjection;

namespace Elt.Durable.Tests.Testing;

public sealed class DurableTestHostTests : IAsyncLifetime
{
    private readonly Scripts _scripts = new();
    private readonly Probe _probe = new();
    private DurableTestHost _host = null!;

    public async Task InitializeAsync() => _host = await DurableTestHost.StartAsync(durable =>
    {
        durable.Services.AddSingleton(_scripts).AddSingleton(_probe);
        durable.AddWorkflow<ScriptedWorkflow>().AddWorkflow<FlakyWorkflow>().AddQueue("later")
            .AddSchedule("daily", "20 5 * * *", "UTC", _ => new Flaky(Failures: 0, MaxAttempts: 1));
    });

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    [Trait("promise", "E12")]
    public async Task A_sleep_of_two_years_survives_a_restart_and_takes_no_time()
    {
        _scripts.Bodies["long"] = async context =>
        {
            await context.SleepAsync(TimeSpan.FromDays(730));
            return $"{context.Now:yyyy-MM-dd}";
        };
        var handle = await _host.Client.StartAsync(new Scripted("long"));
        await _host.AdvanceAsync(TimeSpan.FromDays(30));
        await _host.RestartAsync();
        await _host.AdvanceAsync(TimeSpan.FromDays(699));
        Assert.NotEqual(RunStatus.Success, (await _host.Client.FindAsync(handle.WorkflowId))!.Status);
        await _host.AdvanceAsync(TimeSpan.FromDays(1));
        Assert.Equal("\"2028-01-01\"", (await _host.Client.FindAsync(handle.WorkflowId))!.Output);
    }

    [Theory]
    [Trait("promise", "E3")]
    [InlineData(true, 1)]
    [InlineData(false, 2)]
    public async Task A_crash_around_the_commit_of_a_step_shows_whether_it_runs_again(bool after, int executions)
    {
        _scripts.Bodies["charge"] = async context =>
        {
            await context.StepAsync("before", ct => _probe.StepAsync("before", ct));
            await context.StepAsync("charge", ct => _probe.StepAsync("charge", ct));
            return "charged";
        };
        if (after)
            _host.CrashAfter("charge");
        else
            _host.CrashBefore("charge");
        await _host.Client.StartAsync(new Scripted("charge"), "invoice");
        await _host.Crashed.WaitAsync(TimeSpan.FromSeconds(30));
        await _host.RestartAsync();
        await _host.AdvanceAsync(TimeSpan.Zero);
        Assert.Equal("\"charged\"", (await _host.Client.FindAsync("invoice"))!.Output);
        Assert.Equal((1, executions), (_probe["before"], _probe["charge"]));
    }

    [Fact]
    [Trait("promise", "E15")]
    public async Task A_schedule_fires_each_day_at_its_time()
    {
        await _host.AdvanceAsync(TimeSpan.FromDays(7));
        var runs = await _host.Client.ListAsync(new RunFilter { IdPrefix = "daily/" });
        Assert.Equal(Enumerable.Range(1, 7).Select(day => $"daily/2026-01-0{day}T05:20Z"), runs.Select(r => r.Id).Order());
        Assert.All(runs, run => Assert.Equal(new TimeSpan(5, 20, 0), run.CompletedAt!.Value.TimeOfDay));
    }

    [Fact]
    public async Task Retries_and_delays_happen_when_their_time_has_come()
    {
        var flaky = await _host.Client.StartAsync(new Flaky(Failures: 3, MaxAttempts: 4, FirstDelayMs: 60_000));
        var delayed = await _host.Client.StartAsync(new Flaky(Failures: 0, MaxAttempts: 1), "delayed", new StartOptions { Queue = "later", Delay = TimeSpan.FromMinutes(90) });
        await _host.AdvanceAsync(TimeSpan.FromSeconds(59));
        Assert.Equal(1, _probe[$"flaky:{flaky.WorkflowId}"]);
        await _host.AdvanceAsync(TimeSpan.FromSeconds(2));
        Assert.Equal((2, 0), (_probe[$"flaky:{flaky.WorkflowId}"], _probe["flaky:delayed"]));
        await _host.AdvanceAsync(TimeSpan.FromMinutes(90));
        Assert.Equal("attempt 4", await flaky.ResultAsync());
        Assert.Equal("attempt 1", await delayed.ResultAsync());
    }
}
