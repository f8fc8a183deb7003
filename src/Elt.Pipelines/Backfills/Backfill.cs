using System.Text.Json.Serialization;
using Elt.Durable;
using Elt.Pipelines.Datasets;
using Elt.Pipelines.Extract;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Orchestration;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Backfills;

/// <summary>
/// Reads the records of an integration that were changed in a range of time, and takes those that are missing or newer than what is there. It never overwrites a newer
/// row, deletes nothing, and moves no cursor of incremental reads. It reads beside runs, and is merged when none is under way.
/// </summary>
/// <param name="OrganizationId">The tenant.</param>
/// <param name="ConnectedIntegrationId">The integration; its connector must say when records were changed.</param>
/// <param name="From">Records that were changed then or later; UTC where it names no zone.</param>
/// <param name="To">Records that were changed before. Default no end.</param>
/// <param name="RequestsPerMinute">Most requests for pages, one after another, 1 to 6 000. Default no limit, and side by side where the source allows it.</param>
/// <param name="PagesPerBatch">Pages of a batch, 1 to 10 000. Default 10.</param>
[Workflow("backfill")]
public sealed record Backfill(
    string OrganizationId, string ConnectedIntegrationId,
    [property: JsonConverter(typeof(UtcTimeConverter))] DateTimeOffset From,
    [property: JsonConverter(typeof(UtcTimeConverter))] DateTimeOffset? To = null,
    int? RequestsPerMinute = null, int PagesPerBatch = 10) : IWorkflow<BackfillSummary>
{
    private readonly BackfillRange _range = new BackfillRange(From, To, AsksSince: false).Checked();

    internal IntegrationKey Integration { get; } = new(OrganizationId, ConnectedIntegrationId);

    internal Pace Pace { get; } = new(RequestsPerMinute);

    internal BatchPlan Plan { get; } = new(1, PagesPerBatch);

    internal ExtractAndLoad Extract(string runId) =>
        new(OrganizationId, ConnectedIntegrationId, PagesPerBatch: PagesPerBatch, RunId: runId, RequestsPerMinute: RequestsPerMinute);

    internal BackfillRange Range(bool asksSince) => _range with { AsksSince = asksSince };
}

/// <summary>What a backfill did.</summary>
/// <param name="OrganizationId">The tenant.</param>
/// <param name="ConnectedIntegrationId">The integration.</param>
/// <param name="Read">Different records of the range.</param>
/// <param name="Inserts">Those of them that were missing.</param>
/// <param name="Updates">Those of them that are newer than what was there, or as new and different.</param>
/// <param name="LeftAlone">Those of them that were not taken: what is there is newer, nothing proves that it is not, or they are gone.</param>
/// <param name="Quarantined">Those of them that cannot be taken, those without a usable key included.</param>
/// <param name="Latest">Records in the latest state afterwards.</param>
/// <param name="Synced">Rows shipped to the destination.</param>
public sealed record BackfillSummary(
    string OrganizationId, string ConnectedIntegrationId, long Read, long Inserts, long Updates, long LeftAlone, long Quarantined, long Latest, long Synced)
{
    /// <summary>The run that came after the merge and has shipped its rows; <see langword="null"/> when the backfill did so itself.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? DeliveredBy { get; init; }
}

/// <summary>A backfill cannot be made. Nothing was read or changed.</summary>
/// <param name="message">Why, and what to do.</param>
public sealed class BackfillRefusedException(string message) : Exception(message);

