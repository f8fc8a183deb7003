using Elt.Durable;
using Elt.Durable.Ledger;
using Elt.Pipelines.Changes;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Schema;
using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Destinations;

/// <summary>Keeps the table <c>users</c> of a SQLite file in step: the embedded default, with the same guarantees as Postgres.</summary>
internal sealed class SqliteDestination(string path, WarehouseFile warehouse, Dataset dataset, DeleteThresholds thresholds, TimeProvider time)
    : IDestination, IDisposable
{
    private readonly SqliteDatabase _database = new(path);
    private readonly SqliteDestinationSql _sql = new(dataset);

    internal SqliteDatabase Database => _database;

    public Task InitializeAsync(CancellationToken ct = default) =>
        SqliteMigrations.ApplyAsync(_database, "Destinations/Migrations/Sqlite", ct);

    public Task CheckAsync(CancellationToken ct = default) =>
        _database.WriteAsync(transaction => transaction.Count("select count(*) from sync_stream"), ct);

    public Task<IReadOnlyDictionary<IntegrationKey, long>> CountAsync(CancellationToken ct = default)
    {
        using var connection = _database.OpenRead();
        using var command = connection.Command(_sql.CountByIntegration);
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
        using var log = ChangeLog.Open(warehouse, dataset, integration, runId);
        var watermark = FindWatermark(transaction, log.Run);
        var summary = watermark.NeedsFullLoad(log)
            ? Load(transaction, log)
            : Merge(transaction, log.Run, log.Since(watermark.LastSeq), _ => { });
        transaction.Execute(
            """
            insert into sync_stream (organization_id, connected_integration_id, dataset, warehouse_id, last_seq, last_run_id, synced_at)
            values ($org, $integration, $dataset, $warehouse, $seq, $run, $now)
            on conflict (organization_id, connected_integration_id, dataset) do update set warehouse_id = excluded.warehouse_id,
              last_seq = excluded.last_seq, last_run_id = excluded.last_run_id, synced_at = excluded.synced_at
            """,
            [.. log.Run.Parameters, ("$dataset", dataset.Name), ("$warehouse", log.WarehouseId), ("$seq", log.Run.Seq), ("$now", time.GetUtcNow().ToStored())]);
        return summary with { Rows = transaction.Count(_sql.Count, log.Run.Parameters) };
    }

    private Watermark FindWatermark(SqliteTransaction transaction, PipelineRun run) => transaction.Query(
        """
        select warehouse_id, last_seq, last_run_id from sync_stream
        where organization_id = $org and connected_integration_id = $integration and dataset = $dataset
        """,
        row => new Watermark(row.GetString(0), row.GetInt64(1), row.GetString(2)),
        [.. run.Parameters, ("$dataset", dataset.Name)]).FirstOrDefault() ?? new Watermark(null, 0, null);

    private SyncSummary Load(SqliteTransaction transaction, ChangeLog log)
    {
        transaction.Execute(SqliteDestinationSql.CreateLoaded);
        using var remember = transaction.Connection!.Command(SqliteDestinationSql.InsertLoaded);
        var key = remember.Parameters.Add("$external_id", SqliteType.Text);
        var loaded = Merge(transaction, log.Run, log.Everything(), change =>
        {
            key.Value = change.ExternalId;
            remember.ExecuteNonQuery();
        });
        var surplus = transaction.Count(_sql.CountSurplus, log.Run.Parameters);
        if (thresholds.HoldReason(surplus, loaded.Upserted, transaction.Count(_sql.Count, log.Run.Parameters)) is { } reason)
            throw new DestinationSurplusException(log.Run.Integration, surplus, reason);
        transaction.Execute(_sql.DeleteSurplus, log.Run.Parameters);
        transaction.Execute(SqliteDestinationSql.DropLoaded);
        return loaded with { Deleted = surplus, FullLoad = true };
    }

    private SyncSummary Merge(SqliteTransaction transaction, PipelineRun run, IEnumerable<Change> changes, Action<Change> merged)
    {
        using var upsert = transaction.Connection!.Command(_sql.Upsert, [.. run.Parameters, ("$seq", run.Seq), ("$now", time.GetUtcNow().ToStored())]);
        using var delete = transaction.Connection!.Command(_sql.Delete, run.Parameters);
        var upsertKey = upsert.Parameters.Add("$external_id", SqliteType.Text);
        var deleteKey = delete.Parameters.Add("$external_id", SqliteType.Text);
        var id = upsert.Parameters.Add("$id", SqliteType.Text);
        var values = dataset.Columns.Select((_, i) => upsert.Parameters.Add($"$value{i}", SqliteType.Text)).ToArray();
        long upserted = 0, deleted = 0;
        foreach (var change in changes)
        {
            if (change.Deleted)
            {
                deleteKey.Value = change.ExternalId;
                delete.ExecuteNonQuery();
                deleted++;
                continue;
            }
            upsertKey.Value = change.ExternalId;
            id.Value = change.Id;
            for (var i = 0; i < values.Length; i++)
                values[i].Value = (object?)change.Values[i] ?? DBNull.Value;
            upsert.ExecuteNonQuery();
            upserted++;
            merged(change);
        }
        return new SyncSummary(upserted, deleted, 0, FullLoad: false);
    }
}
