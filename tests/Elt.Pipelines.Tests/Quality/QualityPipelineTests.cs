using System.Text.Json;
using Elt.Durable;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Plans;
using Elt.Pipelines.Quality;
using Elt.Pipelines.Tests.Suite;
using Xunit;

namespace Elt.Pipelines.Tests.Quality;

/// <summary>Rules of an integration in whole runs of its pipeline.</summary>
[Trait("promise", "P6")]
public sealed class QualityPipelineTests : IAsyncLifetime
{
    private const string Mail = """{"rules":[{"id":"mail","kind":"format","format":"email","field":"email","severity":"critical"},{"id":"one","kind":"unique","field":"email"}]}""";

    private PipelineHost _host = null!;

    public async Task InitializeAsync() => _host = await PipelineHost.StartAsync();

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    public async Task A_run_that_fails_a_rule_leaves_latest_and_destination_as_they_were_and_a_plan_tells_so()
    {
        await ConnectAsync(User.Many(20), Mail);
        Assert.Equal((20, 0, 100d), await FiguresAsync("first"));
        var before = _host.Warehouse("select * from users_latest order by external_id");
        await ConnectAsync([new User("u000001", "Ada", "secret-no-mail"), .. User.Many(20, from: 2)], Mail);

        var plan = await FailAsync(() => PlanAsync("plan"));
        Assert.Empty(_host.Warehouse("select * from users_quarantine"));
        var run = await FailAsync(() => _host.RunAsync("second"));
        var again = await FailAsync(() => _host.RunAsync("second"));

        Assert.All(new[] { plan, run, again }, error => Assert.Contains("1 of 21 records fail the rule 'mail' (email), more than 0.", error, StringComparison.Ordinal));
        Assert.DoesNotContain("secret-no-mail", run, StringComparison.Ordinal);
        Assert.Equal(before, _host.Warehouse("select * from users_latest order by external_id"));
        Assert.Equal(["mail|1", "first|-", "second|1 of 21 records fail the rule 'mail' (email), more than 0."], _host.Warehouse(
            "select rule, records from quality_issues union all select workflow_id, failure from quality_runs"));

        await ConnectAsync(User.Many(21), Mail);
        Assert.Equal((21, 1, 100d), await FiguresAsync("third"));
        Assert.Equal(["resolved"], _host.Warehouse("select state from users_quarantine"));
    }

    [Fact]
    public async Task A_run_tells_its_score_and_a_plan_what_would_go_to_quarantine()
    {
        await ConnectAsync([.. User.Many(18), new User("x", "X", "same@example.org"), new User("y", "Y", "same@example.org")], Mail);

        var plan = await PlanAsync("plan");
        Assert.Equal(0L, Count("quality_runs") + Count("quality_failures") + Count("users_quarantine") + Count("staged_raw"));
        var run = await _host.RunAsync("run");

        Assert.Equal((2, 18), (plan.Quarantined, plan.Inserts));
        Assert.Equal((20, 2, 2, 2, 90d, 18), (run.Staged, run.Quarantined, run.Invalid, run.QualityIssues, run.QualityScore, run.Latest));
        Assert.Equal(run, await _host.RunAsync("run"));
        Assert.Equal(["1|1"], _host.Warehouse("select (select count(*) from quality_runs), (select count(*) from quality_issues)"));

        long Count(string table) => long.Parse(_host.Warehouse($"select count(*) from {table}")[0], System.Globalization.CultureInfo.InvariantCulture);
    }

    private async Task ConnectAsync(User[] users, string quality)
    {
        var integration = _host.Provider.Connect(Workshop.Okta, users);
        await _host.Get<IIntegrationStore>().UpsertAsync(integration with
        {
            ProviderData = integration.ProviderData with { Other = new Dictionary<string, JsonElement> { ["quality"] = JsonElement.Parse(quality) } },
        });
    }

    private async Task<(long Staged, long Inserts, double? Score)> FiguresAsync(string id)
    {
        var run = await _host.RunAsync(id);
        return (run.Staged, run.Inserts == run.Staged ? 0 : run.Inserts, run.QualityScore);
    }

    private async Task<PlanSummary> PlanAsync(string id) => await PipelineHost.ResultAsync(
        await _host.Client.StartAsync(new PlanPipeline(Workshop.Okta.OrganizationId, Workshop.Okta.ConnectedIntegrationId), id));

    private static async Task<string> FailAsync(Func<Task> run) => (await Assert.ThrowsAsync<WorkflowFailedException>(run)).ToString();
}
