using Elt.Durable;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Destinations;

/// <summary>Where the latest state is kept in step for others to read.</summary>
public interface IDestination
{
    /// <summary>Creates or updates the tables; call once at start, before any run.</summary>
    /// <param name="ct">Cancels.</param>
    Task InitializeAsync(CancellationToken ct = default);

    /// <summary>Proves that the destination can be reached and its tables be read; throws with the reason when not.</summary>
    /// <param name="ct">Cancels.</param>
    Task CheckAsync(CancellationToken ct = default);

    /// <summary>Rows of a dataset, per integration.</summary>
    /// <param name="dataset">Name of the dataset.</param>
    /// <param name="ct">Cancels.</param>
    Task<IReadOnlyDictionary<IntegrationKey, long>> CountAsync(string dataset, CancellationToken ct = default);

    /// <summary>
    /// Ships what an applied run and those before it have changed since the last sync, exactly once, as a transactional step. A destination
    /// that does not know the integration, or knows it from another warehouse, is loaded in full.
    /// </summary>
    /// <param name="context">The workflow whose step it is.</param>
    /// <param name="step">Name of the step.</param>
    /// <param name="integration">The integration.</param>
    /// <param name="runId">The applied run.</param>
    /// <exception cref="StepFailedException">
    /// A newer run has synced already (<see cref="StaleRunException"/>; no failure of a backfill, which it has delivered), or a full load would delete so
    /// many rows that a person should look first (<see cref="DestinationSurplusException"/>). Nothing was written.
    /// </exception>
    Task<SyncSummary> SyncAsync(WorkflowContext context, string step, IntegrationKey integration, string runId);
}

/// <summary>What a sync did.</summary>
/// <param name="Upserted">Rows shipped as inserted or updated.</param>
/// <param name="Deleted">Rows shipped as deleted.</param>
/// <param name="Rows">Rows of the integration in the destination afterwards.</param>
/// <param name="FullLoad">Whether the destination was loaded in full.</param>
public sealed record SyncSummary(long Upserted, long Deleted, long Rows, bool FullLoad)
{
    /// <summary>Rows shipped.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public long Shipped => Upserted + Deleted;

    /// <summary>The newer run that had shipped what a backfill has merged before the backfill came to it; <see langword="null"/> otherwise.</summary>
    [System.Text.Json.Serialization.JsonIgnore(Condition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull)]
    public string? DeliveredBy { get; init; }
}

/// <summary>A full load found so many rows that the latest state does not have that deleting them needs a person's look.</summary>
/// <param name="integration">The integration.</param>
/// <param name="surplus">Rows that would be deleted.</param>
/// <param name="reason">Which threshold is passed.</param>
public sealed class DestinationSurplusException(IntegrationKey integration, long surplus, string reason) : Exception(
    $"The destination holds {surplus} records of {integration} that the latest state does not have ({reason}), and no watermark of this warehouse. "
    + "Nothing was written. If they are to go, delete the integration's rows in the destination's table and sync again.");

/// <summary>How far a destination has followed an integration.</summary>
/// <param name="WarehouseId">Where the number comes from; <see langword="null"/> for a stream that never synced.</param>
/// <param name="LastSeq">Number of the last run synced.</param>
/// <param name="LastRunId">That run.</param>
internal sealed record Watermark(string? WarehouseId, long LastSeq, string? LastRunId)
{
    /// <summary>Number of the last run that the history has followed; another than <see cref="LastSeq"/> when it was not kept since.</summary>
    public long? HistorySeq { get; init; }

    /// <summary>The newer run that has shipped what a backfill has merged, if there is one: a run ships the changes of all runs before it.</summary>
    public string? DeliveredBy(Changes.ChangeLog log) => log.Run.IsBackfill && WarehouseId == log.WarehouseId && LastSeq > log.Run.Seq ? LastRunId : null;

    /// <summary>Whether the stream must be loaded in full, because its number says nothing about this warehouse.</summary>
    /// <exception cref="StaleRunException">A newer run has synced already.</exception>
    public bool NeedsFullLoad(Changes.ChangeLog log)
    {
        if (WarehouseId != log.WarehouseId)
            return true;
        return LastSeq > log.Run.Seq ? throw new StaleRunException(log.Run.Integration, log.Run.RunId, LastRunId!) : false;
    }
}
