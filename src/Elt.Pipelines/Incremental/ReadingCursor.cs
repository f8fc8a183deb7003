using System.Globalization;
using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Incremental;

/// <summary>What the next run of an integration asks for changes by.</summary>
/// <param name="Source">Hash of connector and settings that it was read with.</param>
/// <param name="Value">A delta link, or when the latest record seen was changed.</param>
/// <param name="FullAt">When the last run began that read everything.</param>
internal sealed record ReadingCursor(string Source, string Value, DateTimeOffset FullAt)
{
    private const string OfIntegration = "organization_id = $org and connected_integration_id = $integration";

    /// <summary>The cursor of a run's integration, or <see langword="null"/>.</summary>
    public static ReadingCursor? Find(SqliteTransaction transaction, PipelineRun run) => transaction.Query(
        $"select source_sha256, cursor, full_at from reading_cursors where {OfIntegration}",
        row => new ReadingCursor(row.GetString(0), row.GetString(1), row.Time(2)!.Value), run.Parameters).FirstOrDefault();

    /// <summary>Why a run must read everything; <see langword="null"/> when the changes since the cursor are enough.</summary>
    public static string? WhyFull(SqliteTransaction transaction, PipelineRun run, ReadingCursor? cursor, string source, DateTimeOffset fullBefore)
    {
        if (cursor is null)
            return "nothing was read before";
        if (cursor.Source != source)
            return "the connector or the integration's settings have changed";
        if (cursor.FullAt <= fullBefore)
            return "it is time to look at everything again";
        return DeletesWait(transaction, run) ? "deletes wait for another look" : null;
    }

    /// <summary>
    /// Moves the cursor as far as a run has read, in the transaction that applies the run: the latest state and the cursor never disagree. The destination follows the
    /// latest state from a watermark of its own, so a crash between the two loses nothing.
    /// </summary>
    public static void Move(SqliteTransaction transaction, PipelineRun run, DatasetSql sql, string now)
    {
        if (RunReading.Find(transaction.Connection!, run) is not { } reading || Next(transaction, run, reading, sql) is not { } next)
            return;
        transaction.Execute(
            """
            insert into reading_cursors (organization_id, connected_integration_id, source_sha256, cursor, full_at, workflow_id, moved_at)
            values ($org, $integration, $source, $cursor, $begun, $run, $now)
            on conflict (organization_id, connected_integration_id) do update set source_sha256 = excluded.source_sha256, cursor = excluded.cursor,
              full_at = case when $full then excluded.full_at else full_at end, workflow_id = excluded.workflow_id, moved_at = excluded.moved_at
            """,
            [.. run.Parameters, ("$source", reading.Source), ("$cursor", next), ("$begun", reading.BegunAt.ToStored()), ("$full", reading.IsFull), ("$now", now)]);
    }

    // A hold counts until it is decided on and a run has looked again; the changes that led to it do not come a second time.
    private static bool DeletesWait(SqliteTransaction transaction, PipelineRun run) => transaction.Count(
        $"""
        select exists (select 1 from delete_holds where {OfIntegration} and state in ('open', 'approved'))
          or coalesce((
            select deletes_held + deletes_unconfirmed > 0 from pipeline_runs where {OfIntegration} and state = 'applied' and kind = 'run' order by run_seq desc limit 1), 0)
        """,
        run.Parameters) != 0;

    private static string? Next(SqliteTransaction transaction, PipelineRun run, RunReading reading, DatasetSql sql)
    {
        var link = transaction.Query(
            $"select delta_link from extract_pages where {OfIntegration} and workflow_id = $run and delta_link is not null order by page desc limit 1",
            row => row.GetString(0), run.Parameters).FirstOrDefault();
        if (link is not null || transaction.Query(sql.LastChanged, row => row.Text(0), run.Parameters)[0] is not { } changed)
            return link;
        // What was changed after the run began may have been changed behind a page that was read before, and a date in the future would hide all changes up to it.
        var greatest = Earlier(Time(changed), reading.BegunAt);
        if (reading.Cursor is { } from && greatest < Time(from))
            greatest = Time(from);
        return greatest.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'", CultureInfo.InvariantCulture);
    }

    private static DateTimeOffset Earlier(DateTimeOffset one, DateTimeOffset other) => one < other ? one : other;

    private static DateTimeOffset Time(string stored) => DateTimeOffset.Parse(stored, CultureInfo.InvariantCulture);
}
