using Elt.Pipelines.Changes;
using Npgsql;
using NpgsqlTypes;

namespace Elt.Pipelines.Destinations;

/// <summary>One sync of one integration into Postgres, in a transaction.</summary>
internal sealed class PostgresSync(NpgsqlTransaction transaction, PostgresDatasetSql sql, DestinationOptions options, ChangeLog log)
{
    private Watermark _watermark = null!;
    private long _lastChangeId;

    /// <summary>Locks the stream until the transaction ends, so that syncs of one integration follow one another, and tells its watermark.</summary>
    public async Task<Watermark> LockStreamAsync(CancellationToken ct)
    {
        await ExecuteAsync(
            $"""
            insert into elt.sync_stream (organization_id, connected_integration_id, dataset, last_seq, history_seq, last_change_id)
            select $1, $2, $3, 0, 0, coalesce(max(change_id), 0) from {sql.Changes}
            where organization_id = $1 and connected_integration_id = $2
            on conflict do nothing
            """,
            ct, sql.DatasetName).ConfigureAwait(false);
        await using var command = Command(
            """
            select warehouse_id, last_seq, last_run_id, last_change_id, history_seq from elt.sync_stream
            where organization_id = $1 and connected_integration_id = $2 and dataset = $3 for update
            """,
            sql.DatasetName);
        await using var row = await command.ExecuteReaderAsync(ct).ConfigureAwait(false);
        await row.ReadAsync(ct).ConfigureAwait(false);
        _lastChangeId = row.GetInt64(3);
        return _watermark = new Watermark(row.IsDBNull(0) ? null : row.GetString(0), row.GetInt64(1), row.IsDBNull(2) ? null : row.GetString(2))
        {
            HistorySeq = row.IsDBNull(4) ? null : row.GetInt64(4),
        };
    }

    /// <summary>Ships changes, by arrays when they are few and by COPY when they are many; never holds more of them than the few.</summary>
    public async Task<SyncSummary> ShipAsync(IEnumerable<Change> changes, CancellationToken ct)
    {
        using var rest = changes.GetEnumerator();
        var first = new List<Change>();
        while (first.Count <= PostgresDestination.ArrayLimit && rest.MoveNext())
            first.Add(rest.Current);
        var deleted = first.Count(change => change.Deleted);
        if (first.Count <= PostgresDestination.ArrayLimit)
        {
            if (first.Count > 0)
                await MergeArraysAsync(first, ct).ConfigureAwait(false);
            await FollowAsync(sql.History.FollowKeys, ct, first.ConvertAll(change => change.ExternalId)).ConfigureAwait(false);
            return new SyncSummary(first.Count - deleted, deleted, 0, FullLoad: false);
        }
        var all = first.Concat(Remaining(rest));
        var isFirst = await IsFirstAsync(ct).ConfigureAwait(false);
        var shipped = isFirst ? await CopyIntoAsync(all, ct).ConfigureAwait(false) : await MergeCopiedAsync(all, ct).ConfigureAwait(false);
        await FollowAsync(isFirst ? sql.History.FollowEverything : sql.History.FollowIncoming, ct).ConfigureAwait(false);
        return shipped;
    }

    /// <summary>Loads everything and deletes what the latest state does not have.</summary>
    public async Task<SyncSummary> LoadAsync(DeleteThresholds thresholds, CancellationToken ct)
    {
        if (await IsFirstAsync(ct).ConfigureAwait(false))
        {
            var copied = await CopyIntoAsync(log.Everything(), ct).ConfigureAwait(false);
            await FollowAsync(sql.History.FollowEverything, ct).ConfigureAwait(false);
            return copied with { FullLoad = true };
        }
        var loaded = await MergeCopiedAsync(log.Everything(), ct).ConfigureAwait(false);
        var surplus = await ScalarAsync<long>(sql.CountSurplus, ct).ConfigureAwait(false);
        if (thresholds.HoldReason(surplus, loaded.Upserted, loaded.Upserted + surplus) is { } reason)
            throw new DestinationSurplusException(log.Run.Integration, surplus, reason);
        if (surplus > 0)
            await WriteAsync(sql.DeleteSurplus, [], ct).ConfigureAwait(false);
        await FollowAsync(sql.History.FollowEverything, ct).ConfigureAwait(false);
        return loaded with { Deleted = surplus, FullLoad = true };
    }

