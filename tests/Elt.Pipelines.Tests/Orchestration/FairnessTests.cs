using System.Collections.Concurrent;
using System.Globalization;
using Elt.Durable;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Orchestration;
using Elt.Pipelines.Tests.Sources;
using Elt.Pipelines.Tests.Suite;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Elt.Pipelines.Tests.Orchestration;

[Trait("promise", "P11")]
public sealed class FairnessTests
{
    private const int Slots = 8;
    private const int Healthy = 50;

    private readonly ConcurrentDictionary<string, byte> _asked = new();
    private readonly TaskCompletionSource _gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _allAsked = new(TaskCreationOptions.RunContinuationsAsynchronously);

    [Fact]
    public async Task Nobody_waits_for_tenants_that_are_held_back_one_that_fails_and_one_a_hundred_times_bigger()
    {
        await using var host = await PipelineHost.StartAsync(options => options with { PipelineConcurrency = Slots });
        var worker = host.Get<WorkerOptions>();
        (worker.ParkAfter, worker.PollInterval) = (TimeSpan.FromMilliseconds(20), TimeSpan.FromMilliseconds(20));
        // Named so that they begin first, and as many of them wait as there are slots.
        var limited = Keys("a-limited", Slots);
        var (failing, big, healthy) = (Keys("b-failing", 1)[0], Keys("c-big", 1)[0], Keys("healthy", Healthy));
        foreach (var key in limited.Concat(healthy).Append(failing))
            await host.ConnectAsync(User.Many(20), key, pageSize: 20);
        await host.ConnectAsync(User.Many(2000), big, pageSize: 200);
        host.Provider.Users.TryRemove(Provider.PathOf(failing), out _);
        host.Provider.Instead = AnswerInsteadAsync;

        await host.Client.StartAsync(new RootOrchestration(), "root");
        await Task.WhenAny(_allAsked.Task, Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, PipelineHost.Patience()));
        Assert.True(_allAsked.Task.IsCompleted, $"Only {_asked.Count} tenants were asked.");
        foreach (var key in healthy)
            Assert.Equal(RunStatus.Success, await EndAsync(host, key));
        Assert.Equal(RunStatus.Error, await EndAsync(host, failing));

        var runs = await host.Client.ListAsync(new RunFilter { ParentId = "root", Limit = 1000 });
        Assert.Equal(limited.Append(big).Select(Id).Order(), runs.Where(run => run.CompletedAt is null).Select(run => run.Id).Order());
        _gate.SetResult();
        Assert.Equal(RunStatus.Success, await EndAsync(host, big));
    }

    private static IntegrationKey[] Keys(string name, int count) =>
        [.. Enumerable.Range(0, count).Select(i => new IntegrationKey(string.Create(CultureInfo.InvariantCulture, $"{name}-{i:00}"), "okta"))];

    private static string Id(IntegrationKey key) => $"root/{key.ToName()}";

    private static async Task<RunStatus?> EndAsync(PipelineHost host, IntegrationKey key) =>
        (await host.Client.WaitAsync(Id(key), PipelineHost.Patience()))?.Status;

    private async Task<bool> AnswerInsteadAsync(HttpContext context, int page)
    {
        var path = context.Request.Path.Value!;
        if (_asked.TryAdd(path, 0) && _asked.Count == Slots + 2 + Healthy)
            _allAsked.SetResult();
        if (path.StartsWith("/c-big", StringComparison.Ordinal) && page > 1)
            await _gate.Task;
        if (!path.StartsWith("/a-limited", StringComparison.Ordinal))
            return false;
        context.Response.StatusCode = StatusCodes.Status429TooManyRequests;
        context.Response.Headers.RetryAfter = "86400";
        return true;
    }
}
