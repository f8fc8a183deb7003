using Elt.Durable;
using Elt.Pipelines.Sources;

namespace Elt.Pipelines.Extract;

/// <summary>
/// Retries a page step by the class of what failed: each class has a budget and a delay of its own. Counts, so it serves one step of one execution.
/// </summary>
/// <param name="options">Budgets and delays.</param>
/// <param name="pause">The least time between two requests.</param>
internal sealed class PageRetry(SourceOptions options, TimeSpan pause = default)
{
    private readonly Dictionary<string, int> _failures = [];
    private TimeSpan _delay;

    /// <summary>
    /// Waits of the page that were steps of their own. A new step begins to count its attempts anew: each wait costs one, so that a source which fails
    /// between waits is not asked for ever.
    /// </summary>
    public int Waits { get; set; }

    /// <summary>The policy of the page step.</summary>
    public RetryPolicy Policy => new()
    {
        MaxAttempts = Math.Max(1, MaxAttempts - Waits),
        Handles = Handles,
        DelayHint = _ => _delay,
    };

    private int MaxAttempts => 1 + options.NetworkRetries + options.TimeoutRetries + options.RateLimitRetries + RetryPolicy.Database.MaxAttempts;

    /// <summary>Whether a failure that may pass by itself will be the page's last one.</summary>
    public bool GivesUp(SourceException error) => error.ErrorClass switch
    {
        SourceErrorClass.Network => _failures.GetValueOrDefault("network") >= options.NetworkRetries,
        SourceErrorClass.Timeout => _failures.GetValueOrDefault("timeout") >= options.TimeoutRetries,
        SourceErrorClass.RateLimit => _failures.GetValueOrDefault("rateLimit") >= options.RateLimitRetries,
        _ => false,
    };

    private bool Handles(Exception error) => error switch
    {
        SourceException { ErrorClass: SourceErrorClass.Network } e => Spend("network", options.NetworkRetries, options.NetworkDelay, e.RetryAfter),
        SourceException { ErrorClass: SourceErrorClass.Timeout } => Spend("timeout", options.TimeoutRetries, options.TimeoutDelay),
        SourceException { ErrorClass: SourceErrorClass.RateLimit } e => Spend("rateLimit", options.RateLimitRetries, options.RateLimitDelay, e.RetryAfter),
        SourceException => false,
        _ when RetryPolicy.IsTransientDatabaseError(error) =>
            Spend("database", RetryPolicy.Database.MaxAttempts - 1, RetryPolicy.Database.FirstDelay, max: RetryPolicy.Database.MaxDelay),
        _ => false,
    };

    private bool Spend(string budget, int retries, TimeSpan first, TimeSpan? stated = null, TimeSpan? max = null)
    {
        var failures = _failures[budget] = _failures.GetValueOrDefault(budget) + 1;
        var delay = stated ?? first * Math.Pow(2, failures - 1);
        var limit = max ?? options.MaxDelay;
        _delay = delay < limit ? delay : limit;
        if (_delay < pause)
            _delay = pause;
        return failures <= retries;
    }
}
