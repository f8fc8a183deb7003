using System.Text;
using System.Text.Json;
using Elt.Pipelines.Contracts;
using Elt.Pipelines.Datasets;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Quality;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Reviews;

/// <summary>The quarantine, for a person to look at and decide. Whatever is decided, its records count as seen: none is deleted for being there.</summary>
public sealed class QuarantineReviews
{
    private const string OfRecord = "organization_id = $org and connected_integration_id = $integration and record_key = $key";

    private const string Columns =
        """
        organization_id, connected_integration_id, record_key, workflow_id, page, ordinal, reasons, runs, first_seen_at, last_seen_at,
          case when state <> 'open' then state when discarded_at is not null then 'discarded' when replayed_at is not null then 'replayed' else 'open' end as state,
          coalesce(discarded_by, replayed_by), coalesce(discarded_at, replayed_at)
        """;

    private static readonly string[] Undone = ["open", "replayed"];

    private readonly DatasetLibrary _datasets;
    private readonly WarehouseFile _warehouse;
    private readonly IIntegrationStore _integrations;
    private readonly ConnectorLibrary _connectors;
    private readonly TimeProvider _time;

    internal QuarantineReviews(
        DatasetLibrary datasets, WarehouseFile warehouse, IIntegrationStore integrations, ConnectorLibrary connectors, TimeProvider time) =>
        (_datasets, _warehouse, _integrations, _connectors, _time) = (datasets, warehouse, integrations, connectors, time);

    /// <summary>Lists records without their content; without a state in the filter those that are open or replayed.</summary>
    /// <param name="filter">Which.</param>
    /// <exception cref="FormatException">The filter's cursor is none.</exception>
    public ReviewPage<QuarantinedRecord> List(ReviewFilter filter)
    {
        ArgumentNullException.ThrowIfNull(filter);
        var after = filter.After(parts: 3);
        using var connection = _warehouse.Database.OpenRead();
        using var snapshot = connection.BeginTransaction(deferred: true);
        var read = snapshot.Query(
            $"""
            select * from ({FromEach(
                Columns,
                """
                ($org is null or organization_id = $org) and ($integration is null or connected_integration_id = $integration)
                  and ($after is null or (organization_id, connected_integration_id, record_key) > ($after, $after_integration, $after_key))
                """)})
            where state in (select value from json_each($states))
            order by organization_id, connected_integration_id, record_key limit $limit
            """,
            row => Read(row, raw: null),
            [.. filter.Parameters(Undone), ("$after", after[0]), ("$after_integration", after[1]), ("$after_key", after[2])]);
        return ReviewPage<QuarantinedRecord>.Of(read, filter.Limit, record => [record.OrganizationId, record.ConnectedIntegrationId, record.Key]);
    }

    /// <summary>One record as it came, with all reasons.</summary>
    /// <param name="integration">The integration.</param>
    /// <param name="key">The record's key in the quarantine.</param>
    /// <exception cref="ReviewNotFoundException">It is not in quarantine.</exception>
    public QuarantinedRecord Get(IntegrationKey integration, string key)
    {
        using var connection = _warehouse.Database.OpenRead();
        using var snapshot = connection.BeginTransaction(deferred: true);
        return Get(snapshot, integration, key);
    }

    /// <summary>Takes a record off the list, until it comes with other reasons. A discarded record is not taken, and its user stays as it is.</summary>
    /// <param name="integration">The integration.</param>
    /// <param name="key">The record's key in the quarantine.</param>
    /// <param name="by">Who decides; 1 to 200 characters.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>The discarded record.</returns>
    /// <exception cref="ReviewNotFoundException">It is not in quarantine.</exception>
    /// <exception cref="ReviewConflictException">It is resolved or discarded already.</exception>
    public Task<QuarantinedRecord> DiscardAsync(IntegrationKey integration, string key, string by, CancellationToken ct = default) =>
        _warehouse.Database.WriteAsync(
            transaction =>
            {
                var record = Get(transaction, integration, key);
                EnsureUndone(record);
                transaction.Execute(
                    $"update {Table(record.Dataset)} set discarded_by = $by, discarded_at = $now where {OfRecord}",
                    [.. Parameters(integration, key), ("$by", by), ("$now", _time.GetUtcNow().ToStored())]);
                return Get(transaction, integration, key);
            },
            ct);

    /// <summary>Discards all records that are open, as <see cref="DiscardAsync"/> does each of them, in one transaction.</summary>
    /// <param name="decision">Who decides, and on what; its note is not kept.</param>
    /// <param name="rule">Only records with a reason of this rule. Default all.</param>
    /// <param name="ct">Cancels.</param>
    public Task<BulkOutcome> DiscardAllAsync(BulkDecision decision, string? rule = null, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(decision);
        const string Wanted =
            """
            state = 'open' and discarded_at is null and replayed_at is null
              and ($org is null or organization_id = $org) and ($integration is null or connected_integration_id = $integration)
              and ($rule is null or exists (select 1 from json_each(reasons) r where json_extract(r.value, '$.rule') = $rule))
            """;
        (string, object?)[] parameters = [.. decision.Parameters(_time.GetUtcNow().ToStored()), ("$rule", rule)];
        return _warehouse.Database.WriteAsync(
            transaction =>
            {
                var records = _datasets.All.Select(dataset => Table(dataset.Name)).Sum(table => decision.DryRun
                    ? transaction.Count($"select count(*) from {table} where {Wanted}", parameters)
                    : transaction.Execute($"update {table} set discarded_by = $by, discarded_at = $now where {Wanted}", parameters));
                return new BulkOutcome(records, records);
            },
            ct);
    }

