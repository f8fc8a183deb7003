using System.Globalization;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Sources.Budgets;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Tests.Sources.Connectors;
using Elt.Pipelines.Tests.Suite;
using Elt.Testing;
using Npgsql;
using Xunit;

namespace Elt.Pipelines.Tests.Sources.Budgets;

/// <summary>What a budget promises, wherever it is kept; the clock is the test's.</summary>
[Trait("promise", "P10")]
public abstract class BudgetTests : IAsyncLifetime
{
    private const int Millis = 1000;
    private const string Impatient = "much";

    private protected FrozenTime Time { get; } = new();

    private protected IBudgetStore Store { get; set; } = null!;

    public abstract Task InitializeAsync();

    public abstract Task DisposeAsync();

    /// <summary>What another process, or the same one after a restart, has.</summary>
    private protected abstract IBudgetStore Another();

    [Fact]
    [Trait("promise", "P11")]
    public async Task No_window_has_more_requests_of_all_tenants_than_the_provider_allows_and_the_budget_is_used()
    {
        var sent = await SendAsync(new BudgetRule(10, 20, BudgetScope.Provider), seconds: 60, Tenants(["a", "b", "c"], batches: 3));

        foreach (var (at, _) in sent)
            Assert.InRange(sent.Count(other => other.At > at - 20 * Millis && other.At <= at), 1, 10);
        Assert.InRange(sent.Count, 26, 30);
        Assert.All(sent.CountBy(request => request.Tenant), tenant => Assert.InRange(tenant.Value, 8, 12));
    }

    [Theory]
    [Trait("promise", "P11")]
    [InlineData(4, 8)]
    [InlineData(1, 4)]
    public async Task A_tenant_that_asks_little_gets_its_turn_beside_one_that_asks_for_much_more(int requests, int perSeconds)
    {
        var seconds = 3 * perSeconds;
        var sent = await SendAsync(new BudgetRule(requests, perSeconds, BudgetScope.Provider), seconds, [.. Tenants([Impatient], batches: 3), .. Tenants(["z-little"], batches: 1)]);

        var little = sent.Where(request => request.Tenant == "z-little").Select(request => request.At).Append(seconds * Millis).ToList();
        Assert.All(little.Prepend(0).Zip(little), wait => Assert.InRange(wait.Second - wait.First, 0, 2.5 * perSeconds * Millis));
        Assert.InRange(sent.Count, requests * 2, requests * 3);
    }

    [Fact]
    [Trait("promise", "P11")]
    public async Task What_is_counted_by_integration_couples_no_tenants()
    {
        var rule = new BudgetRule(2, 60);

        Assert.Null(await TakeAsync(Store, rule, "a", 1));
        Assert.Null(await TakeAsync(Store, rule, "a", 2));
        Assert.NotNull(await TakeAsync(Store, rule, "a", 3));
        Assert.Null(await TakeAsync(Store, rule, "b", 1));
    }

    [Fact]
    [Trait("promise", "P11")]
    public async Task Connectors_of_ones_own_share_with_nobody_elses_whatever_they_are_called()
    {
        var rule = new BudgetRule(1, 60, BudgetScope.Provider);

        Assert.Null(await TakeAsync(Store, rule, "a", 1, ConnectorLibrary.Inline));
        Assert.NotNull(await TakeAsync(Store, rule, "a", 2, ConnectorLibrary.Inline));
        Assert.Null(await TakeAsync(Store, rule, "b", 1, ConnectorLibrary.Inline));
        Assert.Null(await TakeAsync(Store, rule, "b", 1));
        Assert.NotNull(await TakeAsync(Store, rule, "c", 1));
    }

    [Fact]
    public async Task A_restart_forgets_neither_what_was_sent_nor_whose_turn_it_is()
    {
        var rule = new BudgetRule(1, 60, BudgetScope.Provider);
        Assert.Null(await TakeAsync(Store, rule, "a", 1));
        var wait = await TakeAsync(Store, rule, "z", 1);
        Time.Now += TimeSpan.FromMilliseconds(1);

        Assert.InRange(wait!.Value, 60 * Millis, 63 * Millis);
        Assert.NotNull(await TakeAsync(Another(), rule, "a", 2));
        Time.Now += TimeSpan.FromMilliseconds(wait.Value);
        Assert.NotNull(await TakeAsync(Another(), rule, "a", 2));
        Assert.Null(await TakeAsync(Another(), rule, "z", 1));
    }

    [Fact]
    public async Task A_place_is_not_kept_for_ever_for_one_that_does_not_come()
    {
        var rule = new BudgetRule(1, 20, BudgetScope.Provider);
        await TakeAsync(Store, rule, "a", 1);
        var wait = await TakeAsync(Store, rule, "b", 1);
        await TakeAsync(Store, rule, "c", 1);

        Time.Now += TimeSpan.FromMilliseconds(wait!.Value);
        Assert.NotNull(await TakeAsync(Store, rule, "c", 1));
        Time.Now += TimeSpan.FromSeconds(10);
        Assert.Null(await TakeAsync(Store, rule, "c", 1));
    }

