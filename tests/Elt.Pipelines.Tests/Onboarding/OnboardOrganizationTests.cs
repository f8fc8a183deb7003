using Elt.Durable;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Onboarding;
using Elt.Pipelines.Orchestration;
using Elt.Pipelines.Sources.Budgets;
using Elt.Pipelines.Tests.Sources;
using Elt.Pipelines.Tests.Sources.Connectors;
using Elt.Pipelines.Tests.Suite;
using Elt.Testing;
using Xunit;

namespace Elt.Pipelines.Tests.Onboarding;

/// <summary>From a connected integration to one that the schedule runs.</summary>
public sealed class OnboardOrganizationTests : IAsyncLifetime
{
    private static readonly IntegrationKey Google = new("org-001", "google");

    private PipelineHost _host = null!;

    private IIntegrationStore Integrations => _host.Get<IIntegrationStore>();

    public async Task InitializeAsync() => _host = await PipelineHost.StartAsync();

    public async Task DisposeAsync() => await _host.DisposeAsync();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_pending_integration_is_scheduled_only_after_it_was_checked_and_loaded(bool onPostgres)
    {
        if (onPostgres)
        {
            await _host.DisposeAsync();
            _host = await PipelineHost.StartAsync(postgres: await PostgresServer.CreateDatabaseAsync());
        }
        await ConnectAsync(Workshop.Okta, 25);
        Assert.Empty((await DailyAsync()).Integrations);
        Assert.Empty(_host.Provider.Requests);

        var summary = await OnboardAsync();

        Assert.Equal((1, 0, 0), (summary.Onboarded, summary.Failed, summary.Skipped));
        Assert.Equal([new OnboardedIntegration("okta", "onboarded", "active", 25)], summary.Integrations);
        Assert.Equal([1, 1, 2, 3], _host.Provider.Requests.Select(request => request.Page).Order());
        Assert.Equal("pipelines", (await _host.Client.ListAsync(new RunFilter { Workflow = "elt-pipeline" })).Single().Queue);
        Assert.Equal((25, 0), ((await DailyAsync()).Totals.Latest, (await DailyAsync()).Totals.Inserts));
    }

    [Fact]
    public async Task Credentials_that_are_not_accepted_are_said_to_be_renewed_and_no_secret_is_told()
    {
        await using var vendor = await Vendor.StartAsync();
        vendor.Answer = context => Vendor.WriteAsync(context, """{"error":"grace@secret.example may not"}""", 401);
        var data = vendor.Connect("okta", "/api/v1/users").ProviderData;
        await Integrations.UpsertAsync(new ConnectedIntegration("okta", "org-001", "okta", data) { State = IntegrationState.Pending });

        var failed = Assert.Single((await OnboardAsync("onboarding")).Integrations);

        Assert.Equal(("check_failed", "needs_reauth", "auth"), (failed.Outcome, failed.State, failed.ErrorClass));
        Assert.EndsWith("renew the integration's credentials or its permissions. Then onboard it again: elt onboard org-001", failed.Message, StringComparison.Ordinal);
        var kept = await Integrations.FindAsync(Workshop.Okta);
        Assert.Equal((IntegrationState.NeedsReauth, failed.Message), (kept!.State, kept.StateReason));
        Assert.Single(vendor.Requests);
        Assert.Empty((await DailyAsync()).Integrations);
        Assert.DoesNotMatch($"grace|{Vendor.Token}", _host.Journal());

        await ConnectAsync(Workshop.Okta, 5);
        Assert.Equal(IntegrationState.NeedsReauth, (await Integrations.FindAsync(Workshop.Okta))!.State);
        Assert.Equal("active", Assert.Single((await OnboardAsync()).Integrations).State);
        Assert.Null((await Integrations.FindAsync(Workshop.Okta))!.StateReason);
    }

    [Fact]
    [Trait("promise", "P11")]
    public async Task One_that_fails_does_not_stop_the_others_and_each_is_named()
    {
        await ConnectAsync(Google, 5);
        await ConnectAsync(Workshop.Okta, 5);
        await ConnectAsync(new IntegrationKey("org-001", "half"), 25);
        await ConnectAsync(new IntegrationKey("org-001", "paused"), 5, IntegrationState.Paused);
        await ConnectAsync(new IntegrationKey("org-001", "running"), 5, IntegrationState.Active);
        await ConnectAsync(new IntegrationKey("org-002", "okta"), 5);
        _host.Provider.Users.TryRemove(Provider.PathOf(Google), out _);
        _host.Provider.Instead = (context, page) =>
        {
            var breaks = page == 2 && context.Request.Path.Value!.Contains("half", StringComparison.Ordinal);
            context.Response.StatusCode = breaks ? 404 : 200;
            return Task.FromResult(breaks);
        };

        var summary = await OnboardAsync();

        Assert.Equal((1, 2, 2), (summary.Onboarded, summary.Failed, summary.Skipped));
        Assert.Equal(
            ["google check_failed pending permanent", "half load_failed pending ", "okta onboarded active ", "paused skipped paused ", "running skipped active "],
            summary.Integrations.Select(one => $"{one.ConnectedIntegrationId} {one.Outcome} {one.State} {one.ErrorClass}"));
        Assert.All(summary.Integrations.Take(2), one => Assert.Contains("correct the integration's api_endpoint", one.Message, StringComparison.Ordinal));
        Assert.Equal(IntegrationState.Pending, (await Integrations.FindAsync(new IntegrationKey("org-002", "okta")))!.State);
        Assert.Equal(["okta", "running"], (await DailyAsync()).Integrations.Select(one => one.ConnectedIntegrationId));
    }