    /// <summary>Records that the destination is as far as the run.</summary>
    public Task MoveWatermarkAsync(CancellationToken ct) => ExecuteAsync(
        """
        update elt.sync_stream set warehouse_id = $4, last_seq = $5, last_run_id = $6, synced_at = now(), last_change_id = $7,
          history_seq = case when $8 then $5 end
        where organization_id = $1 and connected_integration_id = $2 and dataset = $3
        """,
        ct, sql.DatasetName, log.WarehouseId, log.Run.Seq, log.Run.RunId, _lastChangeId, options.History);

    /// <summary>Rows of the integration.</summary>
    public Task<long> CountAsync(CancellationToken ct) => ScalarAsync<long>(sql.Count, ct);

    private async Task MergeArraysAsync(List<Change> changes, CancellationToken ct)
    {
        List<NpgsqlParameter> arrays =
        [
            new() { Value = changes.ConvertAll(change => change.ExternalId) },
            new() { Value = changes.ConvertAll(change => Guid.Parse(change.Id)) },
            new() { Value = changes.ConvertAll(change => change.Deleted) },
        ];
        for (var i = 0; i < sql.Types.Count; i++)
        {
            var column = i;
            arrays.Add(new() { Value = changes.ConvertAll(change => change.Values[column]), NpgsqlDbType = NpgsqlDbType.Array | sql.Types[i] });
        }
        await WriteAsync(sql.MergeArrays, arrays, ct).ConfigureAwait(false);
    }

    /// <summary>Writes rows, and tells of them in the outbox.</summary>
    private async Task WriteAsync(string statement, List<NpgsqlParameter> further, CancellationToken ct)
    {
        await using var command = Command(statement, log.Run.Seq, _lastChangeId, log.Run.RunId);
        command.Parameters.AddRange(further.ToArray());
        var told = await command.ExecuteNonQueryAsync(ct).ConfigureAwait(false);
        _lastChangeId += options.History ? told : 0;
    }

    /// <summary>Brings the history in step with the rows of a scope, or with all of them when it did not follow the last sync.</summary>
    private async Task FollowAsync((string Close, string Open) scope, CancellationToken ct, List<string>? keys = null)
    {
        if (!options.History)
            return;
        if (_watermark.HistorySeq != _watermark.LastSeq)
        {
            (scope, keys) = (sql.History.FollowEverything, null);
            await PlanForManyAsync(ct).ConfigureAwait(false);
        }
        foreach (var statement in new[] { scope.Close, scope.Open })
        {
            await using var command = Command(statement, log.Run.RunId);
            if (keys is not null)
                command.Parameters.Add(new() { Value = keys });
            await command.ExecuteNonQueryAsync(ct).ConfigureAwait(false);
        }
    }

    /// <summary>Whether nothing needs to be compared: the stream is locked, so that nobody else writes rows of the integration.</summary>
    private async Task<bool> IsFirstAsync(CancellationToken ct) => sql.CanCopyInto && !await ScalarAsync<bool>(sql.Any, ct).ConfigureAwait(false);

    /// <summary>Ships changes to an integration that has no row yet: nothing is looked up, and what is gone was never here.</summary>
    private async Task<SyncSummary> CopyIntoAsync(IEnumerable<Change> changes, CancellationToken ct)
    {
        long rows = 0, deleted = 0;
        await using (var copy = await transaction.Connection!.BeginBinaryImportAsync(sql.CopyInto, ct).ConfigureAwait(false))
        {
            foreach (var change in changes)
            {
                if (change.Deleted)
                {
                    deleted++;
                    continue;
                }
                rows++;
                await copy.StartRowAsync(ct).ConfigureAwait(false);
                await copy.WriteAsync(log.Run.Integration.OrganizationId, NpgsqlDbType.Text, ct).ConfigureAwait(false);
                await copy.WriteAsync(log.Run.Integration.ConnectedIntegrationId, NpgsqlDbType.Text, ct).ConfigureAwait(false);
                await copy.WriteAsync(log.Run.Seq, NpgsqlDbType.Bigint, ct).ConfigureAwait(false);
                await WriteAsync(copy, change, ct).ConfigureAwait(false);
            }
            await copy.CompleteAsync(ct).ConfigureAwait(false);
        }
        await PlanForManyAsync(ct).ConfigureAwait(false);
        if (options.History)
            await WriteAsync(sql.TellEverything, [], ct).ConfigureAwait(false);
        return new SyncSummary(rows, deleted, 0, FullLoad: false);
    }

