using System.Globalization;
using System.Text.Json;
using Elt.Service.Api;

namespace Elt.Service.Demo;

/// <summary>What the run did with one integration, as the workflow's result tells it.</summary>
internal sealed record IntegrationOutcome
{
    public required string OrganizationId { get; init; }

    public required string ConnectedIntegrationId { get; init; }

    public long Staged { get; init; }

    public long Inserts { get; init; }

    public long Updates { get; init; }

    public long Deletes { get; init; }

    public long DeletesHeld { get; init; }

    public long DeletesUnconfirmed { get; init; }

    public long Latest { get; init; }

    public long Synced { get; init; }
}

/// <summary>Outcome of the demo: counts of each integration, and whether they agree.</summary>
/// <param name="Users">Users that the provider has, for each integration.</param>
/// <param name="Integrations">In the order of the result.</param>
/// <param name="LoadedInFull">Integrations whose rows were all shipped, because the destination did not follow them before.</param>
/// <param name="Seconds">From start to end of the run.</param>
internal sealed record DemoReport(
    int Users, IReadOnlyList<IntegrationOutcome> Integrations, IReadOnlySet<(string Organization, string Integration)> LoadedInFull, double Seconds)
{
    private static readonly (string Title, Func<IntegrationOutcome, long> Value)[] Columns =
    [
        ("staged", o => o.Staged), ("inserts", o => o.Inserts), ("updates", o => o.Updates), ("deletes", o => o.Deletes),
        ("latest", o => o.Latest), ("synced", o => o.Synced),
    ];

    /// <summary>What does not agree, in words; empty when all does.</summary>
    public IEnumerable<string> Disagreements()
    {
        foreach (var outcome in Integrations)
        {
            var name = $"{outcome.OrganizationId}/{outcome.ConnectedIntegrationId}";
            if (DemoOptions.IsDemo(outcome.ConnectedIntegrationId) && outcome.Staged != Users)
                yield return $"{name}: the provider has {Users} users, {outcome.Staged} are staged.";
            if (outcome.Latest != outcome.Staged + outcome.DeletesHeld + outcome.DeletesUnconfirmed)
            {
                yield return $"{name}: {outcome.Staged} are staged, {outcome.Latest} are in latest, {outcome.DeletesHeld} deletes are held, "
                    + $"{outcome.DeletesUnconfirmed} are to be confirmed.";
            }
            var isFull = LoadedInFull.Contains((outcome.OrganizationId, outcome.ConnectedIntegrationId));
            if (outcome.Synced != (isFull ? outcome.Latest : outcome.Inserts + outcome.Updates + outcome.Deletes))
                yield return $"{name}: {outcome.Inserts} + {outcome.Updates} + {outcome.Deletes} changes, {outcome.Latest} in latest, {outcome.Synced} are synced.";
        }
    }

    public string ToJson()
    {
        var line = new Dictionary<string, object> { ["integrations"] = Integrations.Count, ["users"] = Users };
        foreach (var (title, value) in Columns)
            line[title] = Integrations.Sum(value);
        line["seconds"] = Math.Round(Seconds, 2);
        return JsonSerializer.Serialize(line, ApiJson.Options);
    }

    public string ToTable()
    {
        string[] head = ["integration", .. Columns.Select(column => column.Title)];
        string[][] rows =
        [
            head,
            .. Integrations.Select(o => (string[])[$"{o.OrganizationId}/{o.ConnectedIntegrationId}", .. Columns.Select(c => Number(c.Value(o)))]),
            ["in all", .. Columns.Select(column => Number(Integrations.Sum(column.Value)))],
        ];
        var widths = head.Select((_, column) => rows.Max(row => row[column].Length)).ToArray();
        return string.Join('\n', rows.Select(row => string.Join("  ", row.Select(
            (cell, column) => column == 0 ? cell.PadRight(widths[0]) : cell.PadLeft(widths[column])))));
    }

    private static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);
}
