using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Elt.Cli.Output;
using Elt.Service.Api;

namespace Elt.Cli.Commands;

/// <summary>Commands about the service as a whole: <c>datasets</c>, <c>tables</c>, <c>health</c>.</summary>
internal static class ServiceCommands
{
    public static Command Datasets(Globals globals)
    {
        var command = new Command("datasets", "Lists the datasets that integrations can feed, with their columns.");
        globals.Handle(command, async (_, session, ct) =>
        {
            var answer = await session.Client.GetAsync(ApiPath.Datasets, ct);
            session.Printer.Items<DatasetView>(
                answer.GetProperty("datasets"),
                dataset => dataset.Name,
                new("NAME", dataset => dataset.Name, Whole: true),
                new("COLUMNS", dataset => string.Join(", ", dataset.Columns.Select(column => $"{column.Name} {column.Type}"))),
                new("KEY", dataset => dataset.Key));
            return ExitCodes.Ok;
        });
        return command;
    }

    public static Command Tables(Globals globals)
    {
        var command = new Command("tables", "Counts the rows of each table, by integration.");
        globals.Handle(command, async (_, session, ct) =>
        {
            var answer = await session.Client.GetAsync(ApiPath.Tables, ct);
            session.Printer.Items<TableView>(
                answer.GetProperty("tables"),
                table => table.Table,
                new("TABLE", table => table.Table, Whole: true),
                new("ORGANIZATION", table => table.OrganizationId, Whole: true),
                new("INTEGRATION", table => table.ConnectedIntegrationId, Whole: true),
                new("ROWS", table => CellText.Number(table.Rows), Whole: true, Right: true));
            return ExitCodes.Ok;
        });
        return command;
    }

    public static Command Health(Globals globals)
    {
        var command = new Command("health", "Shows whether the service is well, part by part.");
        globals.Handle(command, async (_, session, ct) =>
        {
            var answer = await session.Client.GetHealthAsync(ct);
            var health = answer.Deserialize<HealthView>(ApiJson.Options)!;
            if (session.Printer.Format == OutputFormat.Table)
                session.Printer.Items<CheckView>(
                    answer.GetProperty("checks"),
                    check => check.Name,
                    new("PART", check => check.Name, Whole: true),
                    new("STATUS", check => check.Status, Whole: true),
                    new("TOOK", check => string.Create(CultureInfo.InvariantCulture, $"{check.Milliseconds:0.0} ms"), Whole: true, Right: true),
                    new("REASON", check => check.Reason));
            else
                session.Printer.Item(answer, health.Status, () => { });
            return health.Status == "ok" ? ExitCodes.Ok : ExitCodes.RunFailed;
        });
        return command;
    }
}
