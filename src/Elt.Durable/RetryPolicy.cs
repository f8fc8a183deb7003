using System.Data.Common;
using System.Net.Sockets;
using Elt.Durable.Control;

namespace Elt.Durable;

/// <summary>When, how often and after which delay a failed step is tried again. Immutable; derive variants with <c>with</c>.</summary>
public sealed record RetryPolicy
{
    /// <summary>One attempt, no retry. The default of <c>StepAsync</c>.</summary>
    public static RetryPolicy None { get; } = new() { MaxAttempts = 1 };

    /// <summary>Any error: 5 attempts, 1, 2, 4, 8 s between them.</summary>
    public static RetryPolicy Default { get; } = new();

    /// <summary>
    /// Transient database errors only (as the driver classifies them): 20 attempts from 50 ms up to 5 s.
    /// The default of <c>TransactionAsync</c>.
    /// </summary>
    public static RetryPolicy Database { get; } = new()
    {
        MaxAttempts = 20,
        FirstDelay = TimeSpan.FromMilliseconds(50),
        MaxDelay = TimeSpan.FromSeconds(5),
        Handles = IsTransientDatabaseError,
    };

    /// <summary>Attempts in all, the first included; at least 1. Default 5.</summary>
    public int MaxAttempts { get; init; } = 5;

    /// <summary>Delay before the second attempt. Default 1 s.</summary>
    public TimeSpan FirstDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Each further delay is the one before times this factor; at least 1. Default 2.</summary>
    public double Factor { get; init; } = 2;

    /// <summary>No delay is longer than this, jitter aside. Default 1 minute.</summary>
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Each delay is lengthened by a random share of itself between 0 and this; 0 to 1. Default 0.2.</summary>
    public double Jitter { get; init; } = 0.2;

    /// <summary>
    /// How long one attempt may take. When it is over, the attempt's token fires, and the attempt has failed with a <see cref="TimeoutException"/>, which
    /// <see cref="Handles"/> is asked about; what the body still does or returns counts for nothing. Zero and less fails without an attempt, over 40 days is none. Default none.
    /// </summary>
    public TimeSpan? AttemptTimeout { get; init; }

    /// <summary>Which errors are worth another attempt. Default: all.</summary>
    public Func<Exception, bool> Handles { get; init; } = static _ => true;

    /// <summary>
    /// Decides the delay itself, for errors that say when to come back (a rate limit's reset); <see langword="null"/> as answer
    /// falls back to the exponential delay. <see cref="MaxAttempts"/> and <see cref="Handles"/> still apply.
    /// </summary>
    public Func<Exception, TimeSpan?>? DelayHint { get; init; }

    /// <summary>Delay before the next attempt, or <see langword="null"/> when the error is final.</summary>
    /// <param name="error">What the attempt threw.</param>
    /// <param name="failedAttempts">Attempts that have failed so far, this one included.</param>
    /// <param name="random">Source of the jitter.</param>
    public TimeSpan? NextDelay(Exception error, int failedAttempts, Random random)
    {
        ArgumentNullException.ThrowIfNull(random);
        if (failedAttempts >= MaxAttempts || !Handles(error))
            return null;
        var delay = Deadline.Within(DelayHint?.Invoke(error) ?? Exponential(failedAttempts));
        return delay < Deadline.Longest ? delay * (1 + (Jitter * random.NextDouble())) : delay;
    }

    private TimeSpan Exponential(int failedAttempts)
    {
        var seconds = FirstDelay.TotalSeconds * Math.Pow(Factor, failedAttempts - 1);
        return seconds < MaxDelay.TotalSeconds ? TimeSpan.FromSeconds(seconds) : MaxDelay;
    }

    /// <summary>
    /// The one place that decides which database errors pass by themselves: the driver's own classification, broken connections
    /// below it, a server that is starting or stopping, and SQLite's busy and locked.
    /// </summary>
    /// <param name="error">The error, or one that wraps it.</param>
    public static bool IsTransientDatabaseError(Exception error) => error switch
    {
        // Class 57: operator intervention (shutdown, crash, starting up); 53: insufficient resources; 08: connection.
        Npgsql.PostgresException { SqlState: ['5', '7', 'P', ..] or ['5', '3', ..] or ['0', '8', ..] } => true,
        Microsoft.Data.Sqlite.SqliteException { SqliteErrorCode: 5 or 6 } => true,
        DbException { IsTransient: true } => true,
        IOException or SocketException or TimeoutException => true,
        { InnerException: { } inner } => IsTransientDatabaseError(inner),
        _ => false,
    };
}
