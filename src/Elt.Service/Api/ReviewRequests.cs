using Elt.Pipelines.Integrations;
using Elt.Pipelines.Reviews;

namespace Elt.Service.Api;

/// <summary>Reads what requests on lists to be looked at, and decisions, have in common.</summary>
internal static class ReviewRequests
{
    private const int MaxName = 200;
    private const int MaxNote = 2000;

    private static readonly string[] Filters = ["organization", "integration", "state", "limit", "cursor"];

    /// <exception cref="ProblemException">A filter is unknown, or its value is.</exception>
    public static ReviewFilter Filter(HttpRequest request, IReadOnlyList<string> states)
    {
        if (request.Query.Keys.FirstOrDefault(key => !Filters.Contains(key)) is { } unknown)
            throw ProblemException.BadRequest($"'{unknown}': there is no such filter; expected {string.Join(", ", Filters)}.", unknown);
        return new ReviewFilter
        {
            OrganizationId = Text("organization"),
            ConnectedIntegrationId = Text("integration"),
            States = Text("state") is { } state ? [.. state.Split(',').Select(State)] : [],
            Limit = Text("limit") is not { } limit ? 50
                : int.TryParse(limit, out var count) && count is >= 1 and <= 1000 ? count
                : throw ProblemException.BadRequest($"'limit': expected a number from 1 to 1000, found '{limit}'.", "limit"),
            Cursor = Text("cursor"),
        };

        string? Text(string name) => request.Query[name] is { Count: > 0 } values ? values[^1] : null;
        string State(string text) => states.Contains(text.Trim())
            ? text.Trim()
            : throw ProblemException.BadRequest($"'state': there is no state '{text}'; expected {string.Join(", ", states)}.", "state");
    }

    /// <summary>A page of a list, or the refusal of its cursor.</summary>
    public static ReviewPage<T> Page<T>(Func<ReviewFilter, ReviewPage<T>> list, ReviewFilter filter)
    {
        try
        {
            return list(filter);
        }
        catch (FormatException e)
        {
            throw ProblemException.BadRequest($"'cursor': {e.Message}", "cursor");
        }
    }

    /// <exception cref="ProblemException">One of the ids cannot be one.</exception>
    public static IntegrationKey Integration(string organization, string integration)
    {
        try
        {
            return new IntegrationKey(organization, integration);
        }
        catch (ArgumentException e)
        {
            throw ProblemException.BadRequest(e.Message);
        }
    }

    /// <summary>A decision on all, and its outcome.</summary>
    public static async Task<BulkDecisionView> DecideAllAsync(BulkDecisionRequest request, Func<BulkDecision, Task<BulkOutcome>> decide)
    {
        var outcome = await decide(new BulkDecision(By(request.By))
        {
            OrganizationId = request.OrganizationId,
            ConnectedIntegrationId = request.ConnectedIntegrationId,
            Note = Note(request.Note),
            DryRun = request.DryRun,
        });
        return new BulkDecisionView(outcome.Decided, outcome.Records, request.DryRun);
    }

    /// <summary>Who decides.</summary>
    public static string By(string by) => !string.IsNullOrWhiteSpace(by) && by.Length <= MaxName
        ? by
        : throw ProblemException.BadRequest($"'by': expected 1 to {MaxName} characters, not all blank, found {by.Length}.", "by");

    /// <summary>What they note, if anything.</summary>
    public static string? Note(string? note) => note is null or { Length: <= MaxNote }
        ? note
        : throw ProblemException.BadRequest($"'note': expected at most {MaxNote} characters, found {note.Length}.", "note");
}
