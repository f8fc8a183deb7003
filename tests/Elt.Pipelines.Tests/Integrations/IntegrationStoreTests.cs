using Elt.Durable.Ledger;
using Elt.Pipelines.Integrations;
using Elt.Testing;
using Npgsql;
using Xunit;

namespace Elt.Pipelines.Tests.Integrations;

/// <summary>What both stores do.</summary>
public abstract class IntegrationStoreTests : IAsyncLifetime
{
    private protected IIntegrationStore Store { get; set; } = null!;

    public abstract Task InitializeAsync();

    public abstract Task DisposeAsync();

    private protected abstract Task SpoilAsync();

    [Fact]
    public async Task Integrations_are_listed_in_order_and_found_by_their_key()
    {
        await Store.InitializeAsync();
        await Store.UpsertAsync(Integration("org-002", "okta"));
        await Store.UpsertAsync(Integration("org-001", "okta"));
        await Store.UpsertAsync(Integration("org-001", "google"));

        Assert.Equal(["org-001/google", "org-001/okta", "org-002/okta"], (await Store.ListAsync()).Select(i => i.Key.ToString()));
        Assert.Equal(["org-001/google", "org-001/okta", "org-002/okta"], (await Store.ListKeysAsync()).Select(k => k.ToString()));
        Assert.Equal("demo", (await Store.FindAsync(new IntegrationKey("org-001", "okta")))!.Provider);
        Assert.Null(await Store.FindAsync(new IntegrationKey("org-002", "google")));
    }

    [Fact]
    public async Task Storing_an_integration_again_replaces_what_it_says()
    {
        await Store.UpsertAsync(Integration("org-001", "okta"));
        await Store.UpsertAsync(Integration("org-001", "okta", pageSize: 77));

        Assert.Equal(77, Assert.Single(await Store.ListAsync()).ProviderData.PageSize);
    }

    [Fact]
    public async Task Provider_data_that_were_spoilt_by_hand_are_named_and_keys_are_still_listed()
    {
        await Store.UpsertAsync(Integration("org-001", "okta"));
        await SpoilAsync();

        var error = await Assert.ThrowsAsync<FormatException>(() => Store.ListAsync());

        Assert.Contains("Connected integration org-001/okta: provider_data", error.Message, StringComparison.Ordinal);
        Assert.Single(await Store.ListKeysAsync());
    }

    [Fact]
    public async Task States_are_kept_apart_from_what_integrations_say_and_change_only_from_the_one_that_is_expected()
    {
        var key = new IntegrationKey("org-001", "okta");
        await Store.UpsertAsync(Integration("org-001", "google"));
        await Store.UpsertAsync(Integration("org-001", "okta") with { State = IntegrationState.Pending, StateReason = "New." });
        await Store.UpsertAsync(Integration("org-001", "okta", pageSize: 77));
        Assert.Equal([IntegrationState.Active, IntegrationState.Pending], (await Store.ListStatesAsync()).Select(known => known.State));

        Assert.Equal(IntegrationState.Pending, await Store.SetStateAsync(key, IntegrationState.Active, null, from: IntegrationState.Paused));
        Assert.Equal("New.", (await Store.FindAsync(key))!.StateReason);
        foreach (var _ in new[] { 1, 2 })
            Assert.Equal(IntegrationState.NeedsReauth, await Store.SetStateAsync(key, IntegrationState.NeedsReauth, "Renew.", from: IntegrationState.Pending));
        Assert.Equal(("Renew.", 77), ((await Store.FindAsync(key))!.StateReason, (await Store.FindAsync(key))!.ProviderData.PageSize));
        Assert.Equal(IntegrationState.Active, await Store.SetStateAsync(key, IntegrationState.Active, null));
        Assert.Null((await Store.FindAsync(key))!.StateReason);
        Assert.Null(await Store.SetStateAsync(new IntegrationKey("org-001", "none"), IntegrationState.Active, null));
    }

    private static ConnectedIntegration Integration(string organization, string id, int pageSize = 10) => new(id, organization, "demo", new ProviderData
    {
        PermissionSourceName = "Demo",
        ApiEndpoint = new Uri("https://demo.example/users"),
        PageSize = pageSize,
    });
}

public sealed class SqliteIntegrationStoreTests : IntegrationStoreTests
{
    private readonly TempFolder _folder = new();
    private SqliteDatabase _database = null!;

    public override Task InitializeAsync()
    {
        _database = new SqliteDatabase(_folder.File("journal.db"));
        Store = new SqliteIntegrationStore(_database);
        return Store.InitializeAsync();
    }

    public override Task DisposeAsync()
    {
        _database.Dispose();
        _folder.Dispose();
        return Task.CompletedTask;
    }

    private protected override Task SpoilAsync() => _database.WriteAsync(
        transaction => Elt.Pipelines.Warehouse.SqliteCommands.Execute(transaction, "update connected_integrations set provider_data = '{}'"), default);
}

public sealed class PostgresIntegrationStoreTests : IntegrationStoreTests
{
    private NpgsqlDataSource _dataSource = null!;

    public override async Task InitializeAsync()
    {
        _dataSource = NpgsqlDataSource.Create(await PostgresServer.CreateDatabaseAsync());
        Store = new PostgresIntegrationStore(_dataSource);
        await Store.InitializeAsync();
    }

    public override async Task DisposeAsync() => await _dataSource.DisposeAsync();

    private protected override async Task SpoilAsync()
    {
        await using var command = _dataSource.CreateCommand("update elt.connected_integrations set provider_data = '{}'");
        await command.ExecuteNonQueryAsync();
    }
}
