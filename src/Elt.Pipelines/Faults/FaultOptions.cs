namespace Elt.Pipelines.Faults;

/// <summary>Failures on purpose, to show and to test that they do no harm. All off by default.</summary>
public sealed record FaultOptions
{
    /// <summary>Share of requests to sources that fail before they are sent; 0 to 1. Default 0.</summary>
    public double ApiFailureRate { get; init; }

    /// <summary>Share of staging transactions that fail before they commit; 0 to 1. Default 0.</summary>
    public double DatabaseFailureRate { get; init; }

    /// <summary>Share of finished batches after which the process kills itself; 0 to 1. Default 0.</summary>
    public double CrashRate { get; init; }

    /// <summary>Only batches with this number or a higher one crash. Default 5.</summary>
    public int CrashAfterBatch { get; init; } = 5;

    /// <summary>
    /// A file: while it does not exist, the first batch that may crash creates it and crashes for certain. Default none.
    /// </summary>
    public string? CrashOnceMarker { get; init; }
}
