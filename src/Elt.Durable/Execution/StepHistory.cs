using Elt.Durable.Journal;

namespace Elt.Durable.Execution;

/// <summary>What a run has recorded, as its replay asks for it. Not thread-safe: its execution guards it.</summary>
/// <param name="runId">The run.</param>
/// <param name="recorded">What it has recorded.</param>
internal sealed class StepHistory(string runId, RunHistory recorded)
{
    // Of the many runs that are executed once: nothing is ever added to these sets.
    private static readonly HashSet<string> None = [];

    private readonly Dictionary<string, StepInfo> _steps = recorded.Steps.ToDictionary(s => s.Key);
    private readonly Dictionary<string, StepAttempt> _lastAttempts =
        recorded.Attempts.Count == 0 ? [] : recorded.Attempts.GroupBy(a => a.Key).ToDictionary(g => g.Key, g => g.MaxBy(a => a.Attempt)!);
    private readonly HashSet<string> _openChildren = recorded.OpenChildren.Count == 0 ? None : [.. recorded.OpenChildren];
    // A patch that the code no longer asks for is what its removal looks like; a timeout is asked for only by a wait that has no outcome yet.
    private readonly HashSet<string> _notAsked = recorded.Steps.Count == 0 ? None :
        [.. recorded.Steps.Where(s => s.Kind is not (StepKind.Patch or StepKind.Timeout)).Select(s => s.Key)];
    private readonly HashSet<string> _begun = recorded.Attempts.Count + recorded.OpenChildren.Count == 0 ? None :
        [.. recorded.Attempts.Select(a => a.Key), .. recorded.OpenChildren.Select(id => id[(runId.Length + 1)..])];

    /// <summary>Whether everything recorded before this execution began has been asked for.</summary>
    public bool IsReplayed => _notAsked.Count == 0;

    /// <summary>Keys that the code did not ask for.</summary>
    public IReadOnlyCollection<string> NotAsked => _notAsked;

    /// <summary>The record of a step, if there is one; it counts as asked for.</summary>
    public StepInfo? Take(string key)
    {
        _notAsked.Remove(key);
        _begun.Remove(key);
        return _steps.GetValueOrDefault(key);
    }

    /// <summary>Whether operations were recorded or begun in a scope that the code has not asked for yet: the run went beyond where its replay is.</summary>
    public bool IsBehind(string scope) => _notAsked.Concat(_begun).Any(key => scope.Length == 0 || IsIn(scope, key));

    /// <summary>The last failed attempt of a step that has no record yet.</summary>
    public StepAttempt? LastAttempt(string key) => _lastAttempts.GetValueOrDefault(key);

    public bool IsStarted(string childId) => _openChildren.Contains(childId);

    /// <summary>Notes a child's outcome that came in after the history was read.</summary>
    /// <returns>Whether it was not known yet.</returns>
    public bool AddOutcome(StepInfo child) => _steps.TryAdd(child.Key, child);

    /// <summary>
    /// Takes records out of the comparison of code and history: after a failed map it depends on timing which of its items were begun.
    /// </summary>
    public void Forgive(string scope) => _notAsked.RemoveWhere(key => IsIn(scope, key));

    private static bool IsIn(string scope, string key) =>
        key.StartsWith(scope, StringComparison.Ordinal) && (key.Length == scope.Length || key[scope.Length] is '/' or '#');
}