internal sealed class BackfillWorkflow(
    IIntegrationStore integrations, ConnectorLibrary connectors, PipelineStages stages, WarehouseFile warehouse, WorkflowClient client, PipelineOptions options)
    : Workflow<Backfill, BackfillSummary>
{
    /// <summary>Event of a backfill: the run that it waits for.</summary>
    public const string WaitsFor = "waits-for";

    /// <summary>How often the wait for a run is doubled at most.</summary>
    private const int Doublings = 4;

    public override async Task<BackfillSummary> RunAsync(Backfill input, WorkflowContext context)
    {
        var run = context.WorkflowId;
        var source = await context.StepAsync("find-source", ct => FindSourceAsync(input, ct), RetryPolicy.Database);
        var backfills = stages.Of(source.Dataset).Backfills;
        await BeginAsync(input, input.Range(source.AsksSince), backfills, context);
        MergeOutcome merged;
        try
        {
            await context.ChildAsync(input.Extract(run));
            merged = await MergeAsync(input, backfills, context);
        }
        catch (Exception e) when (e is StepFailedException or WorkflowFailedException)
        {
            await context.TransactionAsync("forget", warehouse.Database, (transaction, _) => Task.FromResult(backfills.Forget(transaction, input.Integration, run)));
            throw;
        }
        merged.Quality!.EnsurePassed(input.Integration);
        var synced = await context.ChildAsync(new SyncOnward(input.OrganizationId, input.ConnectedIntegrationId, run));
        var changes = merged.Detected!;
        return new BackfillSummary(
            input.OrganizationId, input.ConnectedIntegrationId, changes.Staged, changes.Inserts, changes.Updates, changes.LeftAlone, changes.Quarantined, merged.Latest,
            synced.Shipped)
        {
            DeliveredBy = synced.DeliveredBy,
        };
    }

    private async Task<BackfillSource> FindSourceAsync(Backfill input, CancellationToken ct)
    {
        var manifest = connectors.Of(await integrations.GetAsync(input.Integration, ct)).Manifest;
        return manifest.UpdatedAt is not null
            ? new BackfillSource(manifest.Dataset, manifest.Incremental is SinceRule)
            : throw new BackfillRefusedException(
                $"The connector {manifest.Name} does not say when records were changed, so that a backfill of {input.Integration} could not tell which rows are newer. "
                + "Start elt-pipeline, which reads everything, or give the connector an updatedAt.");
    }

    /// <summary>One backfill of an integration at a time: of two they would do the same twice, and each might wait for the other.</summary>
    private async Task BeginAsync(Backfill input, BackfillRange range, BackfillRuns backfills, WorkflowContext context)
    {
        string? ended = null;
        while (await BeginAsync(ended) is var holder && holder != context.WorkflowId)
        {
            if (!await HasEndedAsync(context, holder))
                throw new BackfillRefusedException($"Backfill '{holder}' of {input.Integration} is under way. Wait for it, or cancel it with: elt cancel {holder}");
            ended = holder;
        }

        Task<string> BeginAsync(string? ended) => context.TransactionAsync(
            "begin", warehouse.Database,
            (transaction, _) => Task.FromResult(backfills.Begin(transaction, input.Integration, context.WorkflowId, range, ended)));
    }

    // A run that is under way is waited for, not superseded: it may have read what is newer. One that comes later finds the backfill merged.
    private async Task<MergeOutcome> MergeAsync(Backfill input, BackfillRuns backfills, WorkflowContext context)
    {
        string? ended = null, waitedFor = null;
        for (var waits = 0; ;)
        {
            var after = ended;
            var outcome = await context.TransactionAsync(
                "merge", warehouse.Database, (transaction, _) => Task.FromResult(backfills.Merge(transaction, input.Integration, context.WorkflowId, after)));
            if (outcome.WaitsFor is not { } other)
                return outcome;
            if (await HasEndedAsync(context, other))
            {
                ended = other;
                continue;
            }
            if (other != waitedFor)
                await context.SetEventAsync(WaitsFor, waitedFor = other);
            await context.SleepAsync(options.BackfillWait * (1 << Math.Min(waits++, Doublings)), "wait-for-run");
        }
    }

    private Task<bool> HasEndedAsync(WorkflowContext context, string run) => context.StepAsync(
        "look-at-run", async ct => (await client.FindAsync(run, ct))?.Status.IsFinal() ?? true, RetryPolicy.Database);
}

/// <summary>What a backfill needs to know of its source before it begins.</summary>
/// <param name="Dataset">What it feeds.</param>
/// <param name="AsksSince">Whether it can be asked for what was changed since a time.</param>
internal sealed record BackfillSource(string Dataset, bool AsksSince);
