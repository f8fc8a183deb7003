using System.Text.Json;
using Elt.Service.Api;

namespace Elt.Service.Tests.Cli;

public class CommandLineTests(ServiceFixture fixture) : IClassFixture<ServiceFixture>
{
    private readonly ServiceProcess _service = fixture.Service;

    [Theory]
    [InlineData("start root_orchestration_workflow")]
    [InlineData("start elt_pipeline_workflow organization_id=org-001 connected_integration_id=demo")]
    [InlineData("start extract_and_load_workflow organization_id=org-001 connected_integration_id=demo num_batches=5 batch_size=20")]
    [InlineData("list")]
    [InlineData("list status=PENDING")]
    [InlineData("list status=SUCCESS limit=10")]
    [InlineData("list limit=20")]
    [InlineData("list status=ERROR")]
    public async Task The_command_lines_of_the_first_version_work(string line)
    {
        var ran = await _service.EltAsync(line.Split(' '));
        Assert.Equal((0, ""), (ran.ExitCode, ran.Error));
    }

    [Fact]
    public async Task A_run_with_slashes_in_its_id_is_found_by_every_command()
    {
        const string Id = "daily-elt/2026-11-21T05:20Z/root-orchestration";
        await _service.EltAsync("start", "root-orchestration", "--id", Id, "--wait");
        var status = await _service.EltAsync("status", Id);
        Assert.Equal(Id, status.Out.Split('\n')[0]["id".Length..].Trim());
        Assert.Contains("org-001.demo", (await _service.EltAsync("steps", Id, "-o", "id")).Out.Split('\n'));
        Assert.Equal(0, (await _service.EltAsync("result", Id)).ExitCode);
        Assert.Contains($"{Id}/org-001.demo", (await _service.EltAsync("list", $"--parent={Id}", "-o", "id")).Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Formats_are_for_people_and_for_programs()
    {
        await _service.EltAsync("start", "root-orchestration", "--id", "formats", "--wait");
        string[] list = ["list", "name=root_orchestration_workflow", "prefix=formats"];
        Assert.Equal("formats\n", (await _service.EltAsync([.. list, "-o", "id"])).Out);
        var lines = (await _service.EltAsync([.. list, "-o", "jsonl"])).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("formats", JsonElement.Parse(Assert.Single(lines)).GetProperty("id").GetString());
        var items = JsonElement.Parse((await _service.EltAsync([.. list, "-o", "json"])).Out);
        Assert.EndsWith("+00:00", items[0].GetProperty("created_at").GetString(), StringComparison.Ordinal);
        var table = (await _service.EltAsync(list)).Out.Split('\n');
        Assert.StartsWith("ID ", table[0], StringComparison.Ordinal);
        Assert.StartsWith("formats ", table[1], StringComparison.Ordinal);
        Assert.DoesNotContain('\e', string.Concat(table));
    }

    [Fact]
    public async Task A_long_id_is_never_cut()
    {
        var id = $"long/{new string('x', 300)}";
        await _service.EltAsync("start", "root-orchestration", "--id", id, "--wait");
        Assert.Contains(id, (await _service.EltAsync("list", "prefix=long/")).Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Integrations_are_added_replaced_and_listed()
    {
        string[] add = ["integrations", "add", "--id", "007", "--organization", "org-009", "--provider", "demo", "permission_source_name=One", "page_size=25"];
        var endpoint = fixture.Provider.Endpoint("org-009", "007");
        Assert.Equal(0, (await _service.EltAsync([.. add, "api_endpoint=http://127.0.0.1:9/old"])).ExitCode);
        Assert.Equal(0, (await _service.EltAsync([.. add, $"api_endpoint={endpoint}"])).ExitCode);
        var all = (await _service.GetAsync<IntegrationList>(ApiPath.Integrations)).Integrations;
        var added = Assert.Single(all, integration => integration.OrganizationId == "org-009");
        Assert.Equal(("007", "demo"), (added.Id, added.Provider));
        Assert.Equal(endpoint, added.ProviderData.GetProperty("api_endpoint").GetString());
        Assert.Equal(25, added.ProviderData.GetProperty("page_size").GetInt32());
        Assert.Contains("org-009", (await _service.EltAsync("integrations")).Out, StringComparison.Ordinal);

        var refused = await _service.EltAsync([.. add, "api_endpoint=ftp://old"]);
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("api_endpoint", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tables_are_counted_by_integration()
    {
        await _service.EltAsync("start", "elt-pipeline", "organization_id=org-001", "connected_integration_id=demo", "--wait");
        var tables = (await _service.EltAsync("tables")).Out.Split('\n').Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries)));
        Assert.Contains("users_latest org-001 demo 30", tables);
        Assert.Contains("destination.users org-001 demo 30", tables);
    }

    [Fact]
    public async Task Health_lists_every_part()
    {
        var health = await _service.EltAsync("health", "-o", "json");
        Assert.Equal((0, ""), (health.ExitCode, health.Error));
        var checks = JsonElement.Parse(health.Out).GetProperty("checks").EnumerateArray().Select(check => check.GetProperty("name").GetString());
        Assert.Equal(["journal", "warehouse", "destination", "worker", "schedule"], checks);
    }
}