    [Fact]
    public async Task Of_many_that_ask_two_processes_at_once_as_many_may_go_as_the_budget_has()
    {
        var rule = new BudgetRule(7, 60, BudgetScope.Provider);
        IBudgetStore[] processes = [Store, Another()];

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Task.Run(() => TakeAsync(processes[i % 2], rule, $"t{i % 5}", i))));

        Assert.Equal(7, answers.Count(wait => wait is null));
    }

    [Fact]
    public async Task What_a_provider_says_is_counted_along_until_its_reset_and_holds_for_that_integration_alone()
    {
        var key = new IntegrationKey("a", "okta");
        await NoteAsync(2, seconds: 30);
        Assert.Null(await AskAsync("a"));
        // An answer to a request that was sent before the last one.
        await NoteAsync(2, seconds: 30);
        Assert.Null(await AskAsync("a"));
        Assert.Equal(30 * Millis, await AskAsync("a"));
        Assert.Null(await AskAsync("b"));
        await NoteAsync(1, seconds: 60);
        Assert.Null(await AskAsync("a"));
        Assert.Equal(60 * Millis, await AskAsync("a"));
        Time.Now += TimeSpan.FromSeconds(60);
        Assert.Null(await AskAsync("a"));

        Task NoteAsync(long remaining, int seconds) => new RequestBudgets(Store, new SourceOptions(), Time).NoteAsync(key, new ProviderWindow(remaining, TimeSpan.FromSeconds(seconds)), default);
        Task<long?> AskAsync(string tenant) => TakeAsync(Store, null, tenant, 1);
    }

    private protected static Task<long?> TakeAsync(IBudgetStore store, BudgetRule? rule, string tenant, int request, string provider = "okta")
    {
        var shipped = DemoPages.Connectors.Of(Integration("org", "okta")).Manifest;
        var ask = BudgetAsk.Of(
            shipped with { Budget = rule }, Integration(tenant, provider), request.ToString(CultureInfo.InvariantCulture))!;
        return store.WriteAsync(ask.Scope, book => book.TakeAsync(ask, default), default);
    }

    private static ConnectedIntegration Integration(string tenant, string provider) => new("okta", tenant, provider, DemoPages.Integration.ProviderData);

    private static (string Tenant, int Batch)[] Tenants(string[] names, int batches) =>
        [.. names.SelectMany(name => Enumerable.Range(0, batches).Select(batch => (name, batch)))];

    /// <summary>
    /// Batches that send requests one after another, each in half a second, and sleep a little longer than they are told; but those of the impatient tenant come
    /// again and again. Returns when requests were sent, in milliseconds.
    /// </summary>
    private async Task<List<(double At, string Tenant)>> SendAsync(BudgetRule rule, int seconds, (string Tenant, int Batch)[] batches)
    {
        var begin = Time.Now;
        var sent = new List<(double, string)>();
        var awake = new PriorityQueue<(string Tenant, int Batch), (double, int)>();
        foreach (var (i, batch) in batches.Index())
            awake.Enqueue(batch, (i, i));
        while (awake.TryDequeue(out var batch, out var at) && at.Item1 < seconds * Millis)
        {
            Time.Now = begin + TimeSpan.FromMilliseconds(at.Item1);
            var wait = await TakeAsync(Store, rule, batch.Tenant, batch.Batch);
            if (wait is null)
                sent.Add((at.Item1, batch.Tenant));
            awake.Enqueue(batch, (at.Item1 + (wait is null ? 500 : batch.Tenant == Impatient ? 250 : wait.Value + 300), at.Item2));
        }
        return sent;
    }
}

public sealed class WarehouseBudgetTests : BudgetTests
{
    private Workshop _workshop = null!;

    public override async Task InitializeAsync()
    {
        _workshop = await Workshop.CreateAsync();
        Store = Another();
    }

    public override Task DisposeAsync()
    {
        _workshop.Dispose();
        return Task.CompletedTask;
    }

    private protected override IBudgetStore Another() => new WarehouseBudgets(_workshop.Warehouse, Time);
}

public sealed class PostgresBudgetTests : BudgetTests
{
    private readonly List<NpgsqlDataSource> _dataSources = [];
    private string _database = "";

    public override async Task InitializeAsync()
    {
        _database = await PostgresServer.CreateDatabaseAsync();
        Store = Another();
        await new PostgresIntegrationStore(_dataSources[0]).InitializeAsync();
    }

    public override async Task DisposeAsync()
    {
        foreach (var dataSource in _dataSources)
            await dataSource.DisposeAsync();
    }

    [Fact]
    public async Task The_servers_clock_counts_whatever_the_processes_think()
    {
        var rule = new BudgetRule(1, 3600, BudgetScope.Provider);
        var store = new PostgresBudgets(_dataSources[0]);
        Assert.Null(await TakeAsync(store, rule, "a", 1));

        Assert.InRange((await TakeAsync(store, rule, "b", 1))!.Value, 3600_000 - 60_000, 3600_000 + 180_000);
    }

    private protected override IBudgetStore Another()
    {
        _dataSources.Add(NpgsqlDataSource.Create(_database));
        return new PostgresBudgets(_dataSources[^1], Time);
    }
}
