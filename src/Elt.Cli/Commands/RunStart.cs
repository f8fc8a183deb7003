using System.CommandLine;
using System.Text.Json;
using Elt.Service.Api;

namespace Elt.Cli.Commands;

/// <summary>What the commands have in common that start a run of their own kind: its id, and the wait for its end.</summary>
internal sealed class RunStart
{
    private readonly Option<string> _id = new("--id")
    {
        Description = "Id of the run, its idempotency key: the same id again attaches to the same run. Default: a new one.",
        HelpName = "ID",
    };

    private readonly Option<bool> _wait = new("--wait") { Description = "Wait for the end and print the result." };

    private readonly Option<string> _timeout = WaitOptions.Timeout();

    public void AddTo(Command command)
    {
        command.Add(_id);
        command.Add(_wait);
        command.Add(_timeout);
        command.Validators.Add(result =>
        {
            if (result.GetResult(_timeout) is not null && !result.GetValue(_wait))
                result.AddError("--timeout goes with --wait.");
        });
    }

    public string? Id(ParseResult parsed) => parsed.GetValue(_id);

    /// <summary>Starts the run, and waits when that was asked for.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="session">The service.</param>
    /// <param name="path">Where runs of that kind are started.</param>
    /// <param name="request">What to start.</param>
    /// <param name="judge">The exit code of a run that succeeded, by its result; default 0.</param>
    /// <param name="ct">Detaches.</param>
    public async Task<int> RunAsync<T>(ParseResult parsed, Session session, string path, T request, Func<JsonElement, int>? judge, CancellationToken ct)
    {
        var answer = await session.Client.PostAsync(path, request, ct);
        var (id, workflow, status) = answer.Deserialize<StartedView>(ApiJson.Options)!;
        if (!parsed.GetValue(_wait))
        {
            session.Printer.Item(answer, id, () => session.Printer.Lines(("id", id), ("workflow", workflow), ("status", status)));
            return ExitCodes.Ok;
        }
        var waiter = new RunWaiter(session, TimeProvider.System);
        var ended = await waiter.AwaitAsync(id, WaitOptions.Read(parsed, _timeout), isThere: true, ct);
        var exitCode = waiter.Print(ended);
        return exitCode == ExitCodes.Ok && judge is not null ? judge(ended.GetProperty("result")) : exitCode;
    }
}
