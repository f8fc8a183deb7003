using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using Elt.Service.Api;

namespace Elt.Cli.Commands;

/// <summary>An integration as a command line names it.</summary>
internal sealed record IntegrationName(string Organization, string Integration)
{
    public static Argument<IntegrationName> Argument() => new("organization/integration")
    {
        Description = "Ids of the organization and of its integration. Write a slash inside an id as %2F, a percent sign as %25.",
        CustomParser = given =>
        {
            if (given.Tokens[0].Value.Split('/') is [{ Length: > 0 } organization, { Length: > 0 } integration])
                return new IntegrationName(Uri.UnescapeDataString(organization), Uri.UnescapeDataString(integration));
            given.AddError($"'{given.Tokens[0].Value}' is not organization/integration.");
            return null!;
        },
    };

    /// <summary>Starts a run of the integration.</summary>
    /// <returns>Its id.</returns>
    public async Task<string?> StartRunAsync(ApiClient client, CancellationToken ct)
    {
        var input = new { organization_id = Organization, connected_integration_id = Integration };
        var request = new StartRequest { Queue = "pipelines", Input = JsonSerializer.SerializeToElement(input) };
        return (await client.PostAsync(ApiPath.Workflow("elt-pipeline"), request, ct)).GetProperty("id").GetString();
    }

    /// <summary>The name as the argument is written; fit for a part of a run's id.</summary>
    public override string ToString() => $"{Uri.EscapeDataString(Organization)}/{Uri.EscapeDataString(Integration)}";
}

/// <summary>Options of the lists that people look through, and of decisions.</summary>
internal sealed class ReviewOptions
{
    private readonly Option<string>[] _filters;

    public ReviewOptions(string states, string defaultState) => _filters =
    [
        new("--organization") { Description = "Only of this organization.", HelpName = "ID" },
        new("--integration") { Description = "Only of integrations of this id.", HelpName = "ID" },
        new("--state") { Description = $"State or several, separated by commas: {states}. Default: {defaultState}.", HelpName = "STATE" },
        new("--limit") { Description = "At most so many, 1 to 1000. Default: 50.", HelpName = "NUMBER" },
        new("--cursor") { Description = "Where the page before ended, as it was told.", HelpName = "CURSOR" },
    ];

    public void AddTo(Command command)
    {
        foreach (var filter in _filters)
            command.Add(filter);
    }

    /// <summary>The address of a list with the filters that were given.</summary>
    public string Address(string path, ParseResult parsed)
    {
        var given = _filters.Where(filter => parsed.GetValue(filter) is not null)
            .Select(filter => $"{filter.Name.TrimStart('-')}={Uri.EscapeDataString(parsed.GetValue(filter)!)}");
        return $"{path}?{string.Join('&', given)}";
    }

    /// <summary>Says on stderr how to go on, when there is more.</summary>
    public static void TellNext(JsonElement answer)
    {
        if (answer.TryGetProperty("next_cursor", out var cursor) && cursor.ValueKind == JsonValueKind.String)
            Console.Error.WriteLine($"There is more; go on with: --cursor {cursor.GetString()}");
    }

    /// <summary>An answer together with the run that was started after it, if one was.</summary>
    public static JsonElement WithRun(JsonElement answer, string? run)
    {
        if (run is null)
            return answer;
        var members = JsonObject.Create(answer)!;
        members["started_run_id"] = run;
        return JsonSerializer.SerializeToElement(members);
    }

    public static Option<string> By() => new("--by")
    {
        Description = "Who decides. Default: the user of this shell.",
        HelpName = "NAME",
        DefaultValueFactory = _ => Environment.UserName,
    };
}
