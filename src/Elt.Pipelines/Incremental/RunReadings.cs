using System.Security.Cryptography;
using System.Text;
using Elt.Pipelines.Backfills;
using Elt.Pipelines.Extract;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Plans;
using Elt.Pipelines.Quality;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Incremental;

/// <summary>
/// Decides what each run reads and keeps it in the warehouse: pinned at its start, so that a run that goes on after a crash asks for the same changes. What changes
/// are asked for by stays here: delta links hold tokens, which journal, logs and answers must not.
/// </summary>
internal sealed class RunReadings(WarehouseFile warehouse, PinnedConnectors connectors, Dataset dataset, TimeProvider time)
{
    private const string OfIntegration = "organization_id = $org and connected_integration_id = $integration";
    private const string OfRun = $"{OfIntegration} and workflow_id = $run";

    private readonly DatasetSql _sql = new(dataset);
    private readonly Quarantine _quarantine = new(dataset);

    /// <summary>Decides what a run reads, once: asked again it gives the first answer.</summary>
    /// <param name="integration">Where from.</param>
    /// <param name="connector">SHA-256 of the connector that the run is pinned to.</param>
    /// <param name="runId">The run, which has acquired the integration, or a plan.</param>
    /// <param name="full">Whether everything was asked for.</param>
    /// <param name="ct">Ends the wait for the warehouse's writer.</param>
    public async Task<ReadingChoice> PinAsync(ConnectedIntegration integration, string connector, string runId, bool full, CancellationToken ct)
    {
        if (!integration.ProviderData.Incremental || connectors.Find(connector).Manifest.Incremental is not ChangesRule rule)
            return new ReadingChoice(ReadingChoice.Full);
        return await warehouse.Database.WriteAsync(
            transaction =>
            {
                // What a backfill reads is its own range, which no cursor follows.
                if (BackfillRuns.Find(transaction, integration.Key, runId) is not null)
                    return new ReadingChoice(ReadingChoice.Full);
                var run = PlanRuns.Find(transaction, integration.Key, runId) ?? PipelineRuns.EnsureNewest(transaction, integration.Key, runId);
                return (RunReading.Find(transaction.Connection!, run) ?? Pin(transaction, run, SourceHash(integration, connector), rule, full)).Choice;
            },
            ct).ConfigureAwait(false);
    }

    /// <summary>What a run reads; <see langword="null"/> for the plain list.</summary>
    public RunReading? Find(IntegrationKey integration, string runId)
    {
        using var connection = warehouse.Database.OpenRead();
        return RunReading.Find(connection, new PipelineRun(integration, runId, Seq: 0));
    }

    /// <summary>
    /// Lets a run read everything after all, since its source has forgotten what has changed: what it has staged is deleted, and pages of its first pass that come
    /// late are refused. Asked again it changes nothing.
    /// </summary>
    public Task<ReadingChoice> BeginAgainAsync(IntegrationKey integration, string runId, CancellationToken ct) => warehouse.Database.WriteAsync(
        transaction =>
        {
            var run = PipelineRuns.EnsureNewest(transaction, integration, runId);
            var begun = transaction.Execute(
                $"update run_readings set mode = 'full', reason = $reason, pass = 1, cursor = null, begun_at = $now where {OfRun} and pass = 0",
                [.. run.Parameters, ("$reason", "the source did not keep the changes any more"), ("$now", time.GetUtcNow().ToStored())]);
            if (begun > 0)
            {
                transaction.Execute(_sql.DeleteStaged, run.Parameters);
                transaction.Execute(QualitySql.DeleteStaged, run.Parameters);
                transaction.Execute($"delete from extract_pages where {OfRun}", run.Parameters);
                _quarantine.BeginAgain(transaction, run);
            }
            return RunReading.Find(transaction.Connection!, run)!.Choice;
        },
        ct);

    private RunReading Pin(SqliteTransaction transaction, PipelineRun run, string source, ChangesRule rule, bool full)
    {
        var now = time.GetUtcNow();
        var cursor = ReadingCursor.Find(transaction, run);
        var reason = full ? "it was asked for"
            : run.IsPlan ? "it is a plan"
            : ReadingCursor.WhyFull(transaction, run, cursor, source, now - rule.FullAfter);
        // Earlier runs are fenced: they ask for nothing any more.
        if (!run.IsPlan)
            transaction.Execute($"update run_readings set cursor = null where {OfIntegration} and cursor is not null", run.Parameters);
        transaction.Execute(
            """
            insert into run_readings (organization_id, connected_integration_id, workflow_id, mode, reason, source_sha256, cursor, begun_at)
            values ($org, $integration, $run, $mode, $reason, $source, $cursor, $now)
            """,
            [.. run.Parameters, ("$mode", reason is null ? ReadingChoice.Incremental : ReadingChoice.Full), ("$reason", reason), ("$source", source),
                ("$cursor", reason is null ? cursor!.Value : null), ("$now", now.ToStored())]);
        return RunReading.Find(transaction.Connection!, run)!;
    }

    // Changes that one list gave say nothing of another one. Name and page size do not change which list it is.
    private static string SourceHash(ConnectedIntegration integration, string connector)
    {
        var settings = (integration.ProviderData with { PermissionSourceName = "any", PageSize = 1 }).ToJson();
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{connector}\n{settings}")));
    }
}
