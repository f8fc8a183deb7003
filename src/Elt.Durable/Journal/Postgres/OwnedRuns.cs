namespace Elt.Durable.Journal.Postgres;

/// <summary>
/// The runs that are certainly the worker's own. A run that it had, it has until it parks or ends the run itself, or somebody takes runs from it, which changes
/// the number <c>taken</c> in its row: while a commit, under its lock on that row, finds the number it knows, these runs need not be looked up.
/// </summary>
internal sealed class OwnedRuns
{
    private readonly HashSet<RunKey> _runs = [];
    private (string WorkerId, long? Taken) _worker = ("", null);

    /// <summary>The number under which these runs are the worker's; <see langword="null"/> when none is known.</summary>
    public long? Taken => _runs.Count > 0 ? _worker.Taken : null;

    public bool Contains(RunKey run) => _runs.Contains(run);

    /// <summary>Nothing is certain any more.</summary>
    public void Clear() => _runs.Clear();

    /// <summary>Tells what the row of a worker said in a commit; runs known under another number are forgotten.</summary>
    public void See(string workerId, long? taken)
    {
        if (_worker == (workerId, taken))
            return;
        _worker = (workerId, taken);
        _runs.Clear();
    }

    /// <summary>A run was found to be the worker's in the commit that was told last.</summary>
    public void Add(RunKey run)
    {
        if (_worker.Taken is not null)
            _runs.Add(run);
    }

    /// <summary>The worker gave a run back, or ended it.</summary>
    public void Remove(RunKey run) => _runs.Remove(run);
}
