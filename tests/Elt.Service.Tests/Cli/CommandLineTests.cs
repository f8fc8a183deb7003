using System.Text.Json;
using Elt.Service.Api;
using Elt.Testing;

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
    public async Task Provider_data_may_have_members_of_members_and_parts_from_files()
    {
        using var folder = new TempFolder();
        await File.WriteAllTextAsync(folder.File("connector.json"), """{"name":"own","pagination":{"type":"none"},"records":{"path":"/users"},"key":["/id"],"fields":{}}""");
        string[] add = ["integrations", "add", "--id", "own", "--organization", "org-010", "permission_source_name=Own", $"api_endpoint={fixture.Provider.Endpoint("org-010", "own")}"];

        Assert.Equal(0, (await _service.EltAsync([.. add, "--provider", "okta", "secrets.token=env:TOKEN"])).ExitCode);
        Assert.Equal("env:TOKEN", (await DataAsync()).GetProperty("secrets").GetProperty("token").GetString());
        Assert.Equal((0, ""), Ended(await _service.EltAsync([.. add, "--provider", "rest", $"connector=@{folder.File("connector.json")}"])));
        Assert.Equal("own", (await DataAsync()).GetProperty("connector").GetProperty("name").GetString());
        Assert.Contains("'connector' cannot be read", (await _service.EltAsync([.. add, "--provider", "rest", "connector=@missing.json"])).Error, StringComparison.Ordinal);
        Assert.Contains("'secrets.token' cannot be set", (await _service.EltAsync([.. add, "--provider", "okta", "secrets=x", "secrets.token=y"])).Error, StringComparison.Ordinal);
        // Other tests run all integrations of this service.
        await _service.EltAsync([.. add, "--provider", "demo"]);

        static (int, string) Ended(ProgramResult result) => (result.ExitCode, result.Error);
        async Task<JsonElement> DataAsync() =>
            (await _service.GetAsync<IntegrationList>(ApiPath.Integrations)).Integrations.Single(integration => integration.OrganizationId == "org-010").ProviderData;
    }

    [Theory]
    [InlineData("nosuch", "There is no connector 'nosuch': expected demo, file, github-org-members")]
    [InlineData("okta", "The connector needs provider_data.secrets.token, a reference such as env:NAME")]
    [InlineData("rest", "expected an object in provider_data.connector")]
    public async Task An_integration_that_could_not_be_read_is_refused(string provider, string reason)
    {
        var refused = await _service.EltAsync(
            "integrations", "add", "--id", "x", "--organization", "org-011", "--provider", provider, "permission_source_name=X", "api_endpoint=https://127.0.0.1:1/users");
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains(reason, refused.Error, StringComparison.Ordinal);
        Assert.DoesNotContain((await _service.GetAsync<IntegrationList>(ApiPath.Integrations)).Integrations, integration => integration.OrganizationId == "org-011");
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
