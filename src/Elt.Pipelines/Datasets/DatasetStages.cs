using Elt.Pipelines.Backfills;
using Elt.Pipelines.Changes;
using Elt.Pipelines.Extract;
using Elt.Pipelines.Incremental;
using Elt.Pipelines.Latest;
using Elt.Pipelines.Plans;
using Elt.Pipelines.Quality;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Staging;
using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Datasets;

/// <summary>The stages of a pipeline, on the tables of one dataset.</summary>
internal sealed class DatasetStages
{
    private readonly Dataset _dataset;

    public DatasetStages(Dataset dataset, WarehouseFile warehouse, PinnedConnectors connectors, PipelineOptions options, TimeProvider time)
    {
        _dataset = dataset;
        Runs = new RunAcquisition(dataset, time);
        Readings = new RunReadings(warehouse, connectors, dataset, time);
        Staging = new PageStaging(warehouse, dataset, time);
        Quality = new QualityCheck(dataset, connectors, time);
        Changes = new ChangeDetection(dataset, options.Deletes, options.Quality, time);
        Latest = new LatestState(dataset, time);
        Plans = new PlanRuns(dataset, Quality, Changes, time);
        Backfills = new BackfillRuns(dataset, warehouse, this, time);
    }

    public RunAcquisition Runs { get; }

    public RunReadings Readings { get; }

    public PageStaging Staging { get; }

    public QualityCheck Quality { get; }

    public ChangeDetection Changes { get; }

    public LatestState Latest { get; }

    public PlanRuns Plans { get; }

    public BackfillRuns Backfills { get; }

    /// <exception cref="RunStateException">A connector maps to another dataset: it was replaced after the run began.</exception>
    public void EnsureFedBy(Connector connector)
    {
        if (connector.Manifest.Dataset != _dataset.Name)
        {
            throw new RunStateException(
                $"The run feeds the dataset '{_dataset.Name}', and the connector {connector.Manifest.Name} maps to '{connector.Manifest.Dataset}' now. Start a new run.");
        }
    }
}
