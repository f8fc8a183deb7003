using System.CommandLine;
using System.Text.Json;
using Elt.Cli.Output;
using Elt.Service.Api;

namespace Elt.Cli.Commands;

/// <summary>What a run would change: <c>plan</c>.</summary>
internal static class PlanCommand
{
    public static Command Create(Globals globals)
    {
        var integration = IntegrationName.Argument();
        var id = new Option<string>("--id") { Description = "Id of the plan's run: the same id again shows the same plan. Default: a new one.", HelpName = "ID" };
        var timeout = WaitOptions.Timeout();
        var command = new Command(
            "plan",
            "Reads an integration's source and shows what a run would change: how many records, and the first of each kind by their keys. Nothing is applied, and a run that is "
            + "under way is not disturbed. The source is read as a run reads it.") { integration, id, timeout };
        globals.Handle(command, async (parsed, session, ct) =>
        {
            var name = parsed.GetValue(integration)!;
            var request = new StartRequest
            {
                Id = parsed.GetValue(id),
                Input = JsonSerializer.SerializeToElement(new { organization_id = name.Organization, connected_integration_id = name.Integration }),
            };
            var run = (await session.Client.PostAsync(ApiPath.Workflow("plan-pipeline"), request, ct)).Deserialize<StartedView>(ApiJson.Options)!.Id;
            var waiter = new RunWaiter(session, TimeProvider.System);
            var ended = await waiter.AwaitAsync(run, WaitOptions.Read(parsed, timeout), isThere: true, ct);
            if (ended.Deserialize<ResultView>(ApiJson.Options)!.Status != "SUCCESS")
                return waiter.Print(ended);
            Print(session.Printer, await GetAsync(session.Client, name, run, ct));
            return ExitCodes.Ok;
        });
        return command;
    }

    private static async Task<JsonElement> GetAsync(ApiClient client, IntegrationName name, string run, CancellationToken ct)
    {
        var query = $"organization={Uri.EscapeDataString(name.Organization)}&integration={Uri.EscapeDataString(name.Integration)}";
        var plan = await client.GetAsync($"{ApiPath.Plan}?{query}", ct);
        return plan.GetProperty("run_id").GetString() == run ? plan : throw new CliException(
            $"A newer plan of {name} has taken the place of '{run}'. Its counts are still there: elt result {run}", ExitCodes.NotFound);
    }

    private static void Print(Printer printer, JsonElement answer)
    {
        var plan = answer.Deserialize<PlanView>(ApiJson.Options)!;
        printer.Item(answer, plan.RunId, () =>
        {
            printer.Lines(
                ("integration", $"{plan.OrganizationId}/{plan.ConnectedIntegrationId}"),
                ("records", CellText.Number(plan.Staged)),
                ("inserts", CellText.Number(plan.Inserts)),
                ("updates", CellText.Number(plan.Updates)),
                ("deletes", CellText.Number(plan.Deletes)),
                ("deletes held", plan.DeletesHeld == 0 ? null : $"{CellText.Number(plan.DeletesHeld)}: {plan.HoldReason}"),
                ("deletes unconfirmed", plan.DeletesUnconfirmed == 0 ? null : CellText.Number(plan.DeletesUnconfirmed)),
                ("quarantined", CellText.Number(plan.Quarantined)),
                ("behind", plan.AppliedMeanwhile is { } run ? $"Run '{run}' was applied while the plan read the source. Plan again." : null),
                ("run", plan.RunId));
            if (plan.Changes.Count > 0)
                printer.Items<PlannedChangeView>(
                    answer.GetProperty("changes"),
                    change => change.ExternalId,
                    new("CHANGE", change => change.Type, Whole: true),
                    new("RECORD", change => change.ExternalId, Whole: true),
                    new("FIELDS", change => string.Join(',', change.ChangedFields)));
        });
    }
}
