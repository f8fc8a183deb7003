using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Elt.Durable.Ledger;
using Elt.Pipelines.Backfills;
using Elt.Pipelines.Contracts;
using Elt.Pipelines.Incremental;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Plans;
using Elt.Pipelines.Quality;
using Elt.Pipelines.Quality.Rules;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Staging;

/// <summary>
/// Puts pages into staging. A page is staged once per run, whole: the first attempt that commits wins, and every later one (a retry after a
/// lost answer, an executor that lost its run) gets what was staged and writes nothing.
/// </summary>
internal sealed class PageStaging(WarehouseFile warehouse, Dataset dataset, TimeProvider time)
{
    private const string OfRun = "organization_id = $org and connected_integration_id = $integration and workflow_id = $run";

    private readonly DatasetSql _sql = new(dataset);
    private readonly Quarantine _quarantine = new(dataset);

    /// <summary>The page if the run has staged it already, so that it need not be fetched again; else <see langword="null"/>.</summary>
    public StagedPage? Find(IntegrationKey integration, string runId, int page)
    {
        using var connection = warehouse.Database.OpenRead();
        return Find(connection, [.. new PipelineRun(integration, runId, Seq: 0).Parameters, ("$page", page)]);
    }

    /// <summary>Stages a page in one transaction.</summary>
    /// <param name="integration">Where the records come from.</param>
    /// <param name="runId">The run that stages them.</param>
    /// <param name="page">The page.</param>
    /// <param name="beforeCommit">Called as the last act of the transaction; what it throws rolls back.</param>
    /// <param name="ct">Ends the wait for the warehouse's writer.</param>
    /// <exception cref="StaleRunException">A newer run has acquired the integration.</exception>
    /// <exception cref="RunStateException">The run has begun again since the page was asked for.</exception>
    /// <exception cref="SourceException">Another page of the run has the same keys: the source pages in a circle.</exception>
    /// <exception cref="SchemaContractException">The contract freezes the form of records, and the page has another one.</exception>
    public async Task<StagedPage> StageAsync(IntegrationKey integration, string runId, SourcePage page, Action beforeCommit, CancellationToken ct)
    {
        // What needs no database is done before the one writer is waited for.
        var ids = new RecordId(integration);
        var rowIds = page.Records.Select(record => record.ExternalId is { } key ? ids.Of(key) : null).ToArray();
        var digest = page.KeysRepeat ? null : KeysDigest(page);
        return await warehouse.Database.WriteAsync(
            transaction =>
            {
                var run = PlanRuns.Find(transaction, integration, runId) ?? BackfillRuns.Find(transaction, integration, runId)
                    ?? PipelineRuns.EnsureNewest(transaction, integration, runId);
                RunReading.EnsurePass(transaction, run, page);
                if (Find(transaction.Connection!, [.. run.Parameters, ("$page", page.Page)]) is { } staged)
                    return staged;
                if (page.Breach is not null)
                {
                    FrozenRuns.Record(transaction, run, page, time.GetUtcNow().ToStored());
                    return null;
                }
                var rows = InsertRows(transaction, run, page, rowIds);
                var recorded = RecordPage(transaction, run, page, rows, digest);
                beforeCommit();
                return recorded;
            },
            ct).ConfigureAwait(false) ?? throw new SchemaContractException(FrozenRuns.Failure(integration, page));
    }

    /// <summary>What earlier runs have read of an integration: the same for all pages of a run.</summary>
    public KnownFields KnownFields(IntegrationKey integration)
    {
        using var connection = warehouse.Database.OpenRead();
        return Contracts.KnownFields.Of(connection, integration);
    }

    /// <summary>What a run has staged in all.</summary>
    public ExtractSummary Summarize(IntegrationKey integration, string runId)
    {
        using var connection = warehouse.Database.OpenRead();
        using var snapshot = connection.BeginTransaction(deferred: true);
        var run = new PipelineRun(integration, runId, Seq: 0);
        var completeness = Completeness.Of(snapshot, run);
        return new ExtractSummary(completeness.Pages, completeness.Rows, snapshot.Count(_sql.CountStagedKeys, run.Parameters), completeness.UnreadableKeys);
    }

    private int InsertRows(SqliteTransaction transaction, PipelineRun run, SourcePage page, string?[] ids)
    {
        var now = time.GetUtcNow().ToStored();
        using var insert = new SqliteStatement(transaction.Connection!, _sql.InsertStaged);
        foreach (var (name, value) in ((string, object?)[])[.. run.Parameters, ("$page", page.Page), ("$now", now)])
            insert.Bind(insert.Place(name), value);
        var (ordinal, id, externalId) = (insert.Place("$ordinal"), insert.Place("$id"), insert.Place("$external_id"));
        var (state, updatedAt) = (insert.Place("$state"), insert.Place("$updated_at"));
        var values = dataset.Columns.Select((_, i) => insert.Place($"$value{i}")).ToArray();
        var rows = 0;
        var keepsRaw = page.Connector?.Manifest.Quality.MayQuarantineLater == true;
        foreach (var (index, record) in page.Records.Index())
        {
            var isQuarantined = Quarantine.Takes(record);
            if (isQuarantined && !run.IsPlan)
                _quarantine.Add(transaction, run, page.Page, index, record, now);
            if (isQuarantined || record.State == RecordState.Present)
                InsertFailures(transaction, run, page.Page, index, record);
            if (record.ExternalId is null)
                continue;
            if (keepsRaw)
                InsertRaw(transaction, run, page.Page, index, record);
            rows++;
            insert.Bind(ordinal, index);
            insert.Bind(state, isQuarantined ? "quarantined" : record.State.ToString().ToLowerInvariant());
            insert.Bind(id, ids[index]);
            insert.Bind(externalId, record.ExternalId);
            insert.Bind(updatedAt, record.UpdatedAt is { } changed ? Sortable(changed) : null);
            for (var i = 0; i < values.Length; i++)
                insert.Bind(values[i], record.Values.Count > i ? record.Values[i] : null);
            insert.Execute();
        }
        return rows;
    }

