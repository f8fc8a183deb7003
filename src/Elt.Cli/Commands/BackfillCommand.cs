using System.CommandLine;
using Elt.Service.Api;

namespace Elt.Cli.Commands;

/// <summary>What was changed in a range of time, read again: <c>backfill</c>.</summary>
internal static class BackfillCommand
{
    public static Command Create(Globals globals)
    {
        var integration = IntegrationName.Argument();
        var from = new Option<string>("--from")
        {
            Description = "Records that were changed then or later, such as 2026-01-31 or 2026-01-31T05:20:00Z; UTC where it names no zone.", Required = true, HelpName = "TIME",
        };
        var to = new Option<string>("--to") { Description = "Records that were changed before. Default: no end.", HelpName = "TIME" };
        var limit = new Option<int?>("--requests-per-minute")
        {
            Description = "Most requests for pages, one after another, 1 to 6000. Default: no limit.", HelpName = "NUMBER",
        };
        var start = new RunStart();
        var command = new Command(
            "backfill",
            "Reads the records of an integration that were changed in a range of time, and takes those that are missing or newer. A newer row is never overwritten, nothing "
            + "is deleted, and incremental reads go on where they were. It reads beside scheduled runs and is merged when none is under way. The connector must say when "
            + "records were changed.") { integration, from, to, limit };
        start.AddTo(command);
        globals.Handle(command, (parsed, session, ct) =>
        {
            var name = parsed.GetValue(integration)!;
            var request = new BackfillRequest
            {
                Id = start.Id(parsed),
                OrganizationId = name.Organization,
                ConnectedIntegrationId = name.Integration,
                From = parsed.GetValue(from)!,
                To = parsed.GetValue(to),
                RequestsPerMinute = parsed.GetValue(limit),
            };
            return start.RunAsync(parsed, session, ApiPath.Backfills, request, judge: null, ct);
        });
        return command;
    }
}
