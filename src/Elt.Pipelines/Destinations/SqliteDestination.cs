using Elt.Durable;
using Elt.Durable.Ledger;
using Elt.Pipelines.Changes;
using Elt.Pipelines.Datasets;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Schema;
using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Destinations;

/// <summary>Keeps the datasets' tables, such as <c>users</c>, of a SQLite file in step: the embedded default, with the same guarantees as Postgres.</summary>
internal sealed class SqliteDestination(
    string path, WarehouseFile warehouse, DatasetLibrary datasets, DeleteThresholds thresholds, DestinationOptions options, TimeProvider time)
    : IDestination, IDisposable
{
    private readonly SqliteDatabase _database = new(path);

    internal SqliteDatabase Database => _database;

    public async Task InitializeAsync(CancellationToken ct = default)
    {
        await SqliteMigrations.ApplyAsync(_database, "Destinations/Migrations/Sqlite", ct).ConfigureAwait(false);
        await SqliteTables.EnsureAsync(_database, datasets.All.SelectMany(DestinationTables.Sqlite), ct).ConfigureAwait(false);
    }

    public Task CheckAsync(CancellationToken ct = default) =>
        _database.WriteAsync(transaction => transaction.Count("select count(*) from sync_stream"), ct);

    public Task<IReadOnlyDictionary<IntegrationKey, long>> CountAsync(string dataset, CancellationToken ct = default)
    {
        using var connection = _database.OpenRead();
        using var command = connection.Command(new SqliteDestinationSql(datasets.Get(dataset), options).CountByIntegration);
        using var row = command.ExecuteReader();
        var counts = new Dictionary<IntegrationKey, long>();
        while (row.Read())
            counts[new IntegrationKey(row.GetString(0), row.GetString(1))] = row.GetInt64(2);
        return Task.FromResult<IReadOnlyDictionary<IntegrationKey, long>>(counts);
    }

    public Task<SyncSummary> SyncAsync(WorkflowContext context, string step, IntegrationKey integration, string runId) =>
        context.TransactionAsync(step, _database, (transaction, _) => Task.FromResult(Sync(transaction, integration, runId)));

    public void Dispose() => _database.Dispose();

    /// <summary>The sync itself, in a transaction that the caller commits.</summary>
    internal SyncSummary Sync(SqliteTransaction transaction, IntegrationKey integration, string runId)
    {
        using var log = ChangeLog.Open(warehouse, integration, runId);
        var sql = new SqliteDestinationSql(log.Dataset, options);
        var sync = new SqliteSync(transaction, sql, options, log, time.GetUtcNow().ToStored());
        var watermark = sync.FindWatermark();
        if (watermark.DeliveredBy(log) is { } newer)
            return new SyncSummary(0, 0, transaction.Count(sql.Count, log.Run.Parameters), FullLoad: false) { DeliveredBy = newer };
        var summary = watermark.NeedsFullLoad(log) ? sync.Load(thresholds) : sync.Ship(watermark);
        sync.MoveWatermark();
        return summary with { Rows = transaction.Count(sql.Count, log.Run.Parameters) };
    }
}