    [Fact]
    public async Task Integrations_are_onboarded_in_any_state_when_they_are_named()
    {
        await ConnectAsync(Workshop.Okta, 5, IntegrationState.Paused);
        await ConnectAsync(Google, 5);

        var summary = await OnboardAsync(integrations: ["okta"]);

        Assert.Equal(["google skipped", "okta onboarded"], summary.Integrations.Select(one => $"{one.ConnectedIntegrationId} {one.Outcome}"));
        Assert.Equal(IntegrationState.Pending, (await Integrations.FindAsync(Google))!.State);
    }

    [Fact]
    [Trait("promise", "P1")]
    public async Task The_same_workflow_id_twice_asks_for_and_changes_nothing_again()
    {
        await ConnectAsync(Workshop.Okta, 5);
        var first = await OnboardAsync("onboarding");
        await Integrations.SetStateAsync(Workshop.Okta, IntegrationState.Paused, "A person has said so.");
        var requests = _host.Provider.Requests.Count;

        var second = await OnboardAsync("onboarding");

        Assert.Equal(first.Integrations, second.Integrations);
        Assert.Equal(requests, _host.Provider.Requests.Count);
        Assert.Equal(IntegrationState.Paused, (await Integrations.FindAsync(Workshop.Okta))!.State);
    }

    [Fact]
    [Trait("promise", "P2")]
    public async Task A_crash_between_check_and_load_resumes_with_the_load()
    {
        await ConnectAsync(Workshop.Okta, 5);
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var asked = 0;
        _host.BeforePage = _ =>
        {
            if (Interlocked.Increment(ref asked) != 2)
                return Task.CompletedTask;
            reached.TrySetResult();
            return new TaskCompletionSource().Task;
        };
        await _host.Client.StartAsync(new OnboardOrganization("org-001"), "onboarding");
        await reached.Task.WaitAsync(PipelineHost.Patience());
        Assert.Equal(IntegrationState.Pending, (await Integrations.FindAsync(Workshop.Okta))!.State);

        await _host.RestartAsync();
        var summary = await OnboardAsync("onboarding");

        Assert.Equal([new OnboardedIntegration("okta", "onboarded", "active", 5)], summary.Integrations);
        Assert.Equal([1, 1], _host.Provider.Requests.Select(request => request.Page));
    }

    [Fact]
    public async Task A_budget_that_is_spent_is_waited_for_and_no_failure()
    {
        await ConnectAsync(Workshop.Okta, 5);
        var asked = 0;
        _host.BeforePage = _ => Interlocked.Increment(ref asked) == 1 ? throw new BudgetSpentException(TimeSpan.FromMilliseconds(1)) : Task.CompletedTask;

        Assert.Equal([new OnboardedIntegration("okta", "onboarded", "active", 5)], (await OnboardAsync("onboarding")).Integrations);
        Assert.Contains("org-001.okta/turn", (await _host.Client.ListStepsAsync("onboarding")).Select(step => step.Key));
    }

    [Fact]
    public async Task One_that_a_person_pauses_meanwhile_stays_paused()
    {
        await ConnectAsync(Workshop.Okta, 5);
        var asked = 0;
        _host.BeforePage = _ => Interlocked.Increment(ref asked) == 2 ? Integrations.SetStateAsync(Workshop.Okta, IntegrationState.Paused, null) : Task.CompletedTask;

        var onboarded = Assert.Single((await OnboardAsync()).Integrations);

        Assert.Equal(new OnboardedIntegration("okta", "onboarded", "paused", 5, Message: "Its state was changed meanwhile, and stays."), onboarded);
    }

    [Theory]
    [InlineData(null, "Organization 'org-001' has no connected integration. Connect one with: elt integrations add")]
    [InlineData("gogle", "Organization 'org-001' has no connected integration 'gogle'")]
    public async Task What_is_not_connected_is_a_clear_error(string? named, string message)
    {
        if (named is not null)
            await ConnectAsync(Google, 5);

        var error = await Assert.ThrowsAsync<WorkflowFailedException>(() => OnboardAsync(integrations: named is null ? null : [named]));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    private Task ConnectAsync(IntegrationKey key, int users, IntegrationState state = IntegrationState.Pending) =>
        Integrations.UpsertAsync(_host.Provider.Connect(key, User.Many(users)) with { State = state });

    private async Task<OnboardingSummary> OnboardAsync(string? id = null, string[]? integrations = null) =>
        await PipelineHost.ResultAsync(await _host.Client.StartAsync(new OnboardOrganization("org-001", integrations), id));

    private async Task<RootSummary> DailyAsync() => await PipelineHost.ResultAsync(await _host.Client.StartAsync(new RootOrchestration()));
}
