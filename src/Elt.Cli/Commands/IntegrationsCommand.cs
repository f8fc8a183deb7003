using System.CommandLine;
using System.Text.Json;
using Elt.Cli.Output;
using Elt.Service.Api;

namespace Elt.Cli.Commands;

internal static class IntegrationsCommand
{
    private static readonly Column<IntegrationView>[] Columns =
    [
        new("ID", integration => integration.Id, Whole: true),
        new("ORGANIZATION", integration => integration.OrganizationId, Whole: true),
        new("PROVIDER", integration => integration.Provider, Whole: true),
        new("DATASET", integration => integration.Dataset, Whole: true),
        new("STATE", integration => integration.State, Whole: true),
        new("REASON", integration => integration.StateReason),
        new("PROVIDER DATA", integration => CellText.Json(integration.ProviderData)),
    ];

    public static Command Create(Globals globals)
    {
        var command = new Command("integrations", "Lists the connected integrations.") { Add(globals) };
        globals.Handle(command, async (_, session, ct) =>
        {
            var answer = await session.Client.GetAsync(ApiPath.Integrations, ct);
            session.Printer.Items(answer.GetProperty("integrations"), integration => integration.Id, Columns);
            return ExitCodes.Ok;
        });
        return command;
    }

    private static Command Add(Globals globals)
    {
        var id = new Option<string>("--id") { Description = "Id of the integration.", Required = true, HelpName = "ID" };
        var organization = new Option<string>("--organization") { Description = "Id of the organization.", Required = true, HelpName = "ID" };
        var provider = new Option<string>("--provider") { Description = "Name of the provider.", Required = true, HelpName = "NAME" };
        var state = new Option<string>("--state")
        {
            Description = "active: the schedule runs it; pending: not before it is onboarded; paused: not before it is set to active. "
                + "Default: active for a new one, and as it is for one that is there.",
            HelpName = "STATE",
        };
        var data = new Argument<string[]>("key=value")
        {
            Description = "Provider data: permission_source_name=… api_endpoint=https://… page_size=10 secrets.token=env:NAME connector=@file.json",
            Arity = ArgumentArity.ZeroOrMore,
        };
        data.Validators.Add(KeyValues.Validate);
        var command = new Command("add", "Adds an integration, or replaces the one of that id.") { id, organization, provider, state, data };
        globals.Handle(command, async (parsed, session, ct) =>
        {
            var integration = new IntegrationView
            {
                Id = parsed.GetValue(id)!,
                OrganizationId = parsed.GetValue(organization)!,
                Provider = parsed.GetValue(provider)!,
                State = parsed.GetValue(state),
                ProviderData = JsonSerializer.SerializeToElement(JsonArguments.Object(parsed.GetValue(data)!.Select(KeyValues.Split))),
            };
            var answer = await session.Client.PostAsync(ApiPath.Integrations, integration, ct);
            session.Printer.Item(answer, integration.Id, () => session.Printer.Lines(
                [.. Columns.Select(column => (column.Title.ToLowerInvariant(), column.Value(answer.Deserialize<IntegrationView>(ApiJson.Options)!)))]));
            return ExitCodes.Ok;
        });
        return command;
    }
}
