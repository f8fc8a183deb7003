using Elt.Pipelines.Integrations;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Warehouse;

/// <summary>
/// Numbers the runs of each integration and refuses those that were superseded. A run acquires its integration once; every later
/// transaction of it first asks whether it is still the newest, in the same transaction, so an older run that wakes up late writes nothing.
/// </summary>
internal static class PipelineRuns
{
    /// <summary>Gives a run the next number of its integration; a run that has one keeps it.</summary>
    /// <exception cref="RunStateException">The runs of the integration feed another dataset.</exception>
    public static PipelineRun Acquire(SqliteTransaction transaction, IntegrationKey integration, string runId, string dataset, DateTimeOffset now, bool isBackfill = false)
    {
        EnsureFeeds(transaction, integration, dataset);
        transaction.Execute(
            """
            insert into pipeline_runs (organization_id, connected_integration_id, run_seq, workflow_id, state, acquired_at, dataset, kind)
            select $org, $integration, coalesce(max(run_seq), 0) + 1, $run, 'acquired', $now, $dataset, $kind
            from pipeline_runs where organization_id = $org and connected_integration_id = $integration
            on conflict (organization_id, connected_integration_id, workflow_id) do nothing
            """,
            [.. Parameters(integration, runId), ("$now", now.ToStored()), ("$dataset", dataset), ("$kind", isBackfill ? "backfill" : "run")]);
        return Find(transaction.Connection!, integration, runId)!;
    }

    /// <exception cref="RunStateException">The runs of an integration feed another dataset, which its records would be missing from.</exception>
    public static void EnsureFeeds(SqliteTransaction transaction, IntegrationKey integration, string dataset)
    {
        var fed = transaction.Query(
            "select dataset from pipeline_runs where organization_id = $org and connected_integration_id = $integration order by run_seq desc limit 1",
            row => row.GetString(0), Parameters(integration, null)).FirstOrDefault();
        if (fed is not null && fed != dataset)
        {
            throw new RunStateException(
                $"{integration} feeds the dataset '{fed}', and its connector maps to '{dataset}' now. Connect it under another id to feed '{dataset}'.");
        }
    }

    /// <summary>What a run, or the newest plan, of an integration feeds; <see langword="null"/> when there is no such run.</summary>
    public static string? FindDataset(SqliteConnection connection, IntegrationKey integration, string runId)
    {
        const string OfRun = "organization_id = $org and connected_integration_id = $integration and workflow_id = $run";
        using var command = connection.Command(
            $"""
            select dataset from pipeline_runs where {OfRun}
            union all select dataset from plan_runs where {OfRun}
            union all select dataset from backfill_runs where {OfRun}
            """, Parameters(integration, runId));
        return command.ExecuteScalar() as string;
    }

    /// <summary>The run of an id, after proof that it is its integration's newest.</summary>
    /// <exception cref="StaleRunException">It is not.</exception>
    /// <exception cref="RunStateException">It never acquired the integration.</exception>
    public static PipelineRun EnsureNewest(SqliteTransaction transaction, IntegrationKey integration, string runId)
    {
        var newest = FindNewest(transaction.Connection!, integration);
        if (newest?.RunId == runId)
            return newest;
        throw Find(transaction.Connection!, integration, runId) is null
            ? NotAcquired(integration, runId)
            : new StaleRunException(integration, runId, newest!.RunId);
    }

    /// <summary>There is no such run.</summary>
    public static RunStateException NotAcquired(IntegrationKey integration, string runId) =>
        new($"Run '{runId}' has not acquired {integration}, or was a plan that is over. Start extract-and-load or elt-pipeline first.");

    /// <summary>The newest run of an integration, or <see langword="null"/>.</summary>
    public static PipelineRun? FindNewest(SqliteConnection connection, IntegrationKey integration) => One(
        connection, integration,
        """
        select workflow_id, run_seq, kind from pipeline_runs
        where organization_id = $org and connected_integration_id = $integration
        order by run_seq desc limit 1
        """);

    /// <summary>The run of an id, or <see langword="null"/>.</summary>
    public static PipelineRun? Find(SqliteConnection connection, IntegrationKey integration, string runId) => One(
        connection, integration,
        """
        select workflow_id, run_seq, kind from pipeline_runs
        where organization_id = $org and connected_integration_id = $integration and workflow_id = $run
        """,
        runId);

    /// <summary>How far a run got: <c>acquired</c>, <c>detected</c> or <c>applied</c>.</summary>
    public static string StateOf(SqliteConnection connection, PipelineRun run)
    {
        using var command = connection.Command(
            """
            select state from pipeline_runs
            where organization_id = $org and connected_integration_id = $integration and workflow_id = $run
            """,
            run.Parameters);
        return (string)command.ExecuteScalar()!;
    }

    /// <summary>The spelling of a time in the warehouse: UTC, milliseconds, sortable.</summary>
    public static string ToStored(this DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", System.Globalization.CultureInfo.InvariantCulture);

    private static PipelineRun? One(SqliteConnection connection, IntegrationKey integration, string sql, string? runId = null)
    {
        using var command = connection.Command(sql, Parameters(integration, runId));
        using var reader = command.ExecuteReader();
        return reader.Read() ? new PipelineRun(integration, reader.GetString(0), reader.GetInt64(1)) { IsBackfill = reader.GetString(2) == "backfill" } : null;
    }

    private static (string Name, object? Value)[] Parameters(IntegrationKey integration, string? runId) =>
        [("$org", integration.OrganizationId), ("$integration", integration.ConnectedIntegrationId), ("$run", runId)];
}
