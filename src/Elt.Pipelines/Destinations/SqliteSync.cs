using Elt.Pipelines.Changes;
using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Destinations;

/// <summary>One sync of one integration into SQLite, in a transaction.</summary>
internal sealed class SqliteSync(
    SqliteTransaction transaction, SqliteDestinationSql sql, DestinationOptions options, ChangeLog log, string now)
{
    private long _lastChangeId;

    /// <summary>How far the stream is.</summary>
    public Watermark FindWatermark()
    {
        var found = transaction.Query(
            """
            select warehouse_id, last_seq, last_run_id, last_change_id, history_seq from sync_stream
            where organization_id = $org and connected_integration_id = $integration and dataset = $dataset
            """,
            row => (
                Watermark: new Watermark(row.GetString(0), row.GetInt64(1), row.GetString(2)) { HistorySeq = row.Number(4) },
                LastChangeId: row.GetInt64(3)),
            [.. log.Run.Parameters, ("$dataset", log.Dataset.Name)]);
        _lastChangeId = found.Count > 0 ? found[0].LastChangeId : transaction.Count(sql.LastChangeId, log.Run.Parameters);
        return found.Count > 0 ? found[0].Watermark : new Watermark(null, 0, null) { HistorySeq = 0 };
    }

    /// <summary>Ships the changes since the watermark.</summary>
    public SyncSummary Ship(Watermark watermark)
    {
        var shipped = Take(log.Since(watermark.LastSeq));
        Write(everything: watermark.HistorySeq != watermark.LastSeq);
        return shipped;
    }

    /// <summary>Loads everything and deletes what the latest state does not have.</summary>
    public SyncSummary Load(DeleteThresholds thresholds)
    {
        var loaded = Take(log.Everything());
        var surplus = transaction.Count(sql.CountSurplus, log.Run.Parameters);
        if (thresholds.HoldReason(surplus, loaded.Upserted, loaded.Upserted + surplus) is { } reason)
            throw new DestinationSurplusException(log.Run.Integration, surplus, reason);
        transaction.Execute(sql.FindSurplus, log.Run.Parameters);
        Write(everything: true);
        return loaded with { Deleted = surplus, FullLoad = true };
    }

    /// <summary>Records that the destination is as far as the run.</summary>
    public void MoveWatermark() => transaction.Execute(
        """
        insert into sync_stream (organization_id, connected_integration_id, dataset, warehouse_id, last_seq, last_run_id, synced_at, last_change_id, history_seq)
        values ($org, $integration, $dataset, $warehouse, $seq, $run, $now, $last_change, $history)
        on conflict (organization_id, connected_integration_id, dataset) do update set warehouse_id = excluded.warehouse_id,
          last_seq = excluded.last_seq, last_run_id = excluded.last_run_id, synced_at = excluded.synced_at,
          last_change_id = excluded.last_change_id, history_seq = excluded.history_seq
        """,
        [.. log.Run.Parameters, ("$dataset", log.Dataset.Name), ("$warehouse", log.WarehouseId), ("$seq", log.Run.Seq), ("$now", now),
            ("$last_change", _lastChangeId), ("$history", options.History ? log.Run.Seq : null)]);

    private SyncSummary Take(IEnumerable<Change> changes)
    {
        transaction.Execute(sql.CreateIncoming);
        using var insert = transaction.Connection!.Command(sql.InsertIncoming);
        var key = insert.Parameters.Add("$external_id", SqliteType.Text);
        var id = insert.Parameters.Add("$id", SqliteType.Text);
        var deleted = insert.Parameters.Add("$deleted", SqliteType.Integer);
        var values = log.Dataset.Columns.Select((_, i) => insert.Parameters.Add($"$value{i}", SqliteType.Text)).ToArray();
        long rows = 0, deletes = 0;
        foreach (var change in changes)
        {
            (key.Value, id.Value, deleted.Value) = (change.ExternalId, change.Id, change.Deleted ? 1 : 0);
            for (var i = 0; i < values.Length; i++)
                values[i].Value = (object?)change.Values[i] ?? DBNull.Value;
            insert.ExecuteNonQuery();
            rows++;
            deletes += change.Deleted ? 1 : 0;
        }
        transaction.Execute(sql.FindChanged, log.Run.Parameters);
        return new SyncSummary(rows - deletes, deletes, 0, FullLoad: false);
    }

    private void Write(bool everything)
    {
        (string, object?)[] parameters = [.. log.Run.Parameters, ("$seq", log.Run.Seq), ("$now", now), ("$last_change", _lastChangeId)];
        transaction.Execute(sql.Remove, parameters);
        transaction.Execute(sql.Upsert, parameters);
        if (options.History)
        {
            _lastChangeId += transaction.Execute(sql.Tell, parameters);
            transaction.Execute(sql.CloseVersions(everything), parameters);
            transaction.Execute(sql.OpenVersions(everything), parameters);
        }
        transaction.Execute(SqliteDestinationSql.DropIncoming);
    }
}
