using System.Globalization;
using Elt.Pipelines.Changes;
using Elt.Pipelines.Datasets;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Quality;
using Elt.Pipelines.Staging;
using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Backfills;

/// <summary>What an attempt to merge has led to.</summary>
/// <param name="WaitsFor">The run that is not known to have ended; nothing was written. <see langword="null"/> after the merge.</param>
internal sealed record MergeOutcome(string? WaitsFor = null)
{
    public QualitySummary? Quality { get; init; }

    /// <summary><see langword="null"/> when the records were judged unfit.</summary>
    public DetectSummary? Detected { get; init; }

    public long Latest { get; init; }
}

/// <summary>
/// Backfills in the warehouse. One stages beside the runs without a number, so that neither fences the other. It gets its number in the one transaction that also
/// judges, compares and applies what it has staged: no run can come in between.
/// </summary>
internal sealed class BackfillRuns(Dataset dataset, WarehouseFile warehouse, DatasetStages stages, TimeProvider time)
{
    private const string OfIntegration = "organization_id = $org and connected_integration_id = $integration";
    private const string OfRun = $"{OfIntegration} and workflow_id = $run";

    private readonly DatasetSql _sql = new(dataset);

    /// <summary>The backfill of an integration that is under way, if that is its id: what may stage under it.</summary>
    public static PipelineRun? Find(SqliteTransaction transaction, IntegrationKey integration, string runId) =>
        Find(transaction.Connection!, integration, runId) is null ? null : Unnumbered(integration, runId);

    /// <summary>What the backfill of an integration reads that is under way; <see langword="null"/> when that is not its id.</summary>
    public static BackfillRange? Find(SqliteConnection connection, IntegrationKey integration, string runId)
    {
        using var command = connection.Command($"select range_from, range_to, asks_since from backfill_runs where {OfRun}", Unnumbered(integration, runId).Parameters);
        using var row = command.ExecuteReader();
        return row.Read() ? new BackfillRange(row.Time(0)!.Value, row.Time(1), row.GetBoolean(2)) : null;
    }

    /// <inheritdoc cref="Find(SqliteConnection, IntegrationKey, string)"/>
    public BackfillRange? Find(IntegrationKey integration, string runId)
    {
        using var connection = warehouse.Database.OpenRead();
        return Find(connection, integration, runId);
    }

    /// <summary>Makes the workflow the backfill of an integration that is under way, in the place of one that has ended.</summary>
    /// <param name="transaction">The transaction.</param>
    /// <param name="integration">The integration.</param>
    /// <param name="runId">The workflow.</param>
    /// <param name="range">What it reads.</param>
    /// <param name="ended">Id of a backfill that has ended.</param>
    /// <returns>The backfill that is under way: this one, or another that is in its way.</returns>
    /// <exception cref="RunStateException">The runs of the integration feed another dataset.</exception>
    public string Begin(SqliteTransaction transaction, IntegrationKey integration, string runId, BackfillRange range, string? ended)
    {
        PipelineRuns.EnsureFeeds(transaction, integration, dataset.Name);
        var run = Unnumbered(integration, runId);
        var holder = transaction.Query($"select workflow_id from backfill_runs where {OfIntegration}", row => row.GetString(0), run.Parameters).FirstOrDefault();
        if (holder is not null && holder != runId && holder != ended)
            return holder;
        if (holder is not null && holder == ended)
            Forget(transaction, integration, ended);
        transaction.Execute(
            """
            insert into backfill_runs (organization_id, connected_integration_id, workflow_id, dataset, range_from, range_to, asks_since, started_at)
            values ($org, $integration, $run, $dataset, $from, $to, $asks, $now) on conflict (organization_id, connected_integration_id) do nothing
            """,
            [.. run.Parameters, ("$dataset", dataset.Name), ("$from", Stored(range.From)), ("$to", range.To is { } to ? Stored(to) : null),
                ("$asks", range.AsksSince), ("$now", time.GetUtcNow().ToStored())]);
        return runId;
    }

    /// <summary>Makes the backfill the newest run and brings what it has staged into latest, unless a run is under way.</summary>
    /// <param name="transaction">The transaction.</param>
    /// <param name="integration">The integration.</param>
    /// <param name="runId">The backfill.</param>
    /// <param name="ended">Id of a run that has ended, whatever it has left.</param>
    /// <exception cref="IncompleteExtractException">It has not read its range to the end: nothing is merged.</exception>
    /// <exception cref="QualityGateException">Too many of its records cannot be taken: nothing is merged.</exception>
    public MergeOutcome Merge(SqliteTransaction transaction, IntegrationKey integration, string runId, string? ended)
    {
        var newest = PipelineRuns.FindNewest(transaction.Connection!, integration);
        // One that is applied may still be syncing, which a newer run that syncs would end as superseded.
        if (newest is not null && newest.RunId != ended)
            return new MergeOutcome(newest.RunId);
        var run = stages.Runs.Acquire(transaction, integration, runId, isBackfill: true);
        transaction.Execute($"delete from backfill_runs where {OfRun}", run.Parameters);
        var quality = stages.Quality.Check(transaction, integration, runId);
        return quality.Failure is not null
            ? new MergeOutcome { Quality = quality }
            : new MergeOutcome
            {
                Quality = quality,
                Detected = stages.Changes.Detect(transaction, integration, runId),
                Latest = stages.Latest.Apply(transaction, integration, runId).Latest,
            };
    }

    /// <summary>Deletes what a backfill has left that was not merged.</summary>
    public bool Forget(SqliteTransaction transaction, IntegrationKey integration, string runId)
    {
        var run = Unnumbered(integration, runId);
        if (transaction.Execute($"delete from backfill_runs where {OfRun}", run.Parameters) == 0)
            return false;
        transaction.Execute(_sql.DeleteStaged, run.Parameters);
        transaction.Execute(QualitySql.DeleteStaged, run.Parameters);
        transaction.Execute($"delete from extract_pages where {OfRun}", run.Parameters);
        return true;
    }

    private static PipelineRun Unnumbered(IntegrationKey integration, string runId) => new(integration, runId, PipelineRun.BackfillSeq) { IsBackfill = true };

    private static string Stored(DateTimeOffset time) => time.ToUniversalTime().ToString("O", CultureInfo.InvariantCulture);
}