    /// <summary>
    /// Maps a record anew, as the integration's connector is now, and keeps the reasons that are left. Without any the record is <c>replayed</c>: the next
    /// run, which reads it from the source again, takes it; what lies in quarantine may be older than what the source has, and is not applied itself.
    /// </summary>
    /// <inheritdoc cref="DiscardAsync"/>
    /// <returns>The record, <c>replayed</c>, or <c>open</c> with the reasons that it has now.</returns>
    /// <exception cref="IntegrationNotFoundException">The integration is not connected any more.</exception>
    /// <exception cref="ReviewConflictException">It is resolved or discarded, was too large to keep, or is no JSON.</exception>
    public async Task<QuarantinedRecord> ReplayAsync(IntegrationKey integration, string key, string by, CancellationToken ct = default)
    {
        var manifest = Connector(await _integrations.GetAsync(integration, ct).ConfigureAwait(false)).Manifest;
        return await _warehouse.Database.WriteAsync(
            transaction =>
            {
                var record = Get(transaction, integration, key);
                EnsureUndone(record);
                if (record.Dataset != manifest.Dataset)
                    throw new ReviewConflictException($"'{record.Key}' is one of {record.Dataset}, and the connector maps to {manifest.Dataset} now. Nothing was changed.");
                var known = KnownFields.Of(transaction.Connection!, integration);
                var mapped = new RecordMapper(manifest, _datasets.Get(manifest.Dataset), known).Map(Content(record));
                var isTaken = !Quarantine.Takes(mapped);
                transaction.Execute(
                    $"update {Table(record.Dataset)} set reasons = coalesce($reasons, reasons), replayed_by = $by, replayed_at = $now where {OfRecord}",
                    [.. Parameters(integration, key), ("$reasons", isTaken ? null : Quarantine.Reasons(mapped)),
                        ("$by", isTaken ? by : null), ("$now", isTaken ? _time.GetUtcNow().ToStored() : null)]);
                return Get(transaction, integration, key);
            },
            ct).ConfigureAwait(false);
    }

    private Connector Connector(ConnectedIntegration integration)
    {
        try
        {
            return _connectors.Of(integration);
        }
        catch (SourceException e)
        {
            throw new ReviewConflictException($"The connector of {integration.Key} cannot be used: {e.Message}");
        }
    }

    private static JsonElement Content(QuarantinedRecord record)
    {
        if (record.Raw is null)
            throw new ReviewConflictException($"'{record.Key}' was too large to be kept: it cannot be mapped anew here. The next run reads it again.");
        try
        {
            var json = JsonElement.Parse(StorableJson.Repair(Encoding.UTF8.GetBytes(record.Raw)).Span);
            if (json.ValueKind == JsonValueKind.Object)
                return json;
        }
        catch (JsonException)
        {
            // Told below: the line of a file, for instance.
        }
        throw new ReviewConflictException($"'{record.Key}' did not come as JSON: it cannot be mapped anew here. The next run reads it again.");
    }

    private static void EnsureUndone(QuarantinedRecord record)
    {
        if (record.State == "discarded")
            throw new ReviewConflictException($"'{record.Key}' was discarded by {record.DecidedBy} at {record.DecidedAt:u}. Nothing was changed.");
        if (record.State == "resolved")
            throw new ReviewConflictException($"'{record.Key}' is resolved: a run has read it without problems, or not at all. Nothing was changed.");
    }

    private QuarantinedRecord Get(SqliteTransaction transaction, IntegrationKey integration, string key) =>
        transaction.Query(FromEach($"{Columns}, raw", OfRecord), row => Read(row, row.Text(14)), Parameters(integration, key)).FirstOrDefault()
        ?? throw new ReviewNotFoundException($"{integration} has no record '{key}' in quarantine. 'elt quarantine list' shows those there are.");

    // An integration feeds one dataset: its records are in one of the tables.
    private string FromEach(string columns, string rows) => string.Join(
        " union all ", _datasets.All.Select(dataset => $"select '{dataset.Name}' as dataset, {columns} from {Table(dataset.Name)} where {rows}"));

    private static string Table(string dataset) => Dataset.Quote(dataset + "_quarantine");

    private static (string, object?)[] Parameters(IntegrationKey integration, string key) =>
        [("$org", integration.OrganizationId), ("$integration", integration.ConnectedIntegrationId), ("$key", key)];

    private static QuarantinedRecord Read(SqliteDataReader row, string? raw) => new(
        row.GetString(1), row.GetString(2), row.GetString(3), row.GetString(4), row.GetInt32(5), row.GetInt32(6),
        JsonSerializer.Deserialize<QuarantineReason[]>(row.GetString(7), Quarantine.Json)!, row.GetInt32(8), row.Time(9)!.Value, row.Time(10)!.Value)
    {
        Dataset = row.GetString(0),
        State = row.GetString(11),
        DecidedBy = row.Text(12),
        DecidedAt = row.Time(13),
        Raw = raw,
    };
}
