using System.CommandLine;
using Elt.Cli;
using Elt.Cli.Commands;

var globals = new Globals();
var root = new RootCommand("Starts and watches workflows of an Elt service.")
{
    globals.Url,
    globals.Format,
    StartCommand.Create(globals),
    RunCommands.Status(globals),
    RunCommands.Steps(globals),
    RunCommands.Result(globals),
    ListCommand.Create(globals),
    IntegrationsCommand.Create(globals),
    OnboardCommand.Create(globals),
    BackfillCommand.Create(globals),
    PlanCommand.Create(globals),
    DeletesCommand.Create(globals),
    QuarantineCommand.Create(globals),
    QualityCommand.Create(globals),
    ServiceCommands.Datasets(globals),
    ServiceCommands.Tables(globals),
    ServiceCommands.Health(globals),
};

var parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
if (parsed.Errors.Count > 0)
{
    foreach (var error in parsed.Errors)
        Console.Error.WriteLine($"elt: {error.Message}");
    Console.Error.WriteLine("See: elt --help");
    return ExitCodes.Usage;
}
try
{
    return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (CliException e)
{
    Console.Error.WriteLine($"elt: {e.Message}");
    return e.ExitCode;
}
catch (OperationCanceledException)
{
    return ExitCodes.Interrupted;
}
