using Elt.Pipelines.Schema;
using Npgsql;
using NpgsqlTypes;

namespace Elt.Pipelines.Integrations;

/// <summary>Keeps the integrations in Postgres, table <c>elt.connected_integrations</c>.</summary>
/// <param name="dataSource">Connections to the database; not disposed here.</param>
public sealed class PostgresIntegrationStore(NpgsqlDataSource dataSource) : IIntegrationStore
{
    private const string Columns = "organization_id, id, provider, provider_data::text, state, state_reason";

    /// <inheritdoc/>
    public Task InitializeAsync(CancellationToken ct = default) =>
        PostgresMigrations.ApplyAsync(dataSource, "Integrations/Migrations/Postgres", ct);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ConnectedIntegration>> ListAsync(CancellationToken ct = default) =>
        await ReadAsync($"select {Columns} from elt.connected_integrations order by organization_id, id", ToIntegration, ct).ConfigureAwait(false);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<IntegrationKey>> ListKeysAsync(CancellationToken ct = default) =>
        await ReadAsync(
            "select organization_id, id from elt.connected_integrations order by organization_id, id",
            row => new IntegrationKey(row.GetString(0), row.GetString(1)), ct).ConfigureAwait(false);

    /// <inheritdoc/>
    public async Task<IReadOnlyList<IntegrationStatus>> ListStatesAsync(CancellationToken ct = default) =>
        await ReadAsync(
            "select organization_id, id, state from elt.connected_integrations order by organization_id, id",
            row => new IntegrationStatus(new IntegrationKey(row.GetString(0), row.GetString(1)), IntegrationStates.Parse(row.GetString(2))), ct).ConfigureAwait(false);

    /// <inheritdoc/>
    public async Task<ConnectedIntegration?> FindAsync(IntegrationKey key, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        var found = await ReadAsync(
            $"select {Columns} from elt.connected_integrations where organization_id = $1 and id = $2",
            ToIntegration, ct, key.OrganizationId, key.ConnectedIntegrationId).ConfigureAwait(false);
        return found.FirstOrDefault();
    }

    /// <inheritdoc/>
    public async Task UpsertAsync(ConnectedIntegration integration, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(integration);
        await using var command = dataSource.CreateCommand(
            """
            insert into elt.connected_integrations (organization_id, id, provider, provider_data, state, state_reason) values ($1, $2, $3, $4::jsonb, $5, $6)
            on conflict (organization_id, id) do update set provider = excluded.provider, provider_data = excluded.provider_data
            """);
        Bind(command, integration.OrganizationId, integration.Id, integration.Provider, integration.ProviderData.ToJson(), integration.State.Name(), integration.StateReason);
        await command.ExecuteNonQueryAsync(ct).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async Task<IntegrationState?> SetStateAsync(
        IntegrationKey key, IntegrationState to, string? reason, IntegrationState? from = null, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(key);
        await using var command = dataSource.CreateCommand(
            """
            update elt.connected_integrations set state = $3, state_reason = $4
            where organization_id = $1 and id = $2 and ($5::text is null or state in ($5, $3))
            """);
        Bind(command, key.OrganizationId, key.ConnectedIntegrationId, to.Name(), reason, from?.Name());
        await command.ExecuteNonQueryAsync(ct).ConfigureAwait(false);
        var found = await ReadAsync(
            "select state from elt.connected_integrations where organization_id = $1 and id = $2",
            row => (IntegrationState?)IntegrationStates.Parse(row.GetString(0)), ct, key.OrganizationId, key.ConnectedIntegrationId).ConfigureAwait(false);
        return found.FirstOrDefault();
    }

    private async Task<List<T>> ReadAsync<T>(string sql, Func<NpgsqlDataReader, T> read, CancellationToken ct, params string?[] values)
    {
        await using var command = dataSource.CreateCommand(sql);
        Bind(command, values);
        await using var reader = await command.ExecuteReaderAsync(ct).ConfigureAwait(false);
        var rows = new List<T>();
        while (await reader.ReadAsync(ct).ConfigureAwait(false))
            rows.Add(read(reader));
        return rows;
    }

    private static void Bind(NpgsqlCommand command, params ReadOnlySpan<string?> values)
    {
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = (object?)value ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text });
    }

    private static ConnectedIntegration ToIntegration(NpgsqlDataReader row) =>
        IntegrationStoreExtensions.ToIntegration(row.GetString(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetString(4), row.IsDBNull(5) ? null : row.GetString(5));
}
