using Elt.Pipelines.Integrations;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Changes;

/// <summary>
/// The missing records of a run that its source is asked for one by one, in the table <c>record_confirmations</c>. A run chooses them once. The first one is
/// none of them, but a record that the run has just read: if that is not found, the address is wrong, and nothing is proven by what is not found there.
/// </summary>
internal static class Confirmations
{
    private const string OfRun = "organization_id = $org and connected_integration_id = $integration and workflow_id = $run";

    /// <summary>Forgets what a run has asked for.</summary>
    public const string Delete = $"delete from record_confirmations where {OfRun}";

    /// <summary>Chooses the records to ask for, while the run's table of seen keys is there.</summary>
    public static void Choose(SqliteTransaction transaction, DatasetSql sql, PipelineRun run, ByIdConfirm rule)
    {
        if (transaction.Count($"select count(*) from record_confirmations where {OfRun}", run.Parameters) > 0)
            return;
        if (transaction.Execute(sql.ChooseMissing, [.. run.Parameters, ("$max", rule.Max)]) > 0 && transaction.Execute(DatasetSql.ChooseSeen, run.Parameters) == 0)
            transaction.Execute(Delete, run.Parameters);
    }

    /// <summary>Records that are still to be asked for, the one that is known to be there included.</summary>
    public static int CountOpen(SqliteTransaction transaction, PipelineRun run) =>
        (int)transaction.Count($"select count(*) from record_confirmations where {OfRun} and answer is null", run.Parameters);

    /// <summary>The next records to ask for; place 0 is the one that is known to be there.</summary>
    public static List<(int Place, string ExternalId)> Next(SqliteTransaction transaction, PipelineRun run, int limit) => transaction.Query(
        $"select place, external_id from record_confirmations where {OfRun} and answer is null order by place limit $limit",
        row => (row.GetInt32(0), row.GetString(1)), [.. run.Parameters, ("$limit", limit)]);

    /// <summary>Keeps what the source says of a record; without one, of all that it was not asked for.</summary>
    /// <exception cref="StaleRunException">A newer run has acquired the integration.</exception>
    public static int Answer(SqliteTransaction transaction, IntegrationKey integration, string runId, string? externalId, Presence presence) => transaction.Execute(
        $"update record_confirmations set answer = $answer where {OfRun} and answer is null and external_id = coalesce($external_id, external_id)",
        [.. PipelineRuns.EnsureNewest(transaction, integration, runId).Parameters, ("$external_id", externalId), ("$answer", presence.ToString().ToLowerInvariant())]);
}
