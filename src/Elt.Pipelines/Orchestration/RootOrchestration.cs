using System.Text.Json.Serialization;
using Elt.Durable;
using Elt.Pipelines.Extract;
using Elt.Pipelines.Incremental;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Quality;
using Microsoft.Extensions.Logging;

namespace Elt.Pipelines.Orchestration;

/// <summary>Runs the pipeline of every active integration, several at a time.</summary>
/// <param name="Batches">Batches of a round, 1 to 10 000. Default 10.</param>
/// <param name="PagesPerBatch">Pages of a batch, 1 to 10 000. Default 10.</param>
/// <param name="Full">Whether everything is read also of integrations that are read incrementally. Default only when it must.</param>
[Workflow("root-orchestration")]
public sealed record RootOrchestration(
    int Batches = 10, int PagesPerBatch = 10, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool Full = false)
    : IWorkflow<RootSummary>
{
    internal BatchPlan Plan { get; } = new(Batches, PagesPerBatch);
}

/// <summary>What the pipelines of all integrations did.</summary>
/// <param name="Integrations">Each integration's result.</param>
/// <param name="Totals">Their sums.</param>
public sealed record RootSummary(IReadOnlyList<PipelineSummary> Integrations, PipelineTotals Totals);

/// <summary>Sums over all integrations; see <see cref="PipelineSummary"/>.</summary>
public sealed record PipelineTotals(
    int Integrations, long Staged, long Inserts, long Updates, long Deletes, long DeletesHeld, long Latest, long Synced)
{
    /// <summary>Records that cannot be taken.</summary>
    public long Quarantined { get; init; }

    /// <summary>Records that are missing, and are deleted when the next complete run misses them too.</summary>
    public long DeletesUnconfirmed { get; init; }

    /// <summary>Records without a usable key; not among those staged.</summary>
    public long UnreadableKeys { get; init; }

    /// <summary>Records that fail a rule of severity error or critical.</summary>
    public long Invalid { get; init; }

    /// <summary>Failures of rules of any severity.</summary>
    public long QualityIssues { get; init; }

    /// <summary>The share of valid records in percent; <see langword="null"/> without any record.</summary>
    public double? QualityScore => QualitySummary.ScoreOf(Staged + UnreadableKeys - Invalid, Staged + UnreadableKeys);

    /// <summary>Integrations of which only changes were read.</summary>
    public int Incremental { get; init; }

    internal static PipelineTotals Of(IReadOnlyList<PipelineSummary> all) => new(
        all.Count, all.Sum(s => s.Staged), all.Sum(s => s.Inserts), all.Sum(s => s.Updates), all.Sum(s => s.Deletes),
        all.Sum(s => s.DeletesHeld), all.Sum(s => s.Latest), all.Sum(s => s.Synced))
    {
        Quarantined = all.Sum(s => s.Quarantined),
        DeletesUnconfirmed = all.Sum(s => s.DeletesUnconfirmed),
        UnreadableKeys = all.Sum(s => s.UnreadableKeys),
        Invalid = all.Sum(s => s.Invalid),
        QualityIssues = all.Sum(s => s.QualityIssues),
        Incremental = all.Count(s => s.Mode == ReadingChoice.Incremental),
    };
}

internal sealed class RootOrchestrationWorkflow(IIntegrationStore integrations) : Workflow<RootOrchestration, RootSummary>
{
    public override async Task<RootSummary> RunAsync(RootOrchestration input, WorkflowContext context)
    {
        var keys = await context.StepAsync("list-integrations", ct => ListActiveAsync(context.Logger, ct), RetryPolicy.Database);
        // One failing integration does not stop the others: the failures are named when all have ended.
        var summaries = await context.MapAsync(
            keys,
            name: key => key.ToName(),
            run: (key, scope) => scope.ChildAsync(
                new EltPipeline(key.OrganizationId, key.ConnectedIntegrationId, input.Batches, input.PagesPerBatch, input.Full),
                queue: PipelineRegistration.Queue),
            maxParallel: Math.Max(1, keys.Count),
            onFailure: MapFailure.CollectAll);
        return new RootSummary(summaries, PipelineTotals.Of(summaries));
    }

    private async Task<IReadOnlyList<IntegrationKey>> ListActiveAsync(ILogger logger, CancellationToken ct)
    {
        var known = await integrations.ListStatesAsync(ct);
        foreach (var refused in known.Where(one => one.State == IntegrationState.NeedsReauth))
            Log.NotAsked(logger, refused.Key);
        return [.. known.Where(one => one.State == IntegrationState.Active).Select(one => one.Key)];
    }
}
