using Elt.Durable.Ledger;
using Elt.Pipelines.Schema;
using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Integrations;

/// <summary>Keeps the integrations in a SQLite file.</summary>
/// <param name="database">The file; not disposed here.</param>
public sealed class SqliteIntegrationStore(SqliteDatabase database) : IIntegrationStore
{
    private const string Columns = "organization_id, id, provider, provider_data, state, state_reason";

    /// <inheritdoc/>
    public Task InitializeAsync(CancellationToken ct = default) =>
        SqliteMigrations.ApplyAsync(database, "Integrations/Migrations/Sqlite", ct);

    /// <inheritdoc/>
    public Task<IReadOnlyList<ConnectedIntegration>> ListAsync(CancellationToken ct = default) =>
        Task.FromResult<IReadOnlyList<ConnectedIntegration>>(
            Read($"select {Columns} from connected_integrations order by organization_id, id", ToIntegration));

    /// <inheritdoc/>
    public Task<IReadOnlyList<IntegrationKey>> ListKeysAsync(CancellationToken ct = default) =>
        Task.FromResult<IReadOnlyList<IntegrationKey>>(
            Read("select organization_id, id from connected_integrations order by organization_id, id",
                row => new IntegrationKey(row.GetString(0), row.GetString(1))));

    /// <inheritdoc/>
    public Task<IReadOnlyList<IntegrationStatus>> ListStatesAsync(CancellationToken ct = default) =>
        Task.FromResult<IReadOnlyList<IntegrationStatus>>(
            Read("select organization_id, id, state from connected_integrations order by organization_id, id",
                row => new IntegrationStatus(new IntegrationKey(row.GetString(0), row.GetString(1)), IntegrationStates.Parse(row.GetString(2)))));

    /// <inheritdoc/>
    public Task<ConnectedIntegration?> FindAsync(IntegrationKey key, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        return Task.FromResult(
            Read($"select {Columns} from connected_integrations where organization_id = $org and id = $id", ToIntegration,
                ("$org", key.OrganizationId), ("$id", key.ConnectedIntegrationId)).FirstOrDefault());
    }

    /// <inheritdoc/>
    public Task UpsertAsync(ConnectedIntegration integration, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(integration);
        return database.WriteAsync(
            transaction => transaction.Execute(
                $"""
                insert into connected_integrations ({Columns}) values ($org, $id, $provider, $data, $state, $reason)
                on conflict (organization_id, id) do update set provider = excluded.provider, provider_data = excluded.provider_data
                """,
                ("$org", integration.OrganizationId), ("$id", integration.Id),
                ("$provider", integration.Provider), ("$data", integration.ProviderData.ToJson()),
                ("$state", integration.State.Name()), ("$reason", integration.StateReason)),
            ct);
    }

    /// <inheritdoc/>
    public Task<IntegrationState?> SetStateAsync(
        IntegrationKey key, IntegrationState to, string? reason, IntegrationState? from = null, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        (string, object?)[] parameters = [("$org", key.OrganizationId), ("$id", key.ConnectedIntegrationId)];
        return database.WriteAsync(
            transaction =>
            {
                transaction.Execute(
                    """
                    update connected_integrations set state = $to, state_reason = $reason
                    where organization_id = $org and id = $id and ($from is null or state in ($from, $to))
                    """,
                    [.. parameters, ("$to", to.Name()), ("$reason", reason), ("$from", from?.Name())]);
                return transaction.Query(
                    "select state from connected_integrations where organization_id = $org and id = $id",
                    row => (IntegrationState?)IntegrationStates.Parse(row.GetString(0)), parameters).FirstOrDefault();
            },
            ct);
    }

    private List<T> Read<T>(string sql, Func<SqliteDataReader, T> read, params ReadOnlySpan<(string Name, object? Value)> parameters)
    {
        using var connection = database.OpenRead();
        using var command = connection.Command(sql, parameters);
        using var reader = command.ExecuteReader();
        var rows = new List<T>();
        while (reader.Read())
            rows.Add(read(reader));
        return rows;
    }

    private static ConnectedIntegration ToIntegration(SqliteDataReader row) =>
        IntegrationStoreExtensions.ToIntegration(row.GetString(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetString(4), row.Text(5));
}
