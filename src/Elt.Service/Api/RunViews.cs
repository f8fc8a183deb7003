using System.Text.Json;
using Elt.Durable;

namespace Elt.Service.Api;

/// <summary>Runs and steps as the API shows them. Stacks stay in the journal.</summary>
internal static class RunViews
{
    public static StartedView Started(RunInfo run) => new(run.Id, run.Workflow, run.Status.ToText());

    public static RunView Run(RunInfo run) => new()
    {
        Id = run.Id,
        Workflow = run.Workflow,
        Version = run.Version,
        Status = run.Status.ToText(),
        Queue = run.Queue,
        ParentId = run.ParentId,
        Input = JsonNames.ToSnakeDocument(run.Input),
        Result = Json(run.Output),
        Error = Error(run.Error),
        Recoveries = run.Recoveries,
        Owner = run.Owner,
        CreatedAt = run.CreatedAt,
        StartedAt = run.StartedAt,
        CompletedAt = run.CompletedAt,
        DueAt = run.DueAt,
    };

    public static ResultView Result(RunInfo run) => new(run.Id, run.Workflow, run.Status.ToText(), Json(run.Output), Error(run.Error));

    public static StepView Step(StepInfo step) => new()
    {
        Key = step.Key,
        Kind = step.Kind.ToString().ToUpperInvariant(),
        Status = step.Status.ToText(),
        Attempts = step.Attempts,
        Result = Json(step.Result),
        Error = Error(step.Error),
        StartedAt = step.StartedAt,
        CompletedAt = step.CompletedAt,
    };

    private static JsonElement? Json(string? json) => json is null ? null : JsonNames.ToSnakeDocument(json);

    private static ErrorView? Error(ErrorInfo? error) => error is null ? null : new ErrorView(error.Type, error.Message);
}
