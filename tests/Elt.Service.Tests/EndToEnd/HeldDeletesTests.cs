using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Elt.Service.Api;
using Elt.Service.Demo;
using Elt.Testing;

namespace Elt.Service.Tests.EndToEnd;

/// <summary>Mass deletes, from the run that holds them to the person who decides, over the API and the command line.</summary>
[Trait("promise", "P5")]
public sealed class HeldDeletesTests : IAsyncLifetime
{
    private readonly TempFolder _data = new();
    private DemoProvider _provider = null!;
    private ServiceProcess _service = null!;

    public async Task InitializeAsync()
    {
        _provider = await DemoProvider.StartAsync(new DemoProviderOptions { Users = 100 });
        _service = await ServiceProcess.StartAsync(_data.Path);
        foreach (var (organization, directory) in new[] { ("org-001", "one"), ("org/2", "two") })
        {
            await _service.ConnectAsync(organization, "demo", _provider.Endpoint(directory, "demo"));
            await RunAsync(organization, $"first-{organization}");
            _provider.Directory(directory, "demo").Apply(new DemoChange { Organization = directory, Integration = "demo", Remove = 60 });
            Assert.Equal((0, 60), Deletes(await RunAsync(organization, $"second-{organization}")));
        }
    }

    public async Task DisposeAsync()
    {
        await _service.DisposeAsync();
        await _provider.DisposeAsync();
        _data.Dispose();
    }

    [Fact]
    public async Task An_approval_on_the_command_line_deletes_with_the_run_that_it_starts()
    {
        var listed = await _service.EltAsync("deletes", "list", "--organization", "org-001");
        Assert.Contains("60 of 100 records are more than 20", listed.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("org/2", listed.Out, StringComparison.Ordinal);
        Assert.Equal("org-001/demo 1\norg%2F2/demo 1\n", (await _service.EltAsync("deletes", "list", "-o", "id")).Out);

        var approved = await _service.EltAsync("deletes", "approve", "org-001/demo", "1", "--by", "ada", "--note", "They left.", "--run", "-o", "json");
        Assert.Equal((0, ""), (approved.ExitCode, approved.Error));
        var run = Text(JsonElement.Parse(approved.Out), "started_run_id")!;
        Assert.Equal((60, 0), Deletes((await _service.ResultAsync(run)).Result!.Value));
        Assert.Equal("org%2F2/demo 1\n", (await _service.EltAsync("deletes", "list", "-o", "id")).Out);
        var applied = JsonElement.Parse((await _service.EltAsync("deletes", "list", "--state", "applied", "-o", "json")).Out)[0];
        Assert.Equal(("ada", "They left.", run), (Text(applied, "decided_by"), Text(applied, "note"), Text(applied, "closed_by_run")));
        Assert.Contains("destination.users org-001/demo 40", await _service.CountTablesAsync());
        Assert.Contains("destination.users org/2/demo 100", await _service.CountTablesAsync());
    }

    [Fact]
    public async Task A_rejection_deletes_nothing_and_the_next_run_holds_again()
    {
        var rejected = await _service.EltAsync("deletes", "reject", "org%2F2/demo", "1", "--by", "ada", "-o", "json");
        Assert.Equal((0, "rejected"), (rejected.ExitCode, Text(JsonElement.Parse(rejected.Out), "state")));
        Assert.Equal((0, 60), Deletes(await RunAsync("org/2", "third")));
        Assert.Equal("org/2 2", Assert.Single((await HoldsAsync("?organization=org%2F2")).Holds.Select(hold => $"{hold.OrganizationId} {hold.Hold}")));
        Assert.Contains("the next run holds again", (await _service.EltAsync("deletes", "reject", "--help")).Out.ReplaceLineEndings(" "), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_decided_is_refused_with_the_reason()
    {
        Assert.Equal((200, null), await DecideAsync("approve", "org-001", 1));
        Assert.Equal((409, "urn:elt:problem:not-open"), await DecideAsync("approve", "org-001", 1));
        Assert.Equal((404, "urn:elt:problem:unknown-review"), await DecideAsync("approve", "org-001", 7));
        Assert.Equal((404, "urn:elt:problem:unknown-integration"), await DecideAsync("reject", "org-009", 1));
        Assert.Equal((400, "urn:elt:problem:bad-request"), await DecideAsync("reject", "org-001", 1, by: " "));

        var again = await _service.EltAsync("deletes", "approve", "org-001/demo", "1");
        Assert.Equal(2, again.ExitCode);
        Assert.Contains("was approved by ada", again.Error, StringComparison.Ordinal);
        Assert.Equal(4, (await _service.EltAsync("deletes", "approve", "org-009/demo", "1")).ExitCode);
        Assert.Equal(2, (await _service.EltAsync("deletes", "approve", "org-001", "1")).ExitCode);

        Assert.Equal(2, (await _service.EltAsync("deletes", "approve-all")).ExitCode);
        var rest = await _service.EltAsync("deletes", "approve-all", "--by", "bob", "--note", "All.", "--yes");
        Assert.Equal((0, ""), (rest.ExitCode, rest.Error));
        Assert.Matches(@"approved\s+1 holds\s+records\s+60\s", rest.Out);
        Assert.Equal(["org-001 ada", "org/2 bob"], (await HoldsAsync("?state=approved")).Holds.Select(hold => $"{hold.OrganizationId} {hold.DecidedBy}"));
    }

    [Fact]
    public async Task The_list_comes_in_pages_and_refuses_filters_that_it_does_not_know()
    {
        var first = await HoldsAsync("?limit=1");
        var second = await HoldsAsync($"?limit=1&cursor={first.NextCursor}");
        Assert.Equal(["org-001", "org/2"], first.Holds.Concat(second.Holds).Select(hold => hold.OrganizationId));
        Assert.Null(second.NextCursor);
        Assert.Equal(5, first.Holds[0].Sample.Count);
        Assert.Contains($"--cursor {first.NextCursor}", (await _service.EltAsync("deletes", "list", "--limit", "1")).Error, StringComparison.Ordinal);
        foreach (var query in new[] { "?colour=red", "?state=green", "?limit=0", "?cursor=x" })
        {
            using var refused = await _service.Http.GetAsync($"{ApiPath.Deletes}{query}");
            Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        }
    }

    private Task<HoldList> HoldsAsync(string query) => _service.GetAsync<HoldList>($"{ApiPath.Deletes}{query}");

    private async Task<(int Status, string? Problem)> DecideAsync(string verb, string organization, long hold, string by = "ada")
    {
        var request = new HoldDecisionRequest { OrganizationId = organization, ConnectedIntegrationId = "demo", Hold = hold, By = by };
        using var answer = await _service.PostAsync($"{ApiPath.Deletes}/{verb}", request);
        var body = await answer.Content.ReadFromJsonAsync<JsonElement>();
        return ((int)answer.StatusCode, answer.IsSuccessStatusCode ? null : Text(body, "type"));
    }

    private async Task<JsonElement> RunAsync(string organization, string id)
    {
        await _service.StartRunAsync("elt-pipeline", id, new { organization_id = organization, connected_integration_id = "demo" });
        var result = await _service.ResultAsync(id);
        Assert.Equal(("SUCCESS", null), (result.Status, result.Error));
        return result.Result!.Value;
    }

    private static (int Deleted, int Held) Deletes(JsonElement result) => (result.GetProperty("deletes").GetInt32(), result.GetProperty("deletes_held").GetInt32());

    private static string? Text(JsonElement json, string member) => json.GetProperty(member).GetString();
}
