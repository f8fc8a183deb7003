using System.Text.Json;
using Elt.Durable;

namespace Elt.Chaos.RandomPrograms;

/// <summary>
/// What must come out of a run and all its children, however often the processes die: computed in memory, by a recursion that knows nothing of
/// journals.
/// </summary>
internal sealed class Oracle
{
    /// <summary>Each run with its end: status, and the result in JSON when it succeeded.</summary>
    public SortedDictionary<string, string> Runs { get; } = new(StringComparer.Ordinal);

    /// <summary>Each record (run and key) with kind, status and result; of sleeps the kind only.</summary>
    public SortedDictionary<string, string> Records { get; } = new(StringComparer.Ordinal);

    /// <summary>Attempts that a record may show at most; one that failed for good shows just as many.</summary>
    public Dictionary<string, int> Attempts { get; } = [];

    /// <summary>Each effect, once.</summary>
    public SortedSet<string> Effects { get; } = new(StringComparer.Ordinal);

    /// <summary>Foretells a run.</summary>
    /// <returns>Its result, or <see langword="null"/> when it fails.</returns>
    public string? Foretell(string run, int seed, int depth)
    {
        var program = RandomProgram.Generate(seed, depth);
        var trace = Foretell(run, "", program.Operations);
        Runs[run] = program.Fails ? "ERROR " : $"SUCCESS {Json(trace)}";
        return program.Fails ? null : trace;
    }

    private string Foretell(string run, string scope, IReadOnlyList<Operation> operations) => string.Join(
        ' ', operations.OrderBy(o => o is Child { AwaitedLast: true }).Select(o => $"{o.Name}={Foretell(run, scope, o)}"));

    private string Foretell(string run, string scope, Operation operation)
    {
        var key = $"{run} {scope}{operation.Name}";
        switch (operation)
        {
            case Step step:
                Records[key] = step.AlwaysFails ? "STEP ERROR " : $"STEP SUCCESS {step.Value}";
                Attempts[key] = step.AlwaysFails ? step.MaxAttempts : step.Failures + 1;
                return step.AlwaysFails ? "failed" : $"{step.Value}";
            case Loop loop:
                for (var i = 0; i < loop.Times; i++)
                    Records[i == 0 ? key : $"{key}#{i + 1}"] = $"STEP SUCCESS {i}";
                return $"{loop.Times * (loop.Times - 1) / 2}";
            case Effect effect:
                Records[key] = $"STEP SUCCESS {effect.Value}";
                Effects.Add(key);
                return $"{effect.Value}";
            case Sleep:
                Records[key] = "SLEEP";
                return "";
            case Child child:
                var result = Foretell($"{run}/{scope}{child.Name}", child.Seed, child.Depth);
                Records[key] = result is null ? "CHILD ERROR " : $"CHILD SUCCESS {Json(result)}";
                return result ?? RunStatus.Error.ToText();
            case Map map:
                var traces = map.Items.Select(item => Foretell(run, $"{scope}{item.Name}/", item.Operations)).ToList();
                return map.Items.Any(i => i.Fails)
                    ? string.Join(',', map.Items.Where(i => i.Fails).Select(i => i.Name))
                    : $"[{string.Join('|', traces)}]";
            default:
                throw new NotSupportedException(operation.Name);
        }
    }

    private static string Json(string text) => JsonSerializer.Serialize(text);
}
