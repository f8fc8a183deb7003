using Elt.Durable;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Orchestration;
using Elt.Pipelines.Tests.Suite;
using Xunit;

namespace Elt.Pipelines.Tests.Orchestration;

/// <summary>Credentials that a source stops to accept after its integration was onboarded.</summary>
public sealed class RefusedCredentialsTests : IAsyncLifetime
{
    private static readonly IntegrationKey Google = new("org-001", "google");

    private PipelineHost _host = null!;

    private IIntegrationStore Integrations => _host.Get<IIntegrationStore>();

    public async Task InitializeAsync() => _host = await PipelineHost.StartAsync();

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Fact]
    [Trait("promise", "P11")]
    public async Task A_run_that_is_refused_takes_its_integration_off_the_schedule_until_one_succeeds()
    {
        await _host.ConnectAsync(User.Many(25));
        await _host.ConnectAsync(User.Many(5), Google);
        Refuse(page: 2);

        var error = await Assert.ThrowsAsync<WorkflowFailedException>(DailyAsync);

        Assert.Contains("1 of 2 items failed: org-001.okta", error.Message, StringComparison.Ordinal);
        var refused = (await Integrations.FindAsync(Workshop.Okta))!;
        Assert.Equal(IntegrationState.NeedsReauth, refused.State);
        Assert.EndsWith(
            "(page 2) answered 401: renew the integration's credentials or its permissions. Then onboard it again: elt onboard org-001",
            refused.StateReason, StringComparison.Ordinal);
        Assert.Equal(IntegrationState.Active, (await Integrations.FindAsync(Google))!.State);

        var asked = _host.Provider.Requests.Count;
        Assert.Equal(["google"], (await DailyAsync()).Integrations.Select(one => one.ConnectedIntegrationId));
        Assert.Equal(asked + 1, _host.Provider.Requests.Count);
        await Assert.ThrowsAsync<WorkflowFailedException>(() => _host.RunAsync());
        Assert.Equal(IntegrationState.NeedsReauth, (await Integrations.FindAsync(Workshop.Okta))!.State);

        Refuse(page: 0);
        await _host.RunAsync();

        var accepted = (await Integrations.FindAsync(Workshop.Okta))!;
        Assert.Equal((IntegrationState.Active, null), (accepted.State, accepted.StateReason));
        Assert.Equal(2, (await DailyAsync()).Totals.Integrations);
    }

    [Fact]
    public async Task What_a_person_has_decided_stays_whether_the_source_refuses_or_not()
    {
        await _host.ConnectAsync(User.Many(5));
        await Integrations.SetStateAsync(Workshop.Okta, IntegrationState.Paused, "A person has said so.");
        Refuse(page: 1);

        await Assert.ThrowsAsync<WorkflowFailedException>(() => _host.RunAsync());
        Assert.Equal(IntegrationState.Paused, (await Integrations.FindAsync(Workshop.Okta))!.State);
        Refuse(page: 0);
        await _host.RunAsync();

        Assert.Equal("A person has said so.", (await Integrations.FindAsync(Workshop.Okta))!.StateReason);
    }

    private void Refuse(int page) => _host.Provider.Instead = (context, asked) =>
    {
        var isRefused = asked == page && context.Request.Path.Value!.Contains("okta", StringComparison.Ordinal);
        context.Response.StatusCode = isRefused ? 401 : 200;
        return Task.FromResult(isRefused);
    };

    private async Task<RootSummary> DailyAsync() => await PipelineHost.ResultAsync(await _host.Client.StartAsync(new RootOrchestration()));
}
