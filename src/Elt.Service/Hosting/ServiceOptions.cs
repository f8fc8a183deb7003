using Elt.Pipelines.Destinations;
using Elt.Pipelines.Faults;
using Npgsql;

namespace Elt.Service.Hosting;

/// <summary>Settings of the service, read and checked once.</summary>
internal sealed record ServiceOptions
{
    /// <summary>Folder of the embedded databases.</summary>
    public required string Data { get; init; }

    /// <summary>Addresses on loopback.</summary>
    public required IReadOnlyList<string> Urls { get; init; }

    /// <summary>The journal's Postgres; <see langword="null"/> keeps it in a SQLite file.</summary>
    public NpgsqlConnectionStringBuilder? Postgres { get; init; }

    /// <summary>The destination's Postgres; <see langword="null"/> keeps it in a SQLite file.</summary>
    public NpgsqlConnectionStringBuilder? Destination { get; init; }

    /// <summary>When all integrations are run; <see langword="null"/> for only when asked.</summary>
    public string? ScheduleCron { get; init; }

    public required string ScheduleZone { get; init; }

    /// <summary>How long the runs of a silent worker stay its own.</summary>
    public required TimeSpan Lease { get; init; }

    /// <summary>How long a stop waits for what is in flight.</summary>
    public required TimeSpan StopGrace { get; init; }

    /// <summary>Folder of further connectors; <see langword="null"/> for none.</summary>
    public string? Connectors { get; init; }

    /// <summary>Folder of declared datasets; <see langword="null"/> for none.</summary>
    public string? Datasets { get; init; }

    /// <summary>Folder below which local files may be read; <see langword="null"/> for none.</summary>
    public string? Files { get; init; }

    /// <summary>Allows sources at loopback, link-local and private addresses.</summary>
    public required bool PrivateSources { get; init; }

    /// <summary>What the destination keeps of records that are gone or were otherwise.</summary>
    public required DestinationOptions DestinationKeeps { get; init; }

    public required FaultOptions Faults { get; init; }

    public required LogLevel LogLevel { get; init; }

    public required bool JsonLogs { get; init; }

    /// <summary>Ends the service when its standard input ends: it belongs to the process that holds the other end.</summary>
    public required bool StopWithInput { get; init; }

    public string JournalFile => Path.Combine(Data, "journal.db");

    public string WarehouseFile => Path.Combine(Data, "warehouse.db");

    public string DestinationFile => Path.Combine(Data, "destination.db");
}
