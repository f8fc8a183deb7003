using System.Text.Json.Serialization;
using Elt.Durable;
using Elt.Pipelines.Datasets;
using Elt.Pipelines.Incremental;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Staging;

namespace Elt.Pipelines.Extract;

/// <summary>Loads all pages of one integration into staging, batch by batch.</summary>
/// <param name="OrganizationId">The tenant.</param>
/// <param name="ConnectedIntegrationId">The integration.</param>
/// <param name="Batches">Batches of a round, 1 to 10 000; there are as many rounds as the source has pages for. Default 10.</param>
/// <param name="PagesPerBatch">Pages of a batch, 1 to 10 000. Default 10.</param>
/// <param name="RunId">The run to stage for, which has acquired the integration; default this run itself.</param>
/// <param name="Full">Whether everything is read of an integration that is read incrementally. Default only when it must.</param>
/// <param name="RequestsPerMinute">Most requests for pages, one after another, 1 to 6 000. Default no limit.</param>
[Workflow("extract-and-load")]
public sealed record ExtractAndLoad(
    string OrganizationId, string ConnectedIntegrationId, int Batches = 10, int PagesPerBatch = 10, string? RunId = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool Full = false,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? RequestsPerMinute = null) : IWorkflow<ExtractSummary>
{
    internal IntegrationKey Integration { get; } = new(OrganizationId, ConnectedIntegrationId);

    internal BatchPlan Plan { get; } = new(Batches, PagesPerBatch);

    internal Pace Pace { get; } = new(RequestsPerMinute);
}

internal sealed class ExtractAndLoadWorkflow(
    IIntegrationStore integrations, PinnedConnectors connectors, PipelineStages stages, PipelineOptions options)
    : Workflow<ExtractAndLoad, ExtractSummary>
{
    public override async Task<ExtractSummary> RunAsync(ExtractAndLoad input, WorkflowContext context)
    {
        var pageSize = await context.StepAsync(
            "read-page-size", async ct => (await integrations.GetAsync(input.Integration, ct)).ProviderData.PageSize, RetryPolicy.Database);
        var connector = await context.StepAsync(
            "pin-connector", async ct => await connectors.PinAsync(await integrations.GetAsync(input.Integration, ct), ct), RetryPolicy.Database);
        var runId = input.RunId ?? await stages.AcquireAsync(context, input.Integration);
        var reading = await context.StepAsync(
            "choose-reading",
            async ct => await stages.OfRun(input.Integration, runId).Readings.PinAsync(await integrations.GetAsync(input.Integration, ct), connector, runId, input.Full, ct),
            RetryPolicy.Database);
        if (!await LoadAsync(input, runId, pageSize, connector, pass: 0, context))
        {
            reading = await context.StepAsync(
                "begin-again", ct => stages.OfRun(input.Integration, runId).Readings.BeginAgainAsync(input.Integration, runId, ct), RetryPolicy.Database);
            Log.ReadAgain(context.Logger, input.Integration, reading.Reason);
            await LoadAsync(input, runId, pageSize, connector, pass: 1, context);
        }
        var extract = await context.StepAsync(
            "summarize",
            _ => Task.FromResult(
                stages.OfRun(input.Integration, runId).Staging.Summarize(input.Integration, runId) with { Mode = reading.Mode, FullReason = reading.Reason }),
            RetryPolicy.Database);
        if (extract.UnreadableKeys > 0)
            Log.UnreadableKeys(context.Logger, extract.UnreadableKeys, input.Integration);
        return extract;
    }

    /// <summary>
    /// The first batch tells how many there are, where the source says so and its pages have numbers: then they run side by side, a round at a time.
    /// Else one follows another to the end, each from the cursor that the one before it gave.
    /// </summary>
    /// <returns>Whether the end was reached; else the source did not keep the changes that the run asked for.</returns>
    private async Task<bool> LoadAsync(ExtractAndLoad input, string runId, int pageSize, string connector, int pass, WorkflowContext context)
    {
        var first = await LoadBatchAsync(context, Batch(0), Name(0));
        var (ended, expired, cursor) = (first.Ended, first.Expired, first.NextCursor);
        var next = 1;
        var planned = ended || first.TotalPages is not { } pages ? 1 : input.Plan.BatchesFor(pages);
        while (next < planned)
        {
            var round = Enumerable.Range(next, Math.Min(input.Batches, planned - next)).ToList();
            var loaded = await context.MapAsync(round, Name, (batch, scope) => LoadBatchAsync(scope, Batch(batch)), input.Pace.IsLimited ? 1 : options.MaxParallelBatches);
            ended |= loaded.Any(batch => batch.Ended);
            next += round.Count;
        }
        // Without a declared number of pages, or when the source grew while it was read.
        for (; !ended && !expired; next++)
        {
            var batch = await LoadBatchAsync(context, Batch(next, cursor), Name(next));
            (ended, expired, cursor) = (batch.Ended, batch.Expired, batch.NextCursor);
        }
        return ended;

        string Name(int batch) => $"{(pass == 0 ? "" : "again-")}batch-{batch:00}";
        ExtractAndLoadBatch Batch(int batch, string? from = null) =>
            new(input.OrganizationId, input.ConnectedIntegrationId, runId, batch, input.PagesPerBatch, pageSize, from, connector, pass, input.RequestsPerMinute);
    }

    private static Task<BatchSummary> LoadBatchAsync(WorkflowContext context, ExtractAndLoadBatch batch, string? name = null) =>
        context.ChildAsync(batch, name, PipelineRegistration.BatchQueue, queueKey: batch.OrganizationId);
}
