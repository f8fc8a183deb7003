using System.Text.Json.Serialization;
using Elt.Durable;
using Elt.Pipelines.Datasets;
using Elt.Pipelines.Extract;
using Elt.Pipelines.Incremental;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Quality;

namespace Elt.Pipelines.Orchestration;

/// <summary>Brings one integration from its source to the destination.</summary>
/// <param name="OrganizationId">The tenant.</param>
/// <param name="ConnectedIntegrationId">The integration.</param>
/// <param name="Batches">Batches of a round, 1 to 10 000; there are as many rounds as the source has pages for. Default 10.</param>
/// <param name="PagesPerBatch">Pages of a batch, 1 to 10 000. Default 10.</param>
/// <param name="Full">Whether everything is read of an integration that is read incrementally. Default only when it must.</param>
[Workflow("elt-pipeline")]
public sealed record EltPipeline(
    string OrganizationId, string ConnectedIntegrationId, int Batches = 10, int PagesPerBatch = 10,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool Full = false)
    : IWorkflow<PipelineSummary>
{
    internal IntegrationKey Integration { get; } = new(OrganizationId, ConnectedIntegrationId);

    internal BatchPlan Plan { get; } = new(Batches, PagesPerBatch);
}

/// <summary>What a pipeline run did.</summary>
/// <param name="OrganizationId">The tenant.</param>
/// <param name="ConnectedIntegrationId">The integration.</param>
/// <param name="Staged">Different records read.</param>
/// <param name="Inserts">Records that are new, or back again.</param>
/// <param name="Updates">Records that changed.</param>
/// <param name="Deletes">Records that are gone.</param>
/// <param name="DeletesHeld">Records that look gone, but stay until a person has looked.</param>
/// <param name="Latest">Records in the latest state afterwards.</param>
/// <param name="Synced">Rows shipped to the destination.</param>
public sealed record PipelineSummary(
    string OrganizationId, string ConnectedIntegrationId,
    long Staged, long Inserts, long Updates, long Deletes, long DeletesHeld, long Latest, long Synced)
{
    /// <summary>Records that cannot be taken; those that are known stay as they are.</summary>
    public long Quarantined { get; init; }

    /// <summary>Records that are missing, and are deleted when the next complete run misses them too.</summary>
    public long DeletesUnconfirmed { get; init; }

    /// <summary>Records without a usable key; not among those staged.</summary>
    public long UnreadableKeys { get; init; }

    /// <summary>Records that fail a rule of severity error or critical, those without a usable key included.</summary>
    public long Invalid { get; init; }

    /// <summary>Failures of rules of any severity.</summary>
    public long QualityIssues { get; init; }

    /// <summary>The share of valid records in percent; <see langword="null"/> without any record.</summary>
    public double? QualityScore => QualitySummary.ScoreOf(Staged + UnreadableKeys - Invalid, Staged + UnreadableKeys);

    /// <summary><c>full</c>: everything was read; <c>incremental</c>: what has changed, so that nothing is gone merely because it did not come.</summary>
    public string Mode { get; init; } = ReadingChoice.Full;

    /// <summary>Why everything was read, of an integration that is read incrementally.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? FullReason { get; init; }
}

internal sealed class EltPipelineWorkflow(IIntegrationStore integrations, PipelineStages stages) : Workflow<EltPipeline, PipelineSummary>
{
    public override async Task<PipelineSummary> RunAsync(EltPipeline input, WorkflowContext context)
    {
        var (organization, integration) = (input.OrganizationId, input.ConnectedIntegrationId);
        var found = await context.StepAsync(
            "find-integration", async ct => (IntegrationState?)(await integrations.GetAsync(input.Integration, ct)).State, RetryPolicy.Database);
        var run = await stages.AcquireAsync(context, input.Integration);

        var extract = await context.ChildAsync(new ExtractAndLoad(organization, integration, input.Batches, input.PagesPerBatch, run, input.Full));
        var changes = await context.ChildAsync(new DetectChanges(organization, integration, run));
        var applied = await context.ChildAsync(new ApplyToLatest(organization, integration, run));
        var synced = await context.ChildAsync(new SyncOnward(organization, integration, run));
        if (found == IntegrationState.NeedsReauth)
        {
            await context.StepAsync(
                "set-state", ct => integrations.SetStateAsync(input.Integration, IntegrationState.Active, reason: null, from: IntegrationState.NeedsReauth, ct),
                RetryPolicy.Database);
        }

        return new PipelineSummary(
            organization, integration,
            changes.Staged, changes.Inserts, changes.Updates, changes.Deletes, changes.DeletesHeld, applied.Latest, synced.Shipped)
        {
            Quarantined = changes.Quarantined,
            DeletesUnconfirmed = changes.DeletesUnconfirmed,
            UnreadableKeys = (changes.Quality?.Records ?? changes.Staged) - changes.Staged,
            Invalid = changes.Quality?.Invalid ?? changes.Quarantined,
            QualityIssues = changes.Quality?.Issues ?? 0,
            Mode = extract.Mode,
            FullReason = extract.FullReason,
        };
    }
}
