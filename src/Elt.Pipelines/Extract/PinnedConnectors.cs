using System.Collections.Concurrent;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Extract;

/// <summary>
/// Keeps the connectors that runs began with, by their SHA-256, in the warehouse's table <c>connectors</c>: a run that goes on after a deploy, or after its
/// integration was changed, maps its last pages as it did the first ones.
/// </summary>
internal sealed class PinnedConnectors(WarehouseFile warehouse, ConnectorLibrary connectors, TimeProvider time)
{
    private readonly ConcurrentDictionary<string, Connector> _known = new();

    /// <summary>Keeps the connector of an integration as it is now and returns its hash.</summary>
    public async Task<string> PinAsync(ConnectedIntegration integration, CancellationToken ct)
    {
        var connector = connectors.Of(integration);
        await warehouse.Database.WriteAsync(
            transaction => transaction.Execute(
                "insert into connectors (sha256, name, manifest, first_used_at) values ($hash, $name, $manifest, $now) on conflict (sha256) do nothing",
                ("$hash", connector.Hash), ("$name", connector.Manifest.Name), ("$manifest", connector.Json), ("$now", time.GetUtcNow().ToStored())),
            ct).ConfigureAwait(false);
        return connector.Hash;
    }

    /// <summary>The connector of a hash; without one the integration's own as it is now.</summary>
    /// <exception cref="RunStateException">It was never kept.</exception>
    public Connector Find(string? hash, ConnectedIntegration integration) => hash is null ? connectors.Of(integration) : Find(hash);

    /// <summary>The connector of a hash.</summary>
    /// <exception cref="RunStateException">It was never kept.</exception>
    public Connector Find(string hash) => _known.GetOrAdd(hash, Read);

    /// <summary>The connector that a run's pages were mapped with; <see langword="null"/> when it has none, or they do not say.</summary>
    /// <exception cref="RunStateException">It was never kept.</exception>
    public Connector? FindOf(SqliteTransaction transaction, PipelineRun run) => transaction.Query(
        """
        select connector from extract_pages
        where organization_id = $org and connected_integration_id = $integration and workflow_id = $run and connector is not null limit 1
        """,
        row => row.GetString(0), run.Parameters).FirstOrDefault() is { } hash ? Find(hash) : null;

    private Connector Read(string hash)
    {
        using var connection = warehouse.Database.OpenRead();
        using var command = connection.Command("select manifest from connectors where sha256 = $hash", ("$hash", hash));
        return command.ExecuteScalar() is string json
            ? connectors.Read(json)
            : throw new RunStateException($"The connector {hash[..12]} that the run began with is not in this warehouse. Start a new run.");
    }
}
