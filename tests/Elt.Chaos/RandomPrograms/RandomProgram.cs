using System.Diagnostics.CodeAnalysis;

namespace Elt.Chaos.RandomPrograms;

/// <summary>An operation of a random program.</summary>
internal abstract record Operation(string Name);

/// <summary>A plain step. Fails at its first executions, which retries make good, or always.</summary>
internal sealed record Step(string Name, int Value, int Failures, bool AlwaysFails, int MaxAttempts) : Operation(Name);

/// <summary>Plain steps one after the other under one name.</summary>
internal sealed record Loop(string Name, int Times) : Operation(Name);

/// <summary>A transactional step.</summary>
internal sealed record Effect(string Name, int Value) : Operation(Name);

internal sealed record Sleep(string Name, int Milliseconds) : Operation(Name);

/// <summary>A child, itself a random program; awaited at once, or when the program ends.</summary>
internal sealed record Child(string Name, int Seed, int Depth, string? Queue, bool AwaitedLast) : Operation(Name);

/// <summary>Items that each run some operations; those that fail do so after them.</summary>
internal sealed record Map(string Name, IReadOnlyList<Item> Items, int MaxParallel) : Operation(Name);

internal sealed record Item(string Name, IReadOnlyList<Operation> Operations, bool Fails);

// Place for more kinds: messages and events (a send to oneself, a receive), a cancel and resume from outside, deadlines. Each needs
// a record here, a chance in Generate, a case in RandomWorkflow and a case in Oracle.

/// <summary>What a seed stands for: the same program in the workflow and in the oracle.</summary>
/// <param name="Operations">In order.</param>
/// <param name="Fails">Whether it throws at its end.</param>
internal sealed record RandomProgram(IReadOnlyList<Operation> Operations, bool Fails)
{
    private const int DeepestChild = 2;

    [SuppressMessage("Security", "CA5394", Justification = "Repeatable, not secret.")]
    public static RandomProgram Generate(int seed, int depth)
    {
        var random = new Random(unchecked((seed * 31) + depth));
        return new RandomProgram(Several(random, random.Next(2, 6), depth, depth), random.Next(8) == 0);
    }

    private static List<Operation> Several(Random random, int count, int depth, int nesting) =>
        [.. Enumerable.Range(0, count).Select(i => One(random, i, depth, nesting))];

    private static Operation One(Random random, int index, int depth, int nesting) => random.Next(12) switch
    {
        0 => new Loop($"loop-{index}", random.Next(2, 4)),
        1 => new Step($"failing-{index}", 0, 0, AlwaysFails: true, random.Next(1, 4)),
        2 => new Step($"flaky-{index}", random.Next(100), random.Next(1, 3), AlwaysFails: false, 3),
        3 or 4 or 5 => new Effect($"effect-{index}", random.Next(100)),
        6 => new Sleep($"sleep-{index}", random.Next(1, 20)),
        7 or 8 when depth < DeepestChild => new Child(
            $"child-{index}", random.Next(), depth + 1, Queue(random, depth + 1), random.Next(3) == 0),
        9 or 10 when nesting < DeepestChild => new Map(
            $"map-{index}", [.. Enumerable.Range(0, random.Next(1, 4)).Select(item => Item(random, $"map-{index}-{item}", depth, nesting + 1))], random.Next(1, 4)),
        _ => new Step($"step-{index}", random.Next(100), 0, AlwaysFails: false, 1),
    };

    // A parent keeps its place in a limited queue while it waits: children in the same queue could wait for ever.
    private static string? Queue(Random random, int depth) => random.Next(3) switch
    {
        0 when depth == DeepestChild => "narrow",
        1 => "wide",
        _ => null,
    };

    private static Item Item(Random random, string name, int depth, int nesting) =>
        new(name, Several(random, random.Next(1, 4), depth, nesting), random.Next(6) == 0);
}
