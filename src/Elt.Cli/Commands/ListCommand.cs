using System.CommandLine;
using Elt.Cli.Output;
using Elt.Service.Api;

namespace Elt.Cli.Commands;

internal static class ListCommand
{
    private static readonly (string Name, string Description)[] Filters =
    [
        ("status", "Status or several, separated by commas; PENDING stands for all that have not ended."),
        ("name", "Name of the workflow."),
        ("prefix", "Beginning of the id."),
        ("parent", "Id of the run that started them."),
        ("queue", "Name of the queue."),
        ("limit", "At most so many, 1 to 1000. Default: 50."),
    ];

    public static Command Create(Globals globals)
    {
        var pairs = new Argument<string[]>("filter=value")
        {
            Description = "The options below without their dashes: status=ERROR limit=10.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        pairs.Validators.Add(KeyValues.Validate);
        pairs.Validators.Add(result =>
        {
            foreach (var key in result.Tokens.Select(token => token.Value.Split('=')[0]).Where(key => Filters.All(filter => filter.Name != key)))
                result.AddError($"There is no filter '{key}'. Filters: {string.Join(", ", Filters.Select(filter => filter.Name))}.");
        });
        var options = Filters.Select(filter => new Option<string>($"--{filter.Name}") { Description = filter.Description }).ToArray();
        var command = new Command("list", "Lists runs, newest first.") { pairs };
        foreach (var option in options)
            command.Add(option);
        globals.Handle(command, async (parsed, session, ct) =>
        {
            var filters = options
                .Select(option => (Key: option.Name.TrimStart('-'), Value: parsed.GetValue(option)!)).Where(filter => filter.Value is not null)
                .Concat(parsed.GetValue(pairs)!.Select(KeyValues.Split))
                .Select(filter => $"{filter.Key}={Uri.EscapeDataString(filter.Value)}");
            var answer = await session.Client.GetAsync($"{ApiPath.Workflows}?{string.Join('&', filters)}", ct);
            session.Printer.Items<RunView>(
                answer.GetProperty("workflows"),
                run => run.Id,
                new("ID", run => run.Id, Whole: true),
                new("WORKFLOW", run => run.Workflow, Whole: true),
                new("STATUS", run => run.Status, Whole: true),
                new("CREATED", run => CellText.Time(run.CreatedAt), Whole: true),
                new("TOOK", run => CellText.Elapsed(run.StartedAt ?? run.CreatedAt, run.CompletedAt), Whole: true, Right: true),
                new("ERROR", run => run.Error?.Message));
            return ExitCodes.Ok;
        });
        return command;
    }
}
