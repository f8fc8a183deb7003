using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Elt.Cli.Output;
using Elt.Service.Api;

namespace Elt.Cli.Commands;

/// <summary>How good the records are that runs have read: <c>quality</c>.</summary>
internal static class QualityCommand
{
    public static Command Create(Globals globals)
    {
        var organization = new Option<string>("--organization") { Description = "Only of this organization.", HelpName = "ID" };
        var integration = new Option<string>("--integration") { Description = "Only of integrations of this id.", HelpName = "ID" };
        var command = new Command(
            "quality",
            "Shows the share of valid records of the last 24 hours, and of the newest run of each pipeline, with the rules that its records fail. "
            + "A record is valid when it fails no rule of severity error or critical.") { organization, integration };
        globals.Handle(command, async (parsed, session, ct) =>
        {
            var given = new[] { organization, integration }.Where(filter => parsed.GetValue(filter) is not null)
                .Select(filter => $"{filter.Name.TrimStart('-')}={Uri.EscapeDataString(parsed.GetValue(filter)!)}");
            Print(session.Printer, await session.Client.GetAsync($"{ApiPath.Quality}?{string.Join('&', given)}", ct));
            return ExitCodes.Ok;
        });
        return command;
    }

    private static void Print(Printer printer, JsonElement answer)
    {
        var quality = answer.Deserialize<QualityView>(ApiJson.Options)!;
        var day = quality.QualityMetrics.Last24Hours;
        printer.Item(answer, string.Join('\n', quality.ByPipeline.Select(pipeline => pipeline.PipelineId)), () =>
        {
            var issues = day.Issues.Where(issue => issue.Value > 0).Select(issue => $"{issue.Key} {CellText.Number(issue.Value)}").ToArray();
            printer.Lines(
                ("last 24 h", $"{CellText.Number(day.ValidRecords)} of {CellText.Number(day.TotalRecords)} records valid"),
                ("score", Score(day.QualityScore)),
                ("weighted", $"{Score(day.WeightedScore)} ({Scores(day.Dimensions)})"),
                ("issues", issues.Length == 0 ? "none" : string.Join(", ", issues)));
            if (quality.ByPipeline.Count > 0)
                printer.Items<PipelineQualityView>(
                    answer.GetProperty("by_pipeline"),
                    pipeline => pipeline.PipelineId,
                    new("PIPELINE", pipeline => pipeline.PipelineId, Whole: true),
                    new("SCORE", pipeline => Score(pipeline.QualityScore), Whole: true, Right: true),
                    new("WEIGHTED", pipeline => Score(pipeline.WeightedScore), Whole: true, Right: true),
                    new("RECORDS", pipeline => CellText.Number(pipeline.TotalRecords), Whole: true, Right: true),
                    new("QUARANTINED", pipeline => CellText.Number(pipeline.Quarantined), Whole: true, Right: true),
                    new("CHECKED", pipeline => CellText.Time(pipeline.CheckedAt), Whole: true),
                    new("FAILED RULES", pipeline => string.Join(", ", pipeline.FailedRules.Select(Rule))));
        });
    }

    private static string Rule(FailedRuleView rule) =>
        $"{rule.Rule}{(rule.Field is { } field && field != rule.Rule ? $" ({field})" : "")} {CellText.Number(rule.Records)}";

    private static string Scores(DimensionsView scores) =>
        $"completeness {Score(scores.Completeness)}, validity {Score(scores.Validity)}, uniqueness {Score(scores.Uniqueness)}, freshness {Score(scores.Freshness)}";

    private static string Score(double? score) => score?.ToString("0.00", CultureInfo.InvariantCulture) ?? "-";
}
