using Elt.Durable;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Orchestration;
using Elt.Pipelines.Tests.Suite;
using Xunit;

namespace Elt.Pipelines.Tests.Orchestration;

public sealed class RootOrchestrationTests
{
    private static readonly IntegrationKey[] Keys = [new("org-001", "okta"), new("org-001", "google"), new("org-002", "okta")];

    [Fact]
    public async Task All_integrations_are_run_and_their_numbers_added_up()
    {
        await using var host = await PipelineHost.StartAsync();
        foreach (var key in Keys)
            await host.ConnectAsync(User.Many(40), key);

        var slot = new DateTimeOffset(2026, 11, 21, 5, 20, 0, TimeSpan.Zero);
        var root = await PipelineHost.ResultAsync(await host.Client.StartAsync(new ScheduledEltTrigger(slot), "daily-elt/slot"));

        Assert.Equal(new PipelineTotals(3, 120, 120, 0, 0, 0, 120, 120), root.Totals);
        Assert.Equal(["org-001/google", "org-001/okta", "org-002/okta"], root.Integrations.Select(i => $"{i.OrganizationId}/{i.ConnectedIntegrationId}"));
        var pipelines = await host.Client.ListAsync(new RunFilter { Workflow = "elt-pipeline" });
        Assert.Contains("daily-elt/slot/root-orchestration/org-001.okta", pipelines.Select(p => p.Id));
        Assert.All(pipelines, p => Assert.Equal("pipelines", p.Queue));
    }

    [Fact]
    [Trait("promise", "P11")]
    public async Task One_integration_that_fails_is_named_and_does_not_stop_the_others()
    {
        await using var host = await PipelineHost.StartAsync();
        foreach (var key in Keys)
            await host.ConnectAsync(User.Many(40), key);
        host.Provider.Users.TryRemove(Sources.Provider.PathOf(Keys[0]), out _);

        var run = await host.Client.StartAsync(new RootOrchestration(), "root");
        var error = await Assert.ThrowsAsync<WorkflowFailedException>(() => PipelineHost.ResultAsync(run));

        Assert.Contains("1 of 3 items failed: org-001.okta", error.Message, StringComparison.Ordinal);
        Assert.Contains("answered 404: correct the integration's api_endpoint", error.Message, StringComparison.Ordinal);
        var pipelines = await host.Client.ListAsync(new RunFilter { ParentId = "root" });
        Assert.Equal(
            [("root/org-001.google", RunStatus.Success), ("root/org-001.okta", RunStatus.Error), ("root/org-002.okta", RunStatus.Success)],
            pipelines.Select(p => (p.Id, p.Status)).Order());
        Assert.Equal(80, (await host.Get<PipelineDatabases>().CountTablesAsync()).Integrations.Sum(counts => counts.Destination));
    }

    [Fact]
    public async Task Without_any_integration_there_is_nothing_to_do()
    {
        await using var host = await PipelineHost.StartAsync();

        var root = await PipelineHost.ResultAsync(await host.Client.StartAsync(new RootOrchestration()));

        Assert.Equal(new PipelineTotals(0, 0, 0, 0, 0, 0, 0, 0), root.Totals);
        Assert.Empty(root.Integrations);
    }
}
