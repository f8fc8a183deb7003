using Elt.Durable;
using Elt.Pipelines.Changes;
using Elt.Pipelines.Destinations;
using Elt.Pipelines.Faults;
using Elt.Pipelines.Quality;
using Elt.Pipelines.Sources;

namespace Elt.Pipelines;

/// <summary>Where pipelines keep their data and how they behave.</summary>
public sealed record PipelineOptions
{
    /// <summary>SQLite file of staging, changes and latest; its folder must exist.</summary>
    public required string WarehousePath { get; init; }

    /// <summary>SQLite file of the connected integrations (the journal's file); this or <see cref="IntegrationsConnectionString"/>.</summary>
    public string? IntegrationsPath { get; init; }

    /// <summary>Npgsql key=value string of the database of the connected integrations (the journal's database).</summary>
    public string? IntegrationsConnectionString { get; init; }

    /// <summary>SQLite file that is synced to; this or <see cref="DestinationConnectionString"/>.</summary>
    public string? DestinationPath { get; init; }

    /// <summary>Npgsql key=value string of the database that is synced to.</summary>
    public string? DestinationConnectionString { get; init; }

    /// <summary>
    /// When all integrations are run: minute, hour, day, month, day of week. <see langword="null"/> for only when asked. Default 05:20 every day.
    /// </summary>
    public string? ScheduleCron { get; init; } = "20 5 * * *";

    /// <summary>IANA time zone of the schedule. Default UTC.</summary>
    public string ScheduleTimeZone { get; init; } = "UTC";

    /// <summary>
    /// Pipelines that one worker executes at the same time; at least 1. One that only waits for its batches, or for a source that has asked for patience, makes
    /// room after <see cref="WorkerOptions.ParkAfter"/>; what is read at once stays within so many pipelines' <see cref="MaxParallelBatches"/>. Default 5.
    /// </summary>
    public int PipelineConcurrency { get; init; } = 5;

    /// <summary>Batches of one extract that run side by side; each holds one page in memory. At least 1. Default 4.</summary>
    public int MaxParallelBatches { get; init; } = 4;

    /// <summary>How long a backfill waits before it looks again whether the run has ended that is in its way; doubled up to 16 times as long. Default 15 s.</summary>
    public TimeSpan BackfillWait { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Folder of declared datasets, <c>name.json</c>. Default none: there is <c>users</c> alone.</summary>
    public string? DatasetFolder { get; init; }

    /// <summary>Limits and patience towards sources.</summary>
    public SourceOptions Source { get; init; } = new();

    /// <summary>When so many records are gone at once that their deletes are held.</summary>
    public DeleteThresholds Deletes { get; init; } = new();

    /// <summary>What the destination keeps of records that are gone or were otherwise.</summary>
    public DestinationOptions Destination { get; init; } = new();

    /// <summary>When so many records cannot be taken that a run fails.</summary>
    public QualityGate Quality { get; init; } = new();

    /// <summary>Failures on purpose; off by default.</summary>
    public FaultOptions Faults { get; init; } = new();

    /// <exception cref="ArgumentException">A place is missing or given twice, or a number is out of range.</exception>
    internal void Validate()
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(WarehousePath);
        if (IntegrationsPath is null == IntegrationsConnectionString is null)
            throw new ArgumentException($"Set one of {nameof(IntegrationsPath)} and {nameof(IntegrationsConnectionString)}.");
        if (DestinationPath is null == DestinationConnectionString is null)
            throw new ArgumentException($"Set one of {nameof(DestinationPath)} and {nameof(DestinationConnectionString)}.");
        ArgumentOutOfRangeException.ThrowIfLessThan(PipelineConcurrency, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxParallelBatches, 1);
    }
}
