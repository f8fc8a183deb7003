using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Elt.Cli.Output;
using Elt.Service.Api;

namespace Elt.Cli.Commands;

/// <summary>Held deletes: <c>deletes list</c>, <c>deletes approve</c>, <c>deletes approve-all</c>, <c>deletes reject</c>.</summary>
internal static class DeletesCommand
{
    private static readonly Column<HoldView>[] Columns =
    [
        new("ORGANIZATION", hold => hold.OrganizationId, Whole: true),
        new("INTEGRATION", hold => hold.ConnectedIntegrationId, Whole: true),
        new("HOLD", Number, Whole: true, Right: true),
        new("STATE", hold => hold.State, Whole: true),
        new("RECORDS", hold => CellText.Number(hold.Records), Whole: true, Right: true),
        new("SHARE", Share, Whole: true, Right: true),
        new("SINCE", hold => CellText.Time(hold.Since), Whole: true),
        new("REASON", hold => hold.Reason),
    ];

    public static Command Create(Globals globals) => new("deletes", "Shows deletes that are held because too many records are gone at once, and takes decisions on them.")
    {
        List(globals), Approve(globals), ApproveAll(globals), Reject(globals),
    };

    private static Command List(Globals globals)
    {
        var options = new ReviewOptions("open, approved, rejected, applied, lapsed, replaced, resolved", "open,approved");
        var command = new Command("list", "Lists held deletes; -o json shows also the run and the keys of the first records.");
        options.AddTo(command);
        globals.Handle(command, async (parsed, session, ct) =>
        {
            var answer = await session.Client.GetAsync(options.Address(ApiPath.Deletes, parsed), ct);
            session.Printer.Items(answer.GetProperty("holds"), Id, Columns);
            ReviewOptions.TellNext(answer);
            return ExitCodes.Ok;
        });
        return command;
    }

    private static Command Approve(Globals globals)
    {
        var run = new Option<bool>("--run") { Description = "Start a run of the integration at once; else its next one applies the approval." };
        var command = new Command(
            "approve",
            "Approves held deletes. Nothing is deleted yet: the next complete run of the integration deletes those of the held records that it finds gone as well. "
            + "Records that are back by then stay. When that run finds so many others gone that they would be held by themselves, it holds all again.") { run };
        return Decide(globals, command, "approve", (parsed, session, name, ct) =>
            parsed.GetValue(run) ? name.StartRunAsync(session.Client, ct) : Task.FromResult<string?>(null));
    }

    private static Command ApproveAll(Globals globals) => BulkCommand.Create(
        globals,
        new Command("approve-all", "Approves all open holds, or those of an organization or integration, each as approve does. Look at them before: elt deletes list"),
        $"{ApiPath.Deletes}/approve-all", "approved", "holds", Note(), (request, note) => request with { Note = note });

    private static Option<string> Note() => new("--note") { Description = "What is to be known about the decision.", HelpName = "TEXT" };

    private static Command Reject(Globals globals) => Decide(
        globals,
        new Command("reject", "Rejects held deletes, or takes back their approval. The hold is closed and nothing is deleted; the next run holds again what is still gone then."),
        "reject",
        (_, _, _, _) => Task.FromResult<string?>(null));

    private static Command Decide(
        Globals globals, Command command, string verb, Func<ParseResult, Session, IntegrationName, CancellationToken, Task<string?>> after)
    {
        var integration = IntegrationName.Argument();
        var hold = new Argument<long>("hold") { Description = "Number of the hold that you have looked at, from: elt deletes list" };
        var by = ReviewOptions.By();
        var note = Note();
        command.Add(integration);
        command.Add(hold);
        command.Add(by);
        command.Add(note);
        globals.Handle(command, async (parsed, session, ct) =>
        {
            var name = parsed.GetValue(integration)!;
            var request = new HoldDecisionRequest
            {
                OrganizationId = name.Organization, ConnectedIntegrationId = name.Integration,
                Hold = parsed.GetValue(hold), By = parsed.GetValue(by)!, Note = parsed.GetValue(note),
            };
            var answer = await session.Client.PostAsync($"{ApiPath.Deletes}/{verb}", request, ct);
            var decided = answer.Deserialize<HoldView>(ApiJson.Options)!;
            var started = await after(parsed, session, name, ct);
            session.Printer.Item(ReviewOptions.WithRun(answer, started), Id(decided), () => Print(session.Printer, decided, started));
            return ExitCodes.Ok;
        });
        return command;
    }

    private static void Print(Printer printer, HoldView hold, string? started) => printer.Lines(
        ("integration", $"{hold.OrganizationId}/{hold.ConnectedIntegrationId}"),
        ("hold", Number(hold)),
        ("state", hold.State),
        ("records", $"{CellText.Number(hold.Records)} of {CellText.Number(hold.Existing)}"),
        ("reason", hold.Reason),
        ("decided by", hold.DecidedBy),
        ("note", hold.Note),
        ("started run", started));

    // As it is typed: without separators.
    private static string Number(HoldView hold) => hold.Hold.ToString(CultureInfo.InvariantCulture);

    private static string Share(HoldView hold) => string.Create(CultureInfo.InvariantCulture, $"{hold.Share:P1}");

    private static string Id(HoldView hold) =>
        $"{new IntegrationName(hold.OrganizationId, hold.ConnectedIntegrationId)} {Number(hold)}";
}
