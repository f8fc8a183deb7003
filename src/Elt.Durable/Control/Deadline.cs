namespace Elt.Durable.Control;

/// <summary>Makes times that may be any into ones that can be kept and reckoned with.</summary>
internal static class Deadline
{
    /// <summary>Longer than anybody waits, and short enough that no time reckoned with it is out of range.</summary>
    public static TimeSpan Longest { get; } = TimeSpan.FromDays(365 * 1000);

    /// <summary>A duration between zero and <see cref="Longest"/>.</summary>
    public static TimeSpan Within(TimeSpan duration) => duration < TimeSpan.Zero ? TimeSpan.Zero : duration < Longest ? duration : Longest;

    /// <summary>A timeout from zero on; <see langword="null"/>, which is none, when it is longer than <see cref="Longest"/>.</summary>
    public static TimeSpan? OrNone(TimeSpan? timeout) => timeout is { } given && given <= Longest ? Within(given) : null;

    /// <summary>A deadline that both stores can keep; <see langword="null"/> when it is further away than anybody waits.</summary>
    public static DateTimeOffset? OrNone(DateTimeOffset? deadline) => deadline is { } given && given < DateTimeOffset.MaxValue - Longest
        ? given > DateTimeOffset.UnixEpoch ? given.ToUniversalTime() : DateTimeOffset.UnixEpoch
        : null;

    /// <summary>The earlier of two deadlines; <see langword="null"/> is none.</summary>
    public static DateTimeOffset? Earlier(DateTimeOffset? one, DateTimeOffset? other) => one is null || other < one ? other : one;
}
