using System.Text.Json.Serialization;
using Elt.Durable;
using Elt.Pipelines.Datasets;
using Elt.Pipelines.Faults;
using Elt.Pipelines.Incremental;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Sources.Budgets;
using Elt.Pipelines.Staging;

namespace Elt.Pipelines.Extract;

/// <summary>Reads and stages one batch of an integration's pages: <c>Batch * PagesPerBatch + 1</c> and the following, up to the source's end.</summary>
/// <param name="OrganizationId">The tenant.</param>
/// <param name="ConnectedIntegrationId">The integration.</param>
/// <param name="RunId">The run that the pages are staged for; it has acquired the integration.</param>
/// <param name="Batch">Number of the batch, from 0.</param>
/// <param name="PagesPerBatch">Pages of a batch, 1 to 10 000.</param>
/// <param name="PageSize">Records per page; the same for all batches of a run.</param>
/// <param name="Cursor">What the first page is asked for by, where pages follow one another; opaque.</param>
/// <param name="Connector">SHA-256 of the connector that the run is pinned to; default the integration's own as it is now.</param>
/// <param name="Pass">1 when the run reads everything after its source had forgotten what has changed. Default 0.</param>
/// <param name="RequestsPerMinute">Most requests for pages, 1 to 6 000. Default no limit.</param>
[Workflow("extract-and-load-batch")]
public sealed record ExtractAndLoadBatch(
    string OrganizationId, string ConnectedIntegrationId, string RunId, int Batch, int PagesPerBatch, int PageSize,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Cursor = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Connector = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] int Pass = 0,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? RequestsPerMinute = null) : IWorkflow<BatchSummary>
{
    internal IntegrationKey Integration { get; } = new(OrganizationId, ConnectedIntegrationId);

    internal BatchPlan Plan { get; } = new(1, PagesPerBatch);

    internal Pace Pace { get; } = new(RequestsPerMinute);
}

/// <summary>What a batch has staged.</summary>
/// <param name="Pages">Pages.</param>
/// <param name="Rows">Rows.</param>
/// <param name="Ended">Whether the source's end was among them.</param>
/// <param name="TotalPages">Pages in all as the last page declared it, if it did.</param>
/// <param name="NextCursor">What the page after the last one is asked for by, where pages follow one another; opaque.</param>
public sealed record BatchSummary(
    int Pages, long Rows, bool Ended, int? TotalPages,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? NextCursor = null)
{
    /// <summary>Whether it ended early, because the source did not keep the changes that the run asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Expired { get; init; }
}

internal sealed class ExtractAndLoadBatchWorkflow(
    IIntegrationStore integrations, ISource source, PinnedConnectors connectors, SourceCircuits circuits, PipelineStages stages, SourceOptions options,
    FaultInjection faults)
    : Workflow<ExtractAndLoadBatch, BatchSummary>
{
    public override async Task<BatchSummary> RunAsync(ExtractAndLoadBatch input, WorkflowContext context)
    {
        var first = input.Batch * input.Plan.PagesPerBatch + 1;
        var pages = 0;
        long rows = 0;
        var cursor = input.Cursor;
        var ofRun = new Lazy<DatasetStages>(() => stages.OfRun(input.Integration, input.RunId), LazyThreadSafetyMode.PublicationOnly);
        StagedPage page;
        do
        {
            if (first + pages > 1)
                await context.SleepAsync(input.Pace.Pause, $"pause-{first + pages:00000}");
            page = await StagePageAsync(input, first + pages, cursor, ofRun, context);
            cursor = page.NextCursor;
            pages++;
            rows += page.Rows;
        }
        while (!page.IsLast && !page.Expired && pages < input.PagesPerBatch);
        faults.BatchFinished(input.Batch);
        return new BatchSummary(pages, rows, page.IsLast, page.TotalPages, cursor) { Expired = page.Expired };
    }

    // The wait for a turn in a budget may be long: the batch sleeps, and holds no place meanwhile.
    private async Task<StagedPage> StagePageAsync(ExtractAndLoadBatch input, int number, string? cursor, Lazy<DatasetStages> ofRun, WorkflowContext context)
    {
        var retry = new PageRetry(options, input.Pace.Pause);
        while (true)
        {
            var page = await AskPageAsync(input, number, cursor, ofRun, retry, context);
            if (page.Wait is not { } wait)
                return page;
            retry.Waits++;
            await context.SleepAsync(wait, $"turn-{number:00000}");
        }
    }

    // A page that was fetched but could not be staged is kept for the next attempt; one that was staged is never fetched again,
    // also when the process died before the journal knew.
    private Task<StagedPage> AskPageAsync(
        ExtractAndLoadBatch input, int number, string? cursor, Lazy<DatasetStages> ofRun, PageRetry retry, WorkflowContext context)
    {
        SourcePage? fetched = null;
        return context.StepAsync(
            $"page-{number:00000}",
            async ct =>
            {
                var staging = ofRun.Value.Staging;
                var backfill = ofRun.Value.Backfills.Find(input.Integration, input.RunId);
                var reading = backfill is null ? ofRun.Value.Readings.Find(input.Integration, input.RunId)?.Reading : backfill.Reading;
                if (staging.Find(input.Integration, input.RunId, number) is { } staged)
                    return staged.Journaled(reading);
                try
                {
                    fetched ??= await FetchAsync(input, number, cursor, reading, ofRun.Value, retry, ct);
                }
                // A result, not an error: that the run begins again is decided once, whatever crashes meanwhile.
                catch (SourceException e) when (e.ErrorClass == SourceErrorClass.ExpiredCursor && backfill is null && reading is { IsIncremental: true })
                {
                    return StagedPage.None(number);
                }
                catch (BudgetSpentException e)
                {
                    return StagedPage.Later(number, e.Wait);
                }
                staged = await staging.StageAsync(
                    input.Integration, input.RunId, (backfill?.Narrow(fetched) ?? fetched) with { Pass = input.Pass }, faults.BeforeCommit, ct);
                return staged.Journaled(reading);
            },
            retry.Policy);
    }

    private async Task<SourcePage> FetchAsync(
        ExtractAndLoadBatch input, int number, string? cursor, Reading? reading, DatasetStages ofRun, PageRetry retry, CancellationToken ct)
    {
        var integration = await integrations.GetAsync(input.Integration, ct);
        faults.BeforeRequest();
        if (reading is not null && number > 1)
            cursor ??= ofRun.Staging.Find(input.Integration, input.RunId, number - 1)?.NextCursor;
        var request = new PageRequest(integration, number, input.PageSize, cursor, connectors.Find(input.Connector, integration))
        {
            Reading = reading,
            Known = ofRun.Staging.KnownFields(input.Integration),
        };
        ofRun.EnsureFedBy(request.Connector!);
        try
        {
            return await circuits.AskAsync(input.Integration, () => source.FetchAsync(request, ct), retry.GivesUp, ct) with { Connector = request.Connector };
        }
        // Noted here, since of an error the journal does not keep the class.
        catch (SourceException e) when (e.ErrorClass == SourceErrorClass.Auth)
        {
            await integrations.NoteRefusalAsync(input.Integration, e.Message, ct);
            throw;
        }
    }
}
