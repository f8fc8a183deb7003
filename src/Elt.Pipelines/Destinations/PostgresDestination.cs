using Elt.Durable;
using Elt.Durable.Ledger;
using Elt.Pipelines.Changes;
using Elt.Pipelines.Datasets;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Schema;
using Elt.Pipelines.Warehouse;
using Npgsql;

namespace Elt.Pipelines.Destinations;

/// <summary>
/// Keeps the datasets' tables, such as <c>elt.users</c>, of a Postgres database in step. Fence, ledger, rows, history, outbox and watermark are one transaction; rows
/// that do not differ are not written. Few changes go as arrays in one statement, many by binary COPY into a temporary table.
/// </summary>
internal sealed class PostgresDestination(
    NpgsqlDataSource dataSource, WarehouseFile warehouse, DatasetLibrary datasets, DeleteThresholds thresholds, DestinationOptions options) : IDestination
{
    /// <summary>Up to this many changes are sent as arrays.</summary>
    internal const int ArrayLimit = 2_000;

    private readonly PostgresDatabase _database = new(dataSource, PostgresMigrations.SchemaName);

    public async Task InitializeAsync(CancellationToken ct = default)
    {
        await PostgresMigrations.ApplyAsync(dataSource, "Destinations/Migrations/Postgres", ct).ConfigureAwait(false);
        await PostgresTables.EnsureAsync(dataSource, datasets.All.SelectMany(DestinationTables.Postgres), ct).ConfigureAwait(false);
    }

    public async Task CheckAsync(CancellationToken ct = default)
    {
        await using var command = dataSource.CreateCommand("select 1 from elt.sync_stream limit 1");
        await command.ExecuteScalarAsync(ct).ConfigureAwait(false);
    }

    public async Task<IReadOnlyDictionary<IntegrationKey, long>> CountAsync(string dataset, CancellationToken ct = default)
    {
        await using var command = dataSource.CreateCommand(new PostgresDatasetSql(datasets.Get(dataset), options).CountByIntegration);
        await using var row = await command.ExecuteReaderAsync(ct).ConfigureAwait(false);
        var counts = new Dictionary<IntegrationKey, long>();
        while (await row.ReadAsync(ct).ConfigureAwait(false))
            counts[new IntegrationKey(row.GetString(0), row.GetString(1))] = row.GetInt64(2);
        return counts;
    }

    public Task<SyncSummary> SyncAsync(WorkflowContext context, string step, IntegrationKey integration, string runId) =>
        context.TransactionAsync(step, _database, (transaction, ct) => SyncAsync(transaction, integration, runId, ct));

    /// <summary>The sync itself, in a transaction that the caller commits.</summary>
    internal async Task<SyncSummary> SyncAsync(NpgsqlTransaction transaction, IntegrationKey integration, string runId, CancellationToken ct)
    {
        using var log = ChangeLog.Open(warehouse, integration, runId);
        var sync = new PostgresSync(transaction, new PostgresDatasetSql(log.Dataset, options), options, log);
        var watermark = await sync.LockStreamAsync(ct).ConfigureAwait(false);
        if (watermark.DeliveredBy(log) is { } newer)
            return new SyncSummary(0, 0, await sync.CountAsync(ct).ConfigureAwait(false), FullLoad: false) { DeliveredBy = newer };
        var summary = watermark.NeedsFullLoad(log)
            ? await sync.LoadAsync(thresholds, ct).ConfigureAwait(false)
            : await sync.ShipAsync(log.Since(watermark.LastSeq), ct).ConfigureAwait(false);
        await sync.MoveWatermarkAsync(ct).ConfigureAwait(false);
        return summary with { Rows = await sync.CountAsync(ct).ConfigureAwait(false) };
    }
}
