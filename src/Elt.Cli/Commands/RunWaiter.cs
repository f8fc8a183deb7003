using System.Globalization;
using System.Text.Json;
using Elt.Service.Api;
using Spectre.Console;

namespace Elt.Cli.Commands;

/// <summary>Waits for the end of a run, over restarts of the service, and prints its result.</summary>
internal sealed class RunWaiter(Session session, TimeProvider time)
{
    /// <summary>How long the service may be away during a wait: a restart is no reason to give up.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>One request's wait; short enough to keep the clock on the terminal moving.</summary>
    private static readonly TimeSpan Round = TimeSpan.FromSeconds(1);

    /// <param name="id">The run.</param>
    /// <param name="timeout">Longest wait; default no limit, zero asks once.</param>
    /// <param name="isThere">The service has just answered: when it is away now, it is being restarted.</param>
    /// <param name="ct">Ctrl-C: detaches.</param>
    /// <returns>The exit code, which says how the run ended.</returns>
    public async Task<int> PrintResultAsync(string id, TimeSpan? timeout, bool isThere, CancellationToken ct) =>
        Print(await AwaitAsync(id, timeout, isThere, ct));

    /// <inheritdoc cref="PrintResultAsync"/>
    /// <returns>How the run ended.</returns>
    /// <exception cref="CliException">It has not ended.</exception>
    public async Task<JsonElement> AwaitAsync(string id, TimeSpan? timeout, bool isThere, CancellationToken ct)
    {
        try
        {
            var ended = Session.IsWatched ? await WatchAsync(id, timeout, isThere, ct) : await WaitAsync(id, timeout, isThere, _ => { }, ct);
            if (ended is { } answer)
                return answer;
            var waited = timeout > TimeSpan.Zero ? string.Create(CultureInfo.InvariantCulture, $"within {timeout.Value.TotalSeconds:0.###} s") : "yet";
            throw new CliException($"Run '{id}' has not ended {waited}. It goes on; look at it with: elt status {id}", ExitCodes.WaitTimedOut);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            throw new CliException($"Detached. Run '{id}' goes on; look at it with: elt status {id}", ExitCodes.Interrupted);
        }
    }

    /// <summary>Prints how a run ended and returns the exit code that says so.</summary>
    public int Print(JsonElement answer)
    {
        var result = answer.Deserialize<ResultView>(ApiJson.Options)!;
        session.Printer.Item(answer, result.Id, () =>
        {
            session.Printer.Lines(("id", result.Id), ("workflow", result.Workflow), ("status", result.Status));
            session.Printer.Result(result.Result);
        });
        if (result.Status != "SUCCESS")
            Console.Error.WriteLine($"Run '{result.Id}' ended as {result.Status}: {result.Error?.Message ?? "no error is recorded"}");
        return ExitCodes.OfRun(result.Status);
    }

    private async Task<JsonElement?> WatchAsync(string id, TimeSpan? timeout, bool isThere, CancellationToken ct)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return await console.Status().StartAsync($"Waiting for {Markup.Escape(id)}", status => WaitAsync(id, timeout, isThere, waited =>
            status.Status(Markup.Escape(string.Create(CultureInfo.InvariantCulture, $"Waiting for {id}, {waited:h\\:mm\\:ss}; Ctrl-C detaches"))), ct));
    }

    private async Task<JsonElement?> WaitAsync(string id, TimeSpan? timeout, bool isThere, Action<TimeSpan> progress, CancellationToken ct)
    {
        var begun = time.GetTimestamp();
        var lastAnswer = begun;
        while (true)
        {
            var left = timeout - time.GetElapsedTime(begun);
            var round = left is { } rest && rest < Round ? rest : Round;
            try
            {
                if (await session.Client.FindResultAsync(id, round > TimeSpan.Zero ? round : TimeSpan.Zero, ct) is { } answer)
                    return answer;
                (isThere, lastAnswer) = (true, time.GetTimestamp());
            }
            catch (CliException e) when (e.ExitCode == ExitCodes.NotReachable && isThere && time.GetElapsedTime(lastAnswer) < Patience)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(250), time, ct);
            }
            if (left <= TimeSpan.Zero)
                return null;
            progress(time.GetElapsedTime(begun));
        }
    }
}
