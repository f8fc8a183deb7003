namespace Elt.Durable.Testing;

/// <summary>How far today's code followed a recorded run. Nothing was executed and nothing written.</summary>
public sealed class ReplayedRun
{
    internal ReplayedRun(RecordedRun recorded, RunStatus? status, string? output, ErrorInfo? error, IReadOnlyList<string> notRecorded, IReadOnlyList<string> notAsked)
    {
        (Status, Output, Error, NotRecorded, NotAsked) = (status, output, error, notRecorded, notAsked);
        Differences = [.. Compare(recorded.Run)];
    }

    /// <summary><see cref="RunStatus.Success"/> or <see cref="RunStatus.Error"/> when the code came to an end, <see langword="null"/> when it stopped at what is not recorded.</summary>
    public RunStatus? Status { get; }

    /// <summary>Result as JSON when the code succeeded.</summary>
    public string? Output { get; }

    /// <summary>Why it failed, when it did.</summary>
    public ErrorInfo? Error { get; }

    /// <summary>Keys of operations that the code asked for and the history does not hold: where a run in flight would go on.</summary>
    public IReadOnlyList<string> NotRecorded { get; }

    /// <summary>Keys of steps that are recorded and the code did not ask for.</summary>
    public IReadOnlyList<string> NotAsked { get; }

    /// <summary>In what the code differs from that which recorded the run, a sentence each; empty when it can take the run over.</summary>
    public IReadOnlyList<string> Differences { get; }

    private IEnumerable<string> Compare(RunInfo run)
    {
        var hasEnded = run.Status is RunStatus.Success or RunStatus.Error;
        foreach (var key in NotAsked)
            yield return $"'{key}' is recorded, the code did not ask for it.";
        foreach (var key in hasEnded ? NotRecorded : [])
            yield return $"The code asked for '{key}', which the run ended without.";
        if (!hasEnded || Status is null)
            yield break;
        if (Status != run.Status)
            yield return $"The run ended as {run.Status}, the code as {Status}{(Error is null ? "" : $": {Error.Message}")}.";
        else if (Output != run.Output)
            yield return $"The result was {run.Output}, now it is {Output}.";
        else if (Error?.Message != run.Error?.Message)
            yield return $"The error was '{run.Error?.Message}', now it is '{Error?.Message}'.";
    }
}
