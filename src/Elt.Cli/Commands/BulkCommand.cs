using System.CommandLine;
using System.Text.Json;
using Elt.Cli.Output;
using Elt.Service.Api;

namespace Elt.Cli.Commands;

/// <summary>Decisions on all that waits: <c>deletes approve-all</c>, <c>quarantine discard-all</c>. Without <c>--yes</c> they only tell what they would decide.</summary>
internal static class BulkCommand
{
    /// <param name="globals">Options of every command.</param>
    /// <param name="command">The command, without options.</param>
    /// <param name="address">Where the decision is sent to.</param>
    /// <param name="done">What was done, such as <c>approved</c>.</param>
    /// <param name="things">What it was done to, such as <c>holds</c>.</param>
    /// <param name="own">An option that only this command has.</param>
    /// <param name="add">Puts that option's value into the request.</param>
    public static Command Create(
        Globals globals, Command command, string address, string done, string things, Option<string> own, Func<BulkDecisionRequest, string?, BulkDecisionRequest> add)
    {
        var organization = new Option<string>("--organization") { Description = "Only of this organization.", HelpName = "ID" };
        var integration = new Option<string>("--integration") { Description = "Only of integrations of this id.", HelpName = "ID" };
        var dryRun = new Option<bool>("--dry-run") { Description = "Only tell how many." };
        var yes = new Option<bool>("--yes") { Description = "Do it." };
        var by = ReviewOptions.By();
        foreach (var option in new Option[] { organization, integration, own, by, dryRun, yes })
            command.Add(option);
        command.Validators.Add(given =>
        {
            if (given.GetValue(dryRun) == given.GetValue(yes))
                given.AddError("Give --dry-run to be told how many there are, or --yes to decide on all of them.");
        });
        globals.Handle(command, async (parsed, session, ct) =>
        {
            var request = new BulkDecisionRequest
            {
                OrganizationId = parsed.GetValue(organization), ConnectedIntegrationId = parsed.GetValue(integration),
                By = parsed.GetValue(by)!, DryRun = parsed.GetValue(dryRun),
            };
            var answer = await session.Client.PostAsync(address, add(request, parsed.GetValue(own)), ct);
            var outcome = answer.Deserialize<BulkDecisionView>(ApiJson.Options)!;
            session.Printer.Item(answer, CellText.Number(outcome.Decided), () => session.Printer.Lines(
                (outcome.DryRun ? $"would be {done}" : done, $"{CellText.Number(outcome.Decided)} {things}"),
                ("records", CellText.Number(outcome.Records))));
            return ExitCodes.Ok;
        });
        return command;
    }
}
