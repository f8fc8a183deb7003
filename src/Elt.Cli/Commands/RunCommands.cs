using System.CommandLine;
using System.Text.Json;
using Elt.Cli.Output;
using Elt.Service.Api;

namespace Elt.Cli.Commands;

/// <summary>Commands about one run: <c>status</c>, <c>steps</c>, <c>result</c>.</summary>
internal static class RunCommands
{
    public static Command Status(Globals globals)
    {
        var id = Id();
        var command = new Command("status", "Shows a run.") { id };
        globals.Handle(command, async (parsed, session, ct) =>
        {
            var answer = await session.Client.GetAsync(ApiPath.Workflow(parsed.GetValue(id)!), ct);
            var run = answer.Deserialize<RunView>(ApiJson.Options)!;
            session.Printer.Item(answer, run.Id, () => session.Printer.Lines(
                ("id", run.Id),
                ("workflow", run.Version == 1 ? run.Workflow : $"{run.Workflow} version {run.Version}"),
                ("status", run.Status),
                ("error", run.Error is { } error ? $"{error.Message} ({error.Type})" : null),
                ("parent", run.ParentId),
                ("queue", run.Queue),
                ("created", CellText.Time(run.CreatedAt)),
                ("started", CellText.Time(run.StartedAt)),
                ("completed", CellText.Time(run.CompletedAt)),
                ("took", CellText.Elapsed(run.StartedAt ?? run.CreatedAt, run.CompletedAt)),
                ("due", CellText.Time(run.DueAt)),
                ("recoveries", run.Recoveries == 0 ? null : CellText.Number(run.Recoveries)),
                ("worker", run.Owner),
                ("input", CellText.Json(run.Input)),
                ("result", CellText.Json(run.Result))));
            return ExitCodes.Ok;
        });
        return command;
    }

    public static Command Steps(Globals globals)
    {
        var id = Id();
        var command = new Command("steps", "Lists the recorded steps of a run, in the order they were recorded.") { id };
        globals.Handle(command, async (parsed, session, ct) =>
        {
            var answer = await session.Client.GetAsync(ApiPath.Steps(parsed.GetValue(id)!), ct);
            session.Printer.Items<StepView>(
                answer.GetProperty("steps"),
                step => step.Key,
                new("STEP", step => step.Key, Whole: true),
                new("KIND", step => step.Kind, Whole: true),
                new("STATUS", step => step.Status, Whole: true),
                new("TRIES", step => CellText.Number(step.Attempts), Whole: true, Right: true),
                new("TOOK", step => CellText.Elapsed(step.StartedAt, step.CompletedAt), Whole: true, Right: true),
                new("COMPLETED", step => CellText.Time(step.CompletedAt), Whole: true),
                new("RESULT", step => step.Error?.Message ?? CellText.Json(step.Result)));
            return ExitCodes.Ok;
        });
        return command;
    }

    public static Command Result(Globals globals)
    {
        var id = Id();
        var wait = new Option<bool>("--wait") { Description = "Wait for the end, if the run has not ended yet." };
        var timeout = WaitOptions.Timeout();
        var command = new Command("result", "Prints the result of a run.") { id, wait, timeout };
        globals.Handle(command, (parsed, session, ct) =>
        {
            var limit = WaitOptions.Read(parsed, timeout);
            return new RunWaiter(session, TimeProvider.System)
                .PrintResultAsync(parsed.GetValue(id)!, parsed.GetValue(wait) ? limit : limit ?? TimeSpan.Zero, isThere: false, ct);
        });
        return command;
    }

    private static Argument<string> Id() => new("id") { Description = "Id of the run." };
}
