namespace Elt.Pipelines.Sources;

/// <summary>What kind of failure a source's answer is; decides whether and how long it is tried again.</summary>
public enum SourceErrorClass
{
    /// <summary>Refused or broken connection, cut or unreadable answer, 5xx: passes by itself.</summary>
    Network,

    /// <summary>No answer in time.</summary>
    Timeout,

    /// <summary>Too many requests; come back when the source says.</summary>
    RateLimit,

    /// <summary>The source does not accept who asks.</summary>
    Auth,

    /// <summary>The answer does not mean what it should.</summary>
    Data,

    /// <summary>There is nothing at the address, and there will not be.</summary>
    Permanent,

    /// <summary>The source has forgotten the place in the list; only a new extract can go on.</summary>
    ExpiredCursor,
}

/// <summary>A source did not give the page. The message names address, status and what to do; never data or secrets.</summary>
/// <param name="errorClass">What kind of failure it is.</param>
/// <param name="message">What happened and what to do.</param>
/// <param name="retryAfter">How long the source asks to wait, if it says so.</param>
/// <param name="inner">What was caught, if anything.</param>
public sealed class SourceException(SourceErrorClass errorClass, string message, TimeSpan? retryAfter = null, Exception? inner = null)
    : Exception(message, inner)
{
    /// <summary>What kind of failure it is.</summary>
    public SourceErrorClass ErrorClass { get; } = errorClass;

    /// <summary>How long the source asks to wait, if it says so.</summary>
    public TimeSpan? RetryAfter { get; } = retryAfter;
}
