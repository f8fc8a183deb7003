using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Elt.Testing;

/// <summary>Waits for what a test can only look at, such as a row in a database that another process writes.</summary>
public static class Eventually
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(2);

    /// <summary>Looks again and again until it is true.</summary>
    /// <param name="isTrue">What is waited for.</param>
    /// <param name="what">Its text, for the error.</param>
    /// <exception cref="TimeoutException">It was not true within a minute.</exception>
    public static async Task TrueAsync(Func<Task<bool>> isTrue, [CallerArgumentExpression(nameof(isTrue))] string what = "")
    {
        ArgumentNullException.ThrowIfNull(isTrue);
        for (var begun = Stopwatch.GetTimestamp(); !await isTrue().ConfigureAwait(false);)
        {
            if (Stopwatch.GetElapsedTime(begun) > Patience)
                throw new TimeoutException($"It did not become true within {Patience.TotalSeconds} s: {what}.");
            await Task.Delay(Pause, TimeProvider.System).ConfigureAwait(false);
        }
    }

    /// <inheritdoc cref="TrueAsync(Func{Task{bool}}, string)"/>
    public static Task TrueAsync(Func<bool> isTrue, [CallerArgumentExpression(nameof(isTrue))] string what = "") =>
        TrueAsync(() => Task.FromResult(isTrue()), what);
}
