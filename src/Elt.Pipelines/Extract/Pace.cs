namespace Elt.Pipelines.Extract;

/// <summary>How quickly pages are asked for.</summary>
internal sealed record Pace
{
    private const int Max = 6000;

    /// <param name="requestsPerMinute">Most requests in a minute, 1 to 6 000; <see langword="null"/> for no limit.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is out of range.</exception>
    public Pace(int? requestsPerMinute)
    {
        if (requestsPerMinute is < 1 or > Max)
            throw new ArgumentOutOfRangeException(nameof(requestsPerMinute), $"requestsPerMinute must be 1 to {Max}, it is {requestsPerMinute}.");
        IsLimited = requestsPerMinute is not null;
        Pause = IsLimited ? TimeSpan.FromMinutes(1) / requestsPerMinute!.Value : TimeSpan.Zero;
    }

    /// <summary>Whether there is a limit: then pages are read one after another.</summary>
    public bool IsLimited { get; }

    /// <summary>The time between two requests; zero without a limit.</summary>
    public TimeSpan Pause { get; }
}
