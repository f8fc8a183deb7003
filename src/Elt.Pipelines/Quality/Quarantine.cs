using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Quality;

/// <summary>
/// Keeps the records that cannot be taken, with all reasons, in the transaction that stages their page. They count as seen: bad data never deletes a
/// live record. A record leaves the quarantine when it comes without problems.
/// </summary>
internal sealed class Quarantine(Dataset dataset)
{
    private const string OfIntegration = "organization_id = $org and connected_integration_id = $integration";

    private const string OrReplace =
        """
        on conflict (organization_id, connected_integration_id, record_key) do update
          set workflow_id = excluded.workflow_id, page = excluded.page, ordinal = excluded.ordinal, raw = excluded.raw, reasons = excluded.reasons,
            state = 'open', last_seen_at = excluded.last_seen_at,
            runs = runs + (workflow_id <> excluded.workflow_id), replayed_by = null, replayed_at = null,
            discarded_by = case when state = 'open' and reasons = excluded.reasons then discarded_by end,
            discarded_at = case when state = 'open' and reasons = excluded.reasons then discarded_at end
        """;

    private static readonly RecordProblem NoKey = new("key", null, "Expected a key of at most 512 characters, found none that can be used.");

    /// <summary>JSON of the reasons.</summary>
    public static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly string _table = Dataset.Quote(dataset.Name + "_quarantine");

    /// <summary>Whether a record is put into quarantine.</summary>
    public static bool Takes(SourceRecord record) => record.ExternalId is null || (record.State == RecordState.Present && record.Problems.Any(problem => problem.Quarantines));

    /// <summary>
    /// Adds a record; one that is there already gets its present form and reasons. It stays discarded as long as the reasons are the same, and
    /// what was mapped since is done with: the source has spoken.
    /// </summary>
    public void Add(SqliteTransaction transaction, PipelineRun run, int page, int ordinal, SourceRecord record, string now) => transaction.Execute(
        $"""
        {Insert}
        values ($org, $integration, $key, $external_id, $run, $page, $ordinal, $raw, $reasons, 'open', 1, $now, $now)
        {OrReplace}
        """,
        [.. run.Parameters, ("$key", Key(run, page, ordinal, record)), ("$external_id", record.ExternalId), ("$page", page), ("$ordinal", ordinal),
            ("$raw", record.Raw), ("$reasons", Reasons(record)), ("$now", now)]);

    /// <summary>Adds, as <see cref="Add"/> does, the staged rows that fail a rule that needs all rows, each with all its failures.</summary>
    public void AddFailing(SqliteTransaction transaction, PipelineRun run, string now) => transaction.Execute(
        $"""
        {Insert}
        select $org, $integration, 'id:' || f.external_id, f.external_id, $run, f.page, f.ordinal, r.raw, (
            select json_group_array(json_object('rule', rule, 'field', field, 'message', message))
            from (
              select rule, field, message from quality_failures a
              where {OfIntegration} and workflow_id = $run and a.page = f.page and a.ordinal = f.ordinal order by place)),
          'open', 1, $now, $now
        from (
          select distinct page, ordinal, external_id from quality_failures
          where {OfIntegration} and workflow_id = $run and place >= {QualitySql.FirstPlace} and action in ('quarantine', 'fail_run')) f
        left join staged_raw r on r.organization_id = $org and r.connected_integration_id = $integration and r.workflow_id = $run
          and r.page = f.page and r.ordinal = f.ordinal
        where true
        {OrReplace}
        """,
        [.. run.Parameters, ("$now", now)]);

    /// <summary>Resolves, after a complete extract, what the run has seen without problems, and forgets records without key that earlier runs had.</summary>
    /// <param name="transaction">The transaction.</param>
    /// <param name="run">The run.</param>
    /// <param name="onlySeen">Whether what the run has not seen is left as it is, because it has read only changes.</param>
    public void Resolve(SqliteTransaction transaction, PipelineRun run, bool onlySeen)
    {
        transaction.Execute(
            $"""
            update {_table} set state = 'resolved'
            where {OfIntegration} and state = 'open' and workflow_id <> $run and external_id not in (select external_id from temp.seen where state = 'quarantined')
              and (not $only_seen or external_id in (select external_id from temp.seen))
            """,
            [.. run.Parameters, ("$only_seen", onlySeen)]);
        if (!onlySeen)
            transaction.Execute($"delete from {_table} where {OfIntegration} and external_id is null and workflow_id <> $run", run.Parameters);
    }

    private string Insert =>
        $"insert into {_table} (organization_id, connected_integration_id, record_key, external_id, workflow_id, page, ordinal, raw, reasons, state, runs, first_seen_at, last_seen_at)";

    /// <summary>Lets what a run has added count as an earlier run's, because the run begins again.</summary>
    public void BeginAgain(SqliteTransaction transaction, PipelineRun run) => transaction.Execute(
        $"update {_table} set workflow_id = $run || ' (first pass)' where {OfIntegration} and workflow_id = $run", run.Parameters);

    private static string Key(PipelineRun run, int page, int ordinal, SourceRecord record) => record.ExternalId is { } id
        ? $"id:{id}"
        : string.Create(CultureInfo.InvariantCulture, $"at:{run.RunId}/{page}/{ordinal}");

    /// <summary>All reasons of a record that is taken into quarantine, as they are kept.</summary>
    public static string Reasons(SourceRecord record) =>
        JsonSerializer.Serialize(Problems(record), Json);

    /// <summary>All that is wrong with a record.</summary>
    public static IEnumerable<RecordProblem> Problems(SourceRecord record) => record.ExternalId is null ? record.Problems.Prepend(NoKey) : record.Problems;
}