    private static void InsertFailures(SqliteTransaction transaction, PipelineRun run, int page, int ordinal, SourceRecord record)
    {
        foreach (var (place, problem) in Quarantine.Problems(record).Index())
        {
            transaction.Execute(
                QualitySql.InsertFailure,
                [.. run.Parameters, ("$page", page), ("$ordinal", ordinal), ("$place", place), ("$external_id", record.ExternalId), ("$rule", problem.Rule),
                    ("$field", problem.Field), ("$kind", problem.Kind), ("$severity", problem.Severity.Name()), ("$action", problem.Action.Name()),
                    ("$message", problem.Message)]);
        }
    }

    private static void InsertRaw(SqliteTransaction transaction, PipelineRun run, int page, int ordinal, SourceRecord record) => transaction.Execute(
        "insert into staged_raw (organization_id, connected_integration_id, workflow_id, page, ordinal, raw) values ($org, $integration, $run, $page, $ordinal, $raw)",
        [.. run.Parameters, ("$page", page), ("$ordinal", ordinal), ("$raw", record.Raw)]);

    // All digits: records that were changed within one millisecond have an order too.
    private static string Sortable(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture);

    private StagedPage RecordPage(SqliteTransaction transaction, PipelineRun run, SourcePage page, int rows, string? digest)
    {
        EnsureNoOtherPageHasTheseKeys(transaction, run, page.Page, digest);
        EnsureNoOtherPageLeadsThere(transaction, run, page.Page, page.NextCursor);
        var unreadable = page.Records.Count - rows;
        transaction.Execute(
            """
            insert into extract_pages (organization_id, connected_integration_id, workflow_id, page, rows, unreadable_keys, is_last,
              total_pages, declared_total, keys_digest, next_cursor, absence, connector, delta_link, fields, dated, staged_at)
            values ($org, $integration, $run, $page, $rows, $unreadable, $is_last, $total_pages, $declared_total, $digest, $next_cursor, $absence, $connector, $delta_link, $fields,
              $dated, $now)
            """,
            [.. run.Parameters, ("$page", page.Page), ("$rows", rows), ("$unreadable", unreadable), ("$is_last", page.IsLast),
                ("$total_pages", page.TotalPages), ("$declared_total", page.DeclaredTotal), ("$digest", digest), ("$next_cursor", page.NextCursor),
                ("$absence", (int)page.Absence), ("$connector", page.Connector?.Hash), ("$delta_link", page.DeltaLink),
                ("$fields", Contracts.KnownFields.ToJson(page.NewFields)), ("$dated", page.Records.Count(record => record.UpdatedAt is not null)),
                ("$now", time.GetUtcNow().ToStored())]);
        return new StagedPage(page.Page, rows, unreadable, page.IsLast, page.TotalPages) { NextCursor = page.NextCursor };
    }

    private static void EnsureNoOtherPageHasTheseKeys(SqliteTransaction transaction, PipelineRun run, int page, string? digest)
    {
        var twins = transaction.Query(
            $"select page from extract_pages where {OfRun} and keys_digest = $digest limit 1", row => row.GetInt32(0),
            [.. run.Parameters, ("$digest", digest)]);
        if (twins.Count > 0)
        {
            throw new SourceException(
                SourceErrorClass.Data,
                $"pagination_loop: page {page} of {run.Integration} has the same keys as page {twins[0]}; "
                + "the source does not page on. Check its page parameters.");
        }
    }

    // A cursor that comes again leads through the same pages again, also when they are empty.
    private static void EnsureNoOtherPageLeadsThere(SqliteTransaction transaction, PipelineRun run, int page, string? nextCursor)
    {
        var twins = transaction.Query(
            $"select page from extract_pages where {OfRun} and next_cursor = $next limit 1", row => row.GetInt32(0),
            [.. run.Parameters, ("$next", nextCursor)]);
        if (twins.Count > 0)
        {
            throw new SourceException(
                SourceErrorClass.Data,
                $"pagination_loop: page {page} of {run.Integration} leads to the same next page as page {twins[0]}; the source pages in a circle.");
        }
    }

    // NULL for a page without rows: empty pages may look alike.
    private static string? KeysDigest(SourcePage page)
    {
        var keys = new StringBuilder(page.Records.Count * 16);
        foreach (var record in page.Records)
        {
            if (record.ExternalId is { } key)
                keys.Append(CultureInfo.InvariantCulture, $"{key.Length}:{key}");
        }
        return keys.Length == 0 ? null : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(keys.ToString())).AsSpan(0, 16));
    }

    private static StagedPage? Find(SqliteConnection connection, params ReadOnlySpan<(string, object?)> parameters)
    {
        using var command = connection.Command(
            $"select page, rows, unreadable_keys, is_last, total_pages, next_cursor from extract_pages where {OfRun} and page = $page", parameters);
        using var row = command.ExecuteReader();
        return row.Read()
            ? new StagedPage(row.GetInt32(0), row.GetInt32(1), row.GetInt32(2), row.GetBoolean(3), (int?)row.Number(4)) { NextCursor = row.Text(5) }
            : null;
    }
}
