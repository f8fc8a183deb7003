using System.Data.Common;
using Elt.Pipelines.Datasets;
using Elt.Pipelines.Destinations;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Schema;
using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines;

/// <summary>The databases that pipelines use, together: brought up to date at start, and counted for who wants to look.</summary>
public sealed class PipelineDatabases(PipelineOptions options, IIntegrationStore integrations, WarehouseFile warehouse, IDestination destination)
{
    /// <summary>The datasets there are tables for, the built-in one first.</summary>
    public IReadOnlyList<DatasetDescription> Datasets => [.. warehouse.Datasets.All.Select(DatasetDescription.Of)];

    /// <summary>Creates or updates all tables. Call before the host starts.</summary>
    /// <param name="ct">Cancels.</param>
    /// <exception cref="PipelineSetupException">A database cannot be used; the message says which, why, and what to do.</exception>
    public async Task InitializeAsync(CancellationToken ct = default)
    {
        await ExplainedAsync("connected integrations", options.IntegrationsPath, options.IntegrationsConnectionString, integrations.InitializeAsync, ct)
            .ConfigureAwait(false);
        await ExplainedAsync("warehouse", options.WarehousePath, null, warehouse.InitializeAsync, ct).ConfigureAwait(false);
        await ExplainedAsync("destination", options.DestinationPath, options.DestinationConnectionString, destination.InitializeAsync, ct)
            .ConfigureAwait(false);
    }

    /// <summary>Counts the rows of all tables.</summary>
    /// <param name="ct">Cancels.</param>
    public async Task<TableCounts> CountTablesAsync(CancellationToken ct = default)
    {
        var connected = await integrations.ListKeysAsync(ct).ConfigureAwait(false);
        var rows = new List<IntegrationCounts>();
        foreach (var dataset in warehouse.Datasets.All)
        {
            var synced = await destination.CountAsync(dataset.Name, ct).ConfigureAwait(false);
            var inWarehouse = TableCounts.ReadWarehouse(warehouse, dataset);
            rows.AddRange(connected.Concat(inWarehouse.Keys).Concat(synced.Keys).Distinct()
                .OrderBy(key => key.OrganizationId, StringComparer.Ordinal).ThenBy(key => key.ConnectedIntegrationId, StringComparer.Ordinal)
                .Select(key =>
                {
                    var counts = inWarehouse.GetValueOrDefault(key, [0, 0, 0]);
                    return new IntegrationCounts(
                        dataset.Name, key.OrganizationId, key.ConnectedIntegrationId, counts[0], counts[1], counts[2], synced.GetValueOrDefault(key));
                }));
        }
        // One that has rows in one dataset feeds no other.
        var fed = rows.Where(counts => !counts.IsEmpty).Select(counts => counts.Key).ToHashSet();
        return new TableCounts(connected.Count, [.. rows.Where(counts => !counts.IsEmpty || !fed.Contains(counts.Key))]);
    }

    private static async Task ExplainedAsync(
        string what, string? path, string? connectionString, Func<CancellationToken, Task> initialize, CancellationToken ct)
    {
        try
        {
            await initialize(ct).ConfigureAwait(false);
        }
        catch (Exception e) when (e is DbException or SchemaException or IOException or UnauthorizedAccessException or TimeoutException)
        {
            throw new PipelineSetupException(DatabaseProblem.Explain(what, path, connectionString, e), e);
        }
    }
}

/// <summary>A database cannot be used. The message is meant to be shown as it is.</summary>
/// <param name="message">Which database, why, and what to do.</param>
/// <param name="inner">What was caught.</param>
public sealed class PipelineSetupException(string message, Exception inner) : Exception(message, inner);
