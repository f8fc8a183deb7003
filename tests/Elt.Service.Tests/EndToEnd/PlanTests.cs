using System.Text.Json;
using Elt.Service.Api;
using Elt.Service.Demo;
using Elt.Testing;

namespace Elt.Service.Tests.EndToEnd;

/// <summary>What a run would change, on the command line.</summary>
public sealed class PlanTests : IAsyncLifetime
{
    private readonly TempFolder _data = new();
    private DemoProvider _provider = null!;
    private ServiceProcess _service = null!;

    public async Task InitializeAsync()
    {
        _provider = await DemoProvider.StartAsync(new DemoProviderOptions { Users = 50 });
        _service = await ServiceProcess.StartAsync(_data.Path);
        await _service.ConnectAsync("org-001", "demo", _provider.Endpoint("org-001", "demo"));
        Assert.Equal(0, (await _service.EltAsync("start", "root-orchestration", "--wait")).ExitCode);
    }

    public async Task DisposeAsync()
    {
        await _service.DisposeAsync();
        await _provider.DisposeAsync();
        _data.Dispose();
    }

    [Fact]
    public async Task A_plan_shows_changes_by_key_and_no_row_is_written()
    {
        var change = _provider.Directory("org-001", "demo").Apply(
            new DemoChange { Organization = "org-001", Integration = "demo", Add = 1, Change = 1, Remove = 1 });
        var before = await _service.CountTablesAsync();

        var shown = await _service.EltAsync("plan", "org-001/demo");

        Assert.Equal((0, ""), (shown.ExitCode, shown.Error));
        foreach (var (type, id) in new[] { ("INSERT", change.Added[0]), ("UPDATE", change.Changed[0]), ("DELETE", change.Removed[0]) })
            Assert.Matches($@"{type}\s+{id}\s", shown.Out);
        Assert.Contains("name,email", shown.Out, StringComparison.Ordinal);
        Assert.Equal(before, await _service.CountTablesAsync());
        await _service.StartRunAsync("elt-pipeline", "run", new { organization_id = "org-001", connected_integration_id = "demo" });
        Assert.Equal(3, (await _service.ResultAsync("run")).Result!.Value.GetProperty("synced").GetInt32());
    }

    [Fact]
    [Trait("promise", "P14")]
    public async Task Keys_and_values_of_records_do_not_stand_in_the_journal()
    {
        _provider.Directory("org-001", "demo").Apply(new DemoChange { Organization = "org-001", Integration = "demo", Add = 1 });
        var plan = JsonElement.Parse((await _service.EltAsync("plan", "org-001/demo", "--id", "plan-1", "-o", "json")).Out);
        Assert.Equal(("plan-1", 1, 51), (plan.GetProperty("run_id").GetString(), plan.GetProperty("inserts").GetInt32(), plan.GetProperty("staged").GetInt32()));
        var key = plan.GetProperty("changes")[0].GetProperty("external_id").GetString()!;
        Assert.DoesNotContain(key, (await _service.EltAsync("list", "-o", "json")).Out, StringComparison.Ordinal);
        Assert.Equal("plan-1", JsonElement.Parse((await _service.EltAsync("plan", "org-001/demo", "--id", "plan-1", "-o", "json")).Out).GetProperty("run_id").GetString());
        await _service.EltAsync("plan", "org-001/demo");
        var replaced = await _service.EltAsync("plan", "org-001/demo", "--id", "plan-1");
        Assert.Equal(4, replaced.ExitCode);
        Assert.Contains("newer plan", replaced.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_plan_of_what_is_not_connected_fails_with_the_reason()
    {
        var failed = await _service.EltAsync("plan", "org-001/missing");
        Assert.Equal(1, failed.ExitCode);
        Assert.Contains("has no connected integration 'missing'", failed.Error, StringComparison.Ordinal);
        using var none = await _service.Http.GetAsync($"{ApiPath.Plan}?organization=org-001&integration=demo");
        Assert.Equal(404, (int)none.StatusCode);
    }
}
