using Elt.Durable;
using Elt.Durable.Testing;
using Elt.Pipelines.Extract;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Onboarding;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Tests.Sources;
using Elt.Pipelines.Tests.Suite;
using Elt.Testing;
using Microsoft.Extensions.DependencyInjection;
using Xunit;

namespace Elt.Pipelines.Tests.Extract;

[Trait("promise", "P10")]
public sealed class BudgetedExtractTests
{
    private const string Manifest =
        """
        {"name":"small","pageSize":{"param":"page_size"},"pagination":{"type":"page","pageParam":"page","totalPagesPath":"/total_pages"},
         "records":{"path":"/users"},"key":["/id"],"fields":{},"budget":{"requests":2,"perSeconds":3600,"scope":"provider"}}
        """;

    [Fact]
    public async Task A_batch_sleeps_for_its_turn_across_restarts_and_asks_for_no_page_twice()
    {
        using var folder = new TempFolder();
        await using var provider = await Provider.StartAsync();
        await using var host = await StartAsync(folder, requests: 2);
        await ConnectAsync(host, provider.Connect(Workshop.Okta, User.Many(50)));

        await host.Client.StartAsync(new ExtractAndLoad("org-001", "okta"), "run");
        await WaitForTurnAsync("page-00003");
        Assert.Equal(new[] { 1, 2 }, Pages());
        await host.RestartAsync();
        await host.AdvanceAsync(TimeSpan.FromMinutes(59));
        Assert.Equal(new[] { 1, 2 }, Pages());
        await host.AdvanceAsync(TimeSpan.FromMinutes(5));
        await WaitForTurnAsync("page-00005");
        Assert.Equal(new[] { 1, 2, 3, 4 }, Pages());
        await host.AdvanceAsync(TimeSpan.FromMinutes(65));

        Assert.Equal(RunStatus.Success, (await host.Client.WaitAsync("run", PipelineHost.Patience()))?.Status);
        Assert.Equal(new[] { 1, 2, 3, 4, 5 }, Pages());
        Assert.Equal(["turn-00003", "turn-00005"], (await StepsAsync()).Where(key => key.StartsWith("turn", StringComparison.Ordinal)));

        Task WaitForTurnAsync(string step) => Eventually.TrueAsync(async () =>
        {
            await host.AdvanceAsync(TimeSpan.Zero);
            return (await StepsAsync()).Contains(step);
        });
        async Task<string[]> StepsAsync() =>
            await host.Client.ListAsync(new RunFilter { ParentId = "run" }) is [var batch] ? [.. (await host.Client.ListStepsAsync(batch.Id)).Select(step => step.Key)] : [];
        int[] Pages() => [.. provider.Requests.Select(request => request.Page)];
    }

    [Fact]
    public async Task An_onboarding_waits_for_its_turn_before_it_checks_a_connection()
    {
        using var folder = new TempFolder();
        await using var provider = await Provider.StartAsync();
        await using var host = await StartAsync(folder, requests: 1);
        foreach (var name in new[] { "okta", "other" })
            await ConnectAsync(host, provider.Connect(new IntegrationKey("org-001", name), User.Many(5)) with { State = IntegrationState.Pending });

        var onboarding = await host.Client.StartAsync(new OnboardOrganization("org-001"), "onboarding");
        await host.AdvanceAsync(TimeSpan.FromMinutes(30));
        Assert.Single(provider.Requests);
        await host.AdvanceAsync(TimeSpan.FromHours(5));

        var summary = await onboarding.ResultAsync(PipelineHost.Patience());
        Assert.Equal((2, 0), (summary.Onboarded, summary.Failed));
        Assert.Equal(4, provider.Requests.Count);
    }

    [Fact]
    public void Each_wait_costs_an_attempt_so_that_a_source_that_fails_in_between_is_not_asked_for_ever()
    {
        var fresh = new PageRetry(new SourceOptions());
        var waited = new PageRetry(new SourceOptions()) { Waits = 3 };

        Assert.Equal(fresh.Policy.MaxAttempts - 3, waited.Policy.MaxAttempts);
        waited.Waits = 1000;
        Assert.Equal(1, waited.Policy.MaxAttempts);
    }

    private static async Task<DurableTestHost> StartAsync(TempFolder folder, int requests)
    {
        File.WriteAllText(folder.File("small.json"), Manifest.Replace("\"requests\":2", $"\"requests\":{requests}", StringComparison.Ordinal));
        var host = await DurableTestHost.StartAsync(durable => durable.AddPipelines(new PipelineOptions
        {
            ScheduleCron = null,
            WarehousePath = folder.File("warehouse.db"),
            IntegrationsPath = folder.File("integrations.db"),
            DestinationPath = folder.File("destination.db"),
            Source = new SourceOptions { AllowPrivateAddresses = true, ConnectorFolder = folder.Path, MaxDelay = TimeSpan.FromHours(2) },
        }));
        await host.Services.GetRequiredService<PipelineDatabases>().InitializeAsync();
        return host;
    }

    private static Task ConnectAsync(DurableTestHost host, ConnectedIntegration integration) => host.Services.GetRequiredService<IIntegrationStore>().UpsertAsync(
        new ConnectedIntegration(integration.Id, integration.OrganizationId, "small", integration.ProviderData) { State = integration.State });
}
