using System.Collections.Concurrent;
using Elt.Durable;
using Elt.Pipelines.Extract;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Warehouse;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Datasets;

/// <summary>Finds the stages of the dataset that a run or an integration feeds. A new run asks the connector, everything after it asks the run.</summary>
internal sealed class PipelineStages(
    WarehouseFile warehouse, PipelineOptions options, IIntegrationStore integrations, ConnectorLibrary connectors, PinnedConnectors pinned, TimeProvider time)
{
    private readonly ConcurrentDictionary<string, DatasetStages> _stages = new();

    /// <summary>Makes the workflow the newest run of an integration, which fences all earlier ones, and returns its id.</summary>
    public async Task<string> AcquireAsync(WorkflowContext context, IntegrationKey integration)
    {
        var stages = await OfIntegrationAsync(context, integration);
        await context.TransactionAsync(
            "acquire-integration", warehouse.Database, (transaction, _) => Task.FromResult(stages.Runs.Acquire(transaction, integration, context.WorkflowId).Seq));
        return context.WorkflowId;
    }

    /// <summary>The newest run of an integration, for a stage that was started by hand.</summary>
    public Task<string> FindNewestAsync(WorkflowContext context, IntegrationKey integration) => context.StepAsync(
        "find-newest-run",
        _ =>
        {
            using var connection = warehouse.Database.OpenRead();
            var newest = PipelineRuns.FindNewest(connection, integration)
                ?? throw new RunStateException($"There is no run of {integration} yet: start extract-and-load or elt-pipeline first.");
            return Task.FromResult(newest.RunId);
        },
        RetryPolicy.Database);

    /// <summary>The stages of what an integration's connector maps to, as a step.</summary>
    public async Task<DatasetStages> OfIntegrationAsync(WorkflowContext context, IntegrationKey integration) => Of(await context.StepAsync(
        "find-dataset", async ct => connectors.Of(await integrations.GetAsync(integration, ct)).Manifest.Dataset, RetryPolicy.Database));

    /// <summary>The stages of a run or plan.</summary>
    /// <exception cref="RunStateException">There is no such run, or its dataset is not declared any more.</exception>
    public DatasetStages OfRun(SqliteTransaction transaction, IntegrationKey integration, string runId) => OfRun(transaction.Connection!, integration, runId);

    /// <inheritdoc cref="OfRun(SqliteTransaction, IntegrationKey, string)"/>
    public DatasetStages OfRun(IntegrationKey integration, string runId)
    {
        using var connection = warehouse.Database.OpenRead();
        return OfRun(connection, integration, runId);
    }

    /// <summary>The stages of a dataset.</summary>
    /// <exception cref="RunStateException">It is not declared any more.</exception>
    public DatasetStages Of(string dataset) =>
        _stages.GetOrAdd(dataset, name => new DatasetStages(warehouse.Datasets.Get(name), warehouse, pinned, options, time));

    private DatasetStages OfRun(SqliteConnection connection, IntegrationKey integration, string runId) =>
        Of(PipelineRuns.FindDataset(connection, integration, runId) ?? throw PipelineRuns.NotAcquired(integration, runId));
}
