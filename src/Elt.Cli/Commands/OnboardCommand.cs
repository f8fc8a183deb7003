using System.CommandLine;
using System.Text.Json;
using Elt.Service.Api;

namespace Elt.Cli.Commands;

/// <summary>From connected integrations to ones that the schedule runs: <c>onboard</c>.</summary>
internal static class OnboardCommand
{
    public static Command Create(Globals globals)
    {
        var organization = new Argument<string>("organization") { Description = "Id of the organization." };
        var integrations = new Option<string[]>("--integration")
        {
            Description = "Id of an integration to onboard, whatever its state; may be given several times. Default: all that are pending or need new credentials.",
            HelpName = "ID",
        };
        var start = new RunStart();
        var command = new Command(
            "onboard",
            "Onboards integrations of an organization: asks each source for its first page, loads everything for the first time, and lets the schedule run it from then on. "
            + "Connect them before with: elt integrations add --state pending. With --wait the exit code is 1 when one of them fails; the others are onboarded all the same.")
        {
            organization, integrations,
        };
        start.AddTo(command);
        globals.Handle(command, (parsed, session, ct) =>
        {
            var named = parsed.GetValue(integrations);
            var request = new OnboardRequest
            {
                Id = start.Id(parsed),
                OrganizationId = parsed.GetValue(organization)!,
                Integrations = named is { Length: > 0 } ? named : null,
            };
            return start.RunAsync(parsed, session, ApiPath.Onboardings, request, Judge, ct);
        });
        return command;
    }

    private static int Judge(JsonElement result)
    {
        var failed = result.GetProperty("failed").GetInt32();
        if (failed == 0)
            return ExitCodes.Ok;
        Console.Error.WriteLine($"{failed} {(failed == 1 ? "integration is" : "integrations are")} not onboarded; the result says why.");
        return ExitCodes.RunFailed;
    }
}