    private async Task<SyncSummary> MergeCopiedAsync(IEnumerable<Change> changes, CancellationToken ct)
    {
        await using (var create = new NpgsqlCommand(sql.CreateIncoming, transaction.Connection, transaction))
            await create.ExecuteNonQueryAsync(ct).ConfigureAwait(false);
        long rows = 0, deleted = 0;
        await using (var copy = await transaction.Connection!.BeginBinaryImportAsync(sql.CopyIncoming, ct).ConfigureAwait(false))
        {
            foreach (var change in changes)
            {
                rows++;
                deleted += change.Deleted ? 1 : 0;
                await copy.StartRowAsync(ct).ConfigureAwait(false);
                await copy.WriteAsync(change.Deleted, NpgsqlDbType.Boolean, ct).ConfigureAwait(false);
                await WriteAsync(copy, change, ct).ConfigureAwait(false);
            }
            await copy.CompleteAsync(ct).ConfigureAwait(false);
        }
        await using (var analyze = new NpgsqlCommand(sql.AnalyzeIncoming, transaction.Connection, transaction))
            await analyze.ExecuteNonQueryAsync(ct).ConfigureAwait(false);
        await PlanForManyAsync(ct).ConfigureAwait(false);
        await WriteAsync(sql.MergeIncoming, [], ct).ConfigureAwait(false);
        return new SyncSummary(rows - deleted, deleted, 0, FullLoad: false);
    }

    /// <summary>Nobody has counted the rows that this transaction wrote: a nested loop over what looks empty takes hours.</summary>
    private async Task PlanForManyAsync(CancellationToken ct)
    {
        await using var plan = new NpgsqlCommand("set local enable_nestloop = off", transaction.Connection, transaction);
        await plan.ExecuteNonQueryAsync(ct).ConfigureAwait(false);
    }

    private async Task WriteAsync(NpgsqlBinaryImporter copy, Change change, CancellationToken ct)
    {
        await copy.WriteAsync(change.ExternalId, NpgsqlDbType.Text, ct).ConfigureAwait(false);
        await copy.WriteAsync(Guid.Parse(change.Id), NpgsqlDbType.Uuid, ct).ConfigureAwait(false);
        for (var i = 0; i < sql.Types.Count; i++)
        {
            if (change.Values[i] is { } value)
                await copy.WriteAsync(value, sql.Types[i], ct).ConfigureAwait(false);
            else
                await copy.WriteNullAsync(ct).ConfigureAwait(false);
        }
    }

    private static IEnumerable<Change> Remaining(IEnumerator<Change> changes)
    {
        while (changes.MoveNext())
            yield return changes.Current;
    }

    private async Task ExecuteAsync(string statement, CancellationToken ct, params object[] values)
    {
        await using var command = Command(statement, values);
        await command.ExecuteNonQueryAsync(ct).ConfigureAwait(false);
    }

    private async Task<T> ScalarAsync<T>(string statement, CancellationToken ct)
    {
        await using var command = Command(statement);
        return (T)(await command.ExecuteScalarAsync(ct).ConfigureAwait(false))!;
    }

    private NpgsqlCommand Command(string statement, params object[] values)
    {
        // A merge takes as long as it takes; it ends with its step.
        var command = new NpgsqlCommand(statement, transaction.Connection, transaction)
        {
            CommandTimeout = 0,
            Parameters = { new() { Value = log.Run.Integration.OrganizationId }, new() { Value = log.Run.Integration.ConnectedIntegrationId } },
        };
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        return command;
    }
}
