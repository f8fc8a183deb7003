using Elt.Pipelines.Integrations;

namespace Elt.Pipelines.Warehouse;

/// <summary>A run that has acquired its integration.</summary>
/// <param name="Integration">What it runs for.</param>
/// <param name="RunId">Workflow id of the run that owns staging and changes, in the tables' column <c>workflow_id</c>.</param>
/// <param name="Seq">Its number among the integration's runs: the fence of everything it writes.</param>
internal sealed record PipelineRun(IntegrationKey Integration, string RunId, long Seq)
{
    /// <summary>What a plan has in place of a number: it fences nobody, and is fenced by plans only.</summary>
    public const long PlanSeq = 0;

    /// <summary>What a backfill has in place of a number until it is merged: it fences nobody, and is fenced by nobody.</summary>
    public const long BackfillSeq = -1;

    /// <summary>Whether it only adds what is missing and newer: it deletes nothing, and proves nothing of what it has not read. Default no.</summary>
    public bool IsBackfill { get; init; }

    /// <summary>Whether it is a plan.</summary>
    public bool IsPlan => Seq == PlanSeq;

    /// <summary>Number of the run within its integration, as parameters of a statement.</summary>
    public (string Name, object? Value)[] Parameters =>
        [("$org", Integration.OrganizationId), ("$integration", Integration.ConnectedIntegrationId), ("$run", RunId)];
}

/// <summary>A newer run has acquired the integration: the older one writes nothing any more.</summary>
/// <param name="integration">The integration.</param>
/// <param name="runId">The older run.</param>
/// <param name="newerRunId">The run that superseded it.</param>
public sealed class StaleRunException(IntegrationKey integration, string runId, string newerRunId) : Exception(
    $"Run '{runId}' of {integration} was superseded by run '{newerRunId}': nothing was written. Look at the newer run for the current state.")
{
    /// <summary>The run that superseded it.</summary>
    public string NewerRunId { get; } = newerRunId;
}

/// <summary>A stage was asked to work on a run that is not where the stage needs it.</summary>
/// <param name="message">What is missing and which stage brings it.</param>
public sealed class RunStateException(string message) : Exception(message);
