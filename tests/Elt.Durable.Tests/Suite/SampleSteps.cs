using Elt.Durable.Journal;

namespace Elt.Durable.Tests.Suite;

/// <summary>Steps as a worker hands them to the journal.</summary>
internal static class SampleSteps
{
    public static StepInfo Step(string key, StepKind kind = StepKind.Step) => new()
    {
        Key = key,
        Kind = kind,
        Status = RunStatus.Success,
        Result = "1",
        Attempts = 1,
        StartedAt = DateTimeOffset.UnixEpoch,
        CompletedAt = DateTimeOffset.UnixEpoch,
    };

    /// <summary>A step that somebody at this epoch hands in, maybe too late.</summary>
    public static StepWrite LateStep(string run, long epoch) => new(new RunKey(run, epoch), Step("late"));
}
