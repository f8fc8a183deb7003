using System.CommandLine;
using System.Text.Json;
using Elt.Cli.Output;
using Elt.Service.Api;

namespace Elt.Cli.Commands;

/// <summary>Records that could not be taken: <c>quarantine list</c>, <c>show</c>, <c>replay</c>, <c>discard</c>, <c>discard-all</c>.</summary>
internal static class QuarantineCommand
{
    public static Command Create(Globals globals) => new(
        "quarantine", "Shows records that could not be taken. They count as seen: none is deleted at the destination for being here.")
    {
        List(globals), Show(globals), Replay(globals), Discard(globals), DiscardAll(globals),
    };

    private static Command List(Globals globals)
    {
        var options = new ReviewOptions("open, replayed, discarded, resolved", "open,replayed");
        var command = new Command("list", "Lists records in quarantine, without their content.");
        options.AddTo(command);
        globals.Handle(command, async (parsed, session, ct) =>
        {
            var answer = await session.Client.GetAsync(options.Address(ApiPath.Quarantine, parsed), ct);
            session.Printer.Items<QuarantinedView>(
                answer.GetProperty("records"),
                record => record.Key,
                new("ORGANIZATION", record => record.OrganizationId, Whole: true),
                new("INTEGRATION", record => record.ConnectedIntegrationId, Whole: true),
                new("DATASET", record => record.Dataset, Whole: true),
                new("KEY", record => record.Key, Whole: true),
                new("STATE", record => record.State, Whole: true),
                new("RUNS", record => CellText.Number(record.Runs), Whole: true, Right: true),
                new("LAST SEEN", record => CellText.Time(record.LastSeenAt), Whole: true),
                new("REASONS", record => string.Join(' ', record.Reasons.Select(Text))));
            ReviewOptions.TellNext(answer);
            return ExitCodes.Ok;
        });
        return command;
    }

    private static Command Show(Globals globals)
    {
        var (integration, key) = (IntegrationName.Argument(), Key());
        var command = new Command("show", "Shows one record as it came, with all reasons.") { integration, key };
        globals.Handle(command, async (parsed, session, ct) =>
        {
            var name = parsed.GetValue(integration)!;
            var answer = await session.Client.GetAsync(
                $"{ApiPath.Quarantine}/record?organization={Uri.EscapeDataString(name.Organization)}&integration={Uri.EscapeDataString(name.Integration)}"
                + $"&key={Uri.EscapeDataString(parsed.GetValue(key)!)}",
                ct);
            Print(session.Printer, answer, started: null);
            return ExitCodes.Ok;
        });
        return command;
    }

    private static Command Replay(Globals globals)
    {
        var run = new Option<bool>("--run") { Description = "Start a run of the integration at once, when the record can be taken now." };
        var command = new Command(
            "replay",
            "Maps a record anew, with the integration's connector as it is now, and shows the reasons that are left. When none are left the record waits for the next run "
            + "of the integration, which reads it from the source again and takes it: what lies in quarantine may be older than what the source has, and is not applied itself.") { run };
        return Decide(globals, command, "replay", (parsed, session, name, record, ct) =>
            parsed.GetValue(run) && record.State == "replayed" ? name.StartRunAsync(session.Client, ct) : Task.FromResult<string?>(null));
    }

    private static Command Discard(Globals globals) => Decide(
        globals,
        new Command(
            "discard",
            "Takes a record off the list, until it comes with other reasons. The record is not taken, and its user at the destination stays as it is. "
            + "A record without a usable key is listed anew by each run, under another key."),
        "discard",
        (_, _, _, _, _) => Task.FromResult<string?>(null));

    private static Command DiscardAll(Globals globals) => BulkCommand.Create(
        globals,
        new Command("discard-all", "Discards all open records, or those of an organization, integration or rule, each as discard does. Look at them before: elt quarantine list"),
        $"{ApiPath.Quarantine}/discard-all", "discarded", "records",
        new Option<string>("--rule") { Description = "Only records with a reason of this rule, such as new_field.", HelpName = "ID" },
        (request, rule) => request with { Rule = rule });

    private static Command Decide(
        Globals globals, Command command, string verb, Func<ParseResult, Session, IntegrationName, QuarantinedView, CancellationToken, Task<string?>> after)
    {
        var (integration, key, by) = (IntegrationName.Argument(), Key(), ReviewOptions.By());
        command.Add(integration);
        command.Add(key);
        command.Add(by);
        globals.Handle(command, async (parsed, session, ct) =>
        {
            var name = parsed.GetValue(integration)!;
            var request = new QuarantineDecisionRequest
            {
                OrganizationId = name.Organization, ConnectedIntegrationId = name.Integration, Key = parsed.GetValue(key)!, By = parsed.GetValue(by)!,
            };
            var answer = await session.Client.PostAsync($"{ApiPath.Quarantine}/{verb}", request, ct);
            Print(session.Printer, answer, await after(parsed, session, name, answer.Deserialize<QuarantinedView>(ApiJson.Options)!, ct));
            return ExitCodes.Ok;
        });
        return command;
    }

    private static void Print(Printer printer, JsonElement answer, string? started)
    {
        var record = answer.Deserialize<QuarantinedView>(ApiJson.Options)!;
        printer.Item(ReviewOptions.WithRun(answer, started), record.Key, () => printer.Lines(
        [
            ("integration", $"{record.OrganizationId}/{record.ConnectedIntegrationId}"),
            ("dataset", record.Dataset),
            ("key", record.Key),
            ("state", record.State),
            .. record.Reasons.Select(reason => ("reason", (string?)Text(reason))),
            ("decided by", record.DecidedBy),
            ("first seen", CellText.Time(record.FirstSeenAt)),
            ("last seen", CellText.Time(record.LastSeenAt)),
            ("read by", $"run {record.RunId}, page {record.Page}, row {record.Ordinal + 1}"),
            ("raw", record.Raw),
            ("started run", started),
        ]));
    }

    private static string Text(QuarantineReasonView reason) => reason.Field is { } field ? $"{field}: {reason.Message}" : reason.Message;

    private static Argument<string> Key() => new("key") { Description = "Key of the record, from: elt quarantine list" };
}
