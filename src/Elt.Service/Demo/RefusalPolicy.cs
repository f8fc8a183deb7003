namespace Elt.Service.Demo;

/// <summary>Decides which page requests are refused on purpose.</summary>
internal sealed class RefusalPolicy(double failRate, int rateLimit, int seed, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly Random _random = new(seed);
    private long _windowBegan = time.GetTimestamp();
    private int _inWindow;

    /// <summary>The status to refuse with, or <see langword="null"/> to serve.</summary>
    public int? Next()
    {
        lock (_gate)
        {
            if (rateLimit > 0 && !FitsLimit())
                return StatusCodes.Status429TooManyRequests;
            return failRate > 0 && _random.NextDouble() < failRate ? StatusCodes.Status500InternalServerError : null;
        }
    }

    private bool FitsLimit()
    {
        if (time.GetElapsedTime(_windowBegan) >= TimeSpan.FromSeconds(1))
            (_windowBegan, _inWindow) = (time.GetTimestamp(), 0);
        return ++_inWindow <= rateLimit;
    }
}
