using System.Globalization;
using Elt.Durable.Testing;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Sources.Budgets;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Tests.Sources.Connectors;
using Elt.Pipelines.Tests.Suite;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Elt.Pipelines.Tests.Sources.Budgets;

/// <summary>How requests keep to a budget.</summary>
[Trait("promise", "P10")]
public sealed class PacingTests : IAsyncLifetime
{
    private readonly ManualTimeProvider _time = new(new DateTimeOffset(2026, 11, 21, 5, 20, 0, TimeSpan.Zero));
    private Vendor _vendor = null!;
    private Workshop _workshop = null!;

    public async Task InitializeAsync()
    {
        _workshop = await Workshop.CreateAsync();
        _vendor = await Vendor.StartAsync();
        (_vendor.Time, _vendor.Budgets) = (_time, new WarehouseBudgets(_workshop.Warehouse, _time));
    }

    public async Task DisposeAsync()
    {
        await _vendor.DisposeAsync();
        _workshop.Dispose();
    }

    [Fact]
    public async Task When_none_are_left_the_next_request_waits_for_the_reset_instead_of_for_a_refusal()
    {
        var integration = _vendor.Connect("okta", "/api/v1/users");
        var left = 1;
        _vendor.Answer = context =>
        {
            context.Response.StatusCode = left < 0 ? 429 : 200;
            context.Response.Headers["X-Rate-Limit-Limit"] = "600";
            context.Response.Headers["X-Rate-Limit-Remaining"] = left--.ToString(CultureInfo.InvariantCulture);
            context.Response.Headers["X-Rate-Limit-Reset"] = _time.GetUtcNow().AddSeconds(40 - _vendor.Requests.Count).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
            return Vendor.WriteAsync(context, "[]", context.Response.StatusCode);
        };
        using var source = _vendor.Source();

        await FetchAsync();
        await FetchAsync();
        var wait = (await Assert.ThrowsAsync<BudgetSpentException>(FetchAsync)).Wait;
        await Assert.ThrowsAsync<BudgetSpentException>(FetchAsync);
        Assert.Equal((TimeSpan.FromSeconds(38), 2), (wait, _vendor.Requests.Count));
        _time.Advance(wait);
        left = 600;

        await FetchAsync();

        Task FetchAsync() => source.FetchAsync(new PageRequest(integration, 1, 100), PipelineHost.Patience());
    }

    [Fact]
    public async Task A_reset_in_the_far_future_does_not_stop_an_integration_for_longer_than_an_hour()
    {
        var budgets = new RequestBudgets(_vendor.Budgets, new SourceOptions(), _time);
        var ask = BudgetAsk.Of(DemoPages.Connectors.Of(_vendor.Connect("okta", "/")).Manifest, _vendor.Connect("okta", "/"), "1")!;
        await budgets.NoteAsync(ask.Integration, new ProviderWindow(0, TimeSpan.FromDays(1)), default);

        Assert.Equal(new SourceOptions().MaxDelay, (await Assert.ThrowsAsync<BudgetSpentException>(() => budgets.EnterAsync(ask, default))).Wait);
        _time.Advance(TimeSpan.FromHours(1));
        await budgets.EnterAsync(ask, PipelineHost.Patience());
    }

    [Fact]
    public async Task A_short_wait_is_sat_out_and_ends_with_the_token()
    {
        var budgets = new RequestBudgets(_vendor.Budgets, new SourceOptions(), _time);
        var ask = new BudgetAsk(Workshop.Okta, "scope", "1", new BudgetRule(1, 1));
        await budgets.EnterAsync(ask, PipelineHost.Patience());
        await Assert.ThrowsAsync<BudgetSpentException>(() => budgets.EnterAsync(ask, PipelineHost.Patience()));
        _time.Advance(TimeSpan.FromMilliseconds(600));
        using var stop = new CancellationTokenSource();

        var stopped = budgets.EnterAsync(ask, stop.Token);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stopped.WaitAsync(PipelineHost.Patience()));
        var next = budgets.EnterAsync(ask, default);
        Assert.False(next.IsCompleted);
        _time.Advance(TimeSpan.FromMilliseconds(450));

        await next.WaitAsync(PipelineHost.Patience());
    }

    [Fact]
    public async Task A_token_that_was_renewed_is_kept_while_the_request_waits_for_its_turn()
    {
        var integration = _vendor.Connect("microsoft-graph", "/v1.0/users");
        var connector = _vendor.ConnectorOf(integration);
        var request = new PageRequest(integration, 1, 100, Connector: connector with { Manifest = connector.Manifest with { Budget = new BudgetRule(1, 60) } });
        var tokens = 0;
        _vendor.Answer = context => context.Request.Path.StartsWithSegments("/token", StringComparison.Ordinal)
            ? Vendor.WriteAsync(context, $$"""{"access_token":"t{{++tokens}}"}""")
            : Vendor.WriteAsync(context, """{"value":[]}""", context.Request.Headers.Authorization == "Bearer t2" ? 200 : 401);
        using var source = _vendor.Source();

        var wait = (await Assert.ThrowsAsync<BudgetSpentException>(() => source.FetchAsync(request, PipelineHost.Patience()))).Wait;
        _time.Advance(wait);
        await source.FetchAsync(request, PipelineHost.Patience());

        Assert.Equal((2, 4), (tokens, _vendor.Requests.Count));
    }
}
