using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Elt.Service.Api;
using Elt.Service.Demo;
using Elt.Testing;

namespace Elt.Service.Tests.EndToEnd;

/// <summary>Records that cannot be taken, from the run that finds them to the person who decides, over the API and the command line.</summary>
[Trait("promise", "P6")]
public sealed class QuarantineTests : IAsyncLifetime
{
    private readonly TempFolder _data = new();
    private DemoProvider _provider = null!;
    private ServiceProcess _service = null!;
    private string[] _keys = null!;

    public async Task InitializeAsync()
    {
        _provider = await DemoProvider.StartAsync(new DemoProviderOptions { Users = 100 });
        _service = await ServiceProcess.StartAsync(_data.Path);
        await ConnectAsync("org-001", emailIsRequired: true);
        await ConnectAsync("org-002", emailIsRequired: false);
        _provider.Directory("org-001", "own").Apply(new DemoChange { Organization = "org-001", Integration = "own", NullEmails = 3 });
        _keys = [.. _provider.Directory("org-001", "own").Page(1, 1000).Users.Where(user => user.Email is null).Select(user => $"id:{user.Id}").Order(StringComparer.Ordinal)];
        Assert.Equal(_keys.Length, await RunAsync("first"));
    }

    public async Task DisposeAsync()
    {
        await _service.DisposeAsync();
        await _provider.DisposeAsync();
        _data.Dispose();
    }

    [Fact]
    public async Task Records_are_listed_shown_discarded_and_replayed_on_the_command_line()
    {
        Assert.Equal(_keys, (await _service.EltAsync("quarantine", "list", "-o", "id")).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains("email: Expected a value, found none.", (await _service.EltAsync("quarantine", "list", "--organization", "org-001")).Out, StringComparison.Ordinal);
        Assert.Equal("", (await _service.EltAsync("quarantine", "list", "--organization", "org-002", "-o", "id")).Out);
        var shown = await _service.EltAsync("quarantine", "show", "org-001/own", _keys[0]);
        Assert.Contains($$"""raw          {"id":"{{_keys[0]["id:".Length..]}}","name":""", shown.Out, StringComparison.Ordinal);

        Assert.Contains("discarded", (await _service.EltAsync("quarantine", "discard", "org-001/own", _keys[0], "--by", "ada")).Out, StringComparison.Ordinal);
        Assert.Equal(2, (await _service.EltAsync("quarantine", "discard", "org-001/own", _keys[0])).ExitCode);
        Assert.Equal(4, (await _service.EltAsync("quarantine", "discard", "org-002/own", _keys[1])).ExitCode);

        Assert.Equal("open", await ReplayAsync(_keys[1]));
        await ConnectAsync("org-001", emailIsRequired: false);
        Assert.Equal("replayed", await ReplayAsync(_keys[1]));
        Assert.Equal(0, await RunAsync("second"));
        Assert.Equal(_keys, (await _service.EltAsync("quarantine", "list", "--state", "resolved", "-o", "id")).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains("users_latest org-001/own 100", await _service.CountTablesAsync());
    }

    [Fact]
    [Trait("promise", "P14")]
    public async Task The_content_of_a_record_stands_only_in_the_answer_to_who_asks_for_it()
    {
        var name = _provider.Directory("org-001", "own").Page(1, 1000).Users.Single(user => $"id:{user.Id}" == _keys[0]).Name;
        var list = await _service.Http.GetStringAsync($"{ApiPath.Quarantine}?organization=org-001");
        Assert.Contains(_keys[0], list, StringComparison.Ordinal);
        Assert.DoesNotContain(name, list, StringComparison.Ordinal);
        Assert.Contains(name, (await ShowAsync("org-001", _keys[0])).Raw, StringComparison.Ordinal);
        Assert.DoesNotContain(name, (await _service.EltAsync("list", "-o", "json")).Out + _service.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_not_in_quarantine_is_refused_with_the_reason()
    {
        using var missing = await _service.Http.GetAsync($"{ApiPath.Quarantine}/record?organization=org-002&integration=own&key={_keys[0]}");
        Assert.Equal(HttpStatusCode.NotFound, missing.StatusCode);
        using var nameless = await _service.Http.GetAsync($"{ApiPath.Quarantine}/record?key={_keys[0]}");
        Assert.Equal(HttpStatusCode.BadRequest, nameless.StatusCode);
        using var unknown = await _service.PostAsync(
            $"{ApiPath.Quarantine}/replay", new QuarantineDecisionRequest { OrganizationId = "org-009", ConnectedIntegrationId = "own", Key = _keys[0], By = "ada" });
        Assert.Equal("urn:elt:problem:unknown-integration", (await unknown.Content.ReadFromJsonAsync<ProblemView>(ApiJson.Options))!.Type);
        var first = await _service.GetAsync<QuarantineList>($"{ApiPath.Quarantine}?limit=2");
        var second = await _service.GetAsync<QuarantineList>($"{ApiPath.Quarantine}?cursor={first.NextCursor}");
        Assert.Equal(_keys, first.Records.Concat(second.Records).Select(record => record.Key));

        var told = await _service.EltAsync("quarantine", "discard-all", "--integration", "own", "--rule", "required", "--dry-run");
        Assert.Matches($@"would be discarded\s+{_keys.Length} records", told.Out);
        Assert.Equal($"{_keys.Length}\n", (await _service.EltAsync("quarantine", "discard-all", "--by", "ada", "--yes", "-o", "id")).Out);
        Assert.Empty((await _service.GetAsync<QuarantineList>(ApiPath.Quarantine)).Records);
    }

    private Task<QuarantinedView> ShowAsync(string organization, string key) =>
        _service.GetAsync<QuarantinedView>($"{ApiPath.Quarantine}/record?organization={organization}&integration=own&key={Uri.EscapeDataString(key)}");

    private async Task<string?> ReplayAsync(string key)
    {
        var ran = await _service.EltAsync("quarantine", "replay", "org-001/own", key, "-o", "json");
        Assert.Equal((0, ""), (ran.ExitCode, ran.Error));
        return JsonElement.Parse(ran.Out).GetProperty("state").GetString();
    }

    /// <summary>Runs all integrations and returns how many records went into quarantine.</summary>
    private async Task<int> RunAsync(string id)
    {
        await _service.StartRunAsync("root-orchestration", id, new { });
        var result = await _service.ResultAsync(id);
        Assert.Equal(("SUCCESS", null), (result.Status, result.Error));
        return result.Result!.Value.GetProperty("totals").GetProperty("quarantined").GetInt32();
    }

    private async Task ConnectAsync(string organization, bool emailIsRequired)
    {
        var data = JsonSerializer.SerializeToElement(new
        {
            permission_source_name = "Test directory",
            api_endpoint = _provider.Endpoint(organization, "own"),
            connector = new
            {
                name = "own",
                pageSize = new { param = "page_size" },
                pagination = new { type = "page", pageParam = "page", totalPagesPath = "/total_pages" },
                records = new { path = "/users", totalPath = "/total" },
                key = new[] { "/id" },
                fields = new { name = new { from = new[] { "/name" } }, email = new { from = new[] { "/email" }, required = emailIsRequired } },
            },
        });
        using var answer = await _service.PostAsync(
            ApiPath.Integrations, new IntegrationView { Id = "own", OrganizationId = organization, Provider = "rest", ProviderData = data });
        answer.EnsureSuccessStatusCode();
    }
}
