using System.CommandLine;
using System.Text.Json;
using Elt.Service.Api;

namespace Elt.Cli.Commands;

internal static class StartCommand
{
    private static readonly Argument<string> Workflow = new("workflow") { Description = "Name of the workflow, such as root-orchestration." };

    private static readonly Argument<string[]> Input = new("key=value")
    {
        Description = "Members of the workflow's input. The service turns the text into what the member needs.",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private static readonly Option<string> Id = new("--id")
    {
        Description = "Id of the run, its idempotency key: the same id again attaches to the same run.",
        HelpName = "ID",
    };

    private static readonly Option<string> Queue = new("--queue") { Description = "Queue to go through. Default: none.", HelpName = "QUEUE" };

    private static readonly Option<bool> Wait = new("--wait") { Description = "Wait for the end and print the result." };

    public static Command Create(Globals globals)
    {
        var timeout = WaitOptions.Timeout();
        var command = new Command("start", "Starts a workflow.") { Workflow, Input, Id, Queue, Wait, timeout };
        Input.Validators.Add(KeyValues.Validate);
        command.Validators.Add(result =>
        {
            if (result.GetResult(timeout) is not null && !result.GetValue(Wait))
                result.AddError("--timeout goes with --wait.");
        });
        globals.Handle(command, async (parsed, session, ct) =>
        {
            var started = await StartAsync(parsed, session.Client, ct);
            if (parsed.GetValue(Wait))
                return await new RunWaiter(session, TimeProvider.System).PrintResultAsync(started.View.Id, WaitOptions.Read(parsed, timeout), isThere: true, ct);
            var (id, workflow, status) = started.View;
            session.Printer.Item(started.Answer, id, () => session.Printer.Lines(("id", id), ("workflow", workflow), ("status", status)));
            return ExitCodes.Ok;
        });
        return command;
    }

    private static async Task<(JsonElement Answer, StartedView View)> StartAsync(ParseResult parsed, ApiClient client, CancellationToken ct)
    {
        var input = parsed.GetValue(Input)!.Select(KeyValues.Split).ToDictionary(pair => pair.Key, pair => pair.Value);
        var request = new StartRequest
        {
            Id = parsed.GetValue(Id),
            Queue = parsed.GetValue(Queue),
            Input = JsonSerializer.SerializeToElement(input),
        };
        var answer = await client.PostAsync(ApiPath.Workflow(parsed.GetValue(Workflow)!), request, ct);
        return (answer, answer.Deserialize<StartedView>(ApiJson.Options)!);
    }
}
