using Elt.Service.Demo;
using Elt.Testing;
using Xunit.Abstractions;

namespace Elt.Service.Tests.EndToEnd;

public sealed class CrashTests(ITestOutputHelper output) : IDisposable
{
    private const int Users = 1000;
    private readonly TempFolder _data = new();
    private readonly TempFolder _undisturbed = new();

    public void Dispose()
    {
        _data.Dispose();
        _undisturbed.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_killed_service_goes_on_where_it_was_and_fetches_no_page_again(bool onPostgres)
    {
        // Past the first batch four run side by side; when all four wait at the gate, every page served is staged.
        var gate = new Gate(pages: 30, held: 4);
        await using var provider = await DemoProvider.StartAsync(new DemoProviderOptions { Users = Users, BeforeServe = gate.PassAsync });
        var journal = ("ELT_POSTGRES", onPostgres ? await PostgresServer.CreateDatabaseAsync() : null);
        await using (var killed = await ServiceProcess.StartAsync(_data.Path, ["--lease", "1"], journal))
        {
            await killed.ConnectAsync("org-001", "demo", provider.Endpoint("org-001", "demo"));
            await killed.StartRunAsync("root-orchestration", "run", new { });
            await gate.Reached;
            await killed.KillAsync();
        }
        await gate.Abandoned;
        gate.Open();
        await using var service = await ServiceProcess.StartAsync(_data.Path, ["--lease", "1"], journal);
        var result = await service.ResultAsync("run");

        Assert.Equal(("SUCCESS", null), (result.Status, result.Error));
        var counts = Assert.Single(provider.Requests.Counts());
        Assert.Equal((100, 0), (counts.DistinctPages, counts.Repeated));
        Assert.Equal(await UndisturbedAsync(provider, integrations: 1), await Rows.OfUsersAsync(_data));
    }

    [Fact]
    public async Task Six_kills_at_random_moments_leave_the_same_end_state()
    {
        var seed = Environment.TickCount;
        output.WriteLine($"Seed {seed}");
        var random = new Random(seed);
        var moments = Enumerable.Range(1, 490).OrderBy(_ => random.Next()).Take(6).Order().ToArray();
        var served = 0;
        var moment = new SemaphoreSlim(0);
        await using var provider = await DemoProvider.StartAsync(new DemoProviderOptions
        {
            Users = 2500,
            BeforeServe = (_, _) =>
            {
                var number = Interlocked.Increment(ref served);
                if (moments.Contains(number))
                    moment.Release();
                return Task.CompletedTask;
            },
        });
        var service = await ServiceProcess.StartAsync(_data.Path);
        foreach (var number in new[] { 1, 2 })
            await service.ConnectAsync($"org-{number}", "demo", provider.Endpoint($"org-{number}", "demo"));
        await service.StartRunAsync("root-orchestration", "run", new { });
        for (var kill = 0; kill < moments.Length; kill++)
        {
            Assert.True(
                await moment.WaitAsync(TimeSpan.FromMinutes(1)),
                $"Moment {kill} of {string.Join(", ", moments)} never came; the service's log:\n{service.Log}");
            await service.KillAsync();
            await service.DisposeAsync();
            service = await ServiceProcess.StartAsync(_data.Path);
        }
        var result = await service.ResultAsync("run");
        await service.DisposeAsync();

        Assert.Equal(("SUCCESS", null), (result.Status, result.Error));
        // What was on its way to staging at a kill may be asked for again: at most one page of each batch that ran.
        var counts = provider.Requests.Counts();
        Assert.All(counts, count => Assert.Equal(250, count.DistinctPages));
        Assert.InRange(counts.Sum(count => count.Repeated), 0, moments.Length * 2 * 4);
        Assert.Equal(await UndisturbedAsync(provider, integrations: 2), await Rows.OfUsersAsync(_data));
    }

    private async Task<IReadOnlyList<string>> UndisturbedAsync(DemoProvider provider, int integrations)
    {
        await using var service = await ServiceProcess.StartAsync(_undisturbed.Path);
        var organizations = integrations == 1 ? new[] { "org-001" } : ["org-1", "org-2"];
        foreach (var organization in organizations)
            await service.ConnectAsync(organization, "demo", provider.Endpoint(organization, "demo"));
        await service.StartRunAsync("root-orchestration", "run", new { });
        Assert.Equal("SUCCESS", (await service.ResultAsync("run")).Status);
        return await Rows.OfUsersAsync(_undisturbed);
    }
}
