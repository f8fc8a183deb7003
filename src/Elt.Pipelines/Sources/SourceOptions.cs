namespace Elt.Pipelines.Sources;

/// <summary>Limits and patience towards sources.</summary>
public sealed record SourceOptions
{
    /// <summary>Time for the whole of a request, its answer included. Default 30 s.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Time to connect. Default 10 s.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Largest answer in bytes, unpacked. Default 32 MiB.</summary>
    public int MaxResponseBytes { get; init; } = 32 * 1024 * 1024;

    /// <summary>Whether sources may be at loopback, link-local and private addresses. Default no: an integration could reach into one's own network.</summary>
    public bool AllowPrivateAddresses { get; init; }

    /// <summary>Folder of further connectors, <c>*.json</c>; one that has the name of a shipped one replaces it. Default none.</summary>
    public string? ConnectorFolder { get; init; }

    /// <summary>Folder below which local files may be read, by addresses <c>file:///…</c> relative to it. Default none: no local file is read.</summary>
    public string? FileFolder { get; init; }

    /// <summary>Largest file in bytes, unpacked; at most 4 GiB for files that are downloaded or packed. Default 4 GiB.</summary>
    public long MaxFileBytes { get; init; } = uint.MaxValue;

    /// <summary>Time to download a file. Default 1 hour. No pause in it may be longer than <see cref="RequestTimeout"/>.</summary>
    public TimeSpan FileTimeout { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Pages of one extract at most: a source that never ends is an error. Default 100 000.</summary>
    public int MaxPages { get; init; } = 100_000;

    /// <summary>Retries after a network failure. Default 5.</summary>
    public int NetworkRetries { get; init; } = 5;

    /// <summary>Delay before the first of them; doubles each time. Default 1 s.</summary>
    public TimeSpan NetworkDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Retries after a timeout. Default 3.</summary>
    public int TimeoutRetries { get; init; } = 3;

    /// <summary>Delay before the first of them; doubles each time. Default 2 s.</summary>
    public TimeSpan TimeoutDelay { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Retries after a rate limit. Default 3.</summary>
    public int RateLimitRetries { get; init; } = 3;

    /// <summary>Delay after a rate limit that does not say when it ends; doubles each time. Default 15 s.</summary>
    public TimeSpan RateLimitDelay { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>No wait for a source is longer, whatever it says. Default 15 minutes.</summary>
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromMinutes(15);

    /// <summary>Pages in a row that fail for good, by the network or the server, until an integration is left alone; at least 1. Default 3.</summary>
    public int CircuitFailures { get; init; } = 3;

    /// <summary>How long it is left alone before one request decides. Default 5 minutes.</summary>
    public TimeSpan CircuitCoolDown { get; init; } = TimeSpan.FromMinutes(5);
}
