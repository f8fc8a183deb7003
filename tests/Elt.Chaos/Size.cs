using System.Diagnostics.CodeAnalysis;
using System.Globalization;

// The proofs fight for the machine: one at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Elt.Chaos;

/// <summary>
/// How much is done: by default what fits into every CI run, with <c>ELT_CHAOS=full</c> all of it, with <c>ELT_CHAOS=25</c> a quarter of it.
/// What happens at random follows from a seed that each proof prints; <c>ELT_CHAOS_SEED</c> sets it.
/// </summary>
internal static class Size
{
    public static bool IsCi { get; } = Percent == 0;

    public static int Of(int ci, int full) => Math.Max(ci, (int)((long)full * Percent / 100));

    public static int NewSeed() =>
        int.TryParse(Environment.GetEnvironmentVariable("ELT_CHAOS_SEED"), CultureInfo.InvariantCulture, out var seed)
            ? seed
            : (int)(TimeProvider.System.GetTimestamp() & int.MaxValue);

    [SuppressMessage("Security", "CA5394", Justification = "Repeatable, not secret.")]
    public static TimeSpan Between(this Random random, TimeSpan least, TimeSpan most) => least + ((most - least) * random.NextDouble());

    private static int Percent => Environment.GetEnvironmentVariable("ELT_CHAOS") switch
    {
        null or "" => 0,
        "full" => 100,
        var text => int.Parse(text, CultureInfo.InvariantCulture),
    };
}
