using System.Text.Json;
using Elt.Service.Demo;

namespace Elt.Service.Tests.Demo;

public class DemoReportTests
{
    private static readonly IntegrationOutcome Right = new()
    {
        OrganizationId = "org-001", ConnectedIntegrationId = "demo-001", Staged = 10, Inserts = 3, Updates = 2, Deletes = 1, Latest = 10, Synced = 6,
    };

    [Fact]
    public void Counts_that_agree_are_not_complained_about()
    {
        Assert.Empty(Report(Right).Disagreements());
        Assert.Empty(Report(Right with { Latest = 13, DeletesHeld = 2, DeletesUnconfirmed = 1 }).Disagreements());
        Assert.Empty(Report(Right with { ConnectedIntegrationId = "other", Staged = 4, Latest = 4 }).Disagreements());
    }

    [Fact]
    public void Every_count_that_is_off_is_named()
    {
        Assert.Contains("10 users, 9 are staged", Assert.Single(Report(Right with { Staged = 9, Latest = 9 }).Disagreements()), StringComparison.Ordinal);
        Assert.Contains("11 are in latest", Assert.Single(Report(Right with { Latest = 11 }).Disagreements()), StringComparison.Ordinal);
        Assert.Contains("5 are synced", Assert.Single(Report(Right with { Synced = 5 }).Disagreements()), StringComparison.Ordinal);
    }

    [Fact]
    public void Only_a_full_load_may_ship_rows_that_did_not_change()
    {
        var shipped = Report(Right with { Synced = 10 });
        Assert.Single(shipped.Disagreements());
        Assert.Empty((shipped with { LoadedInFull = new HashSet<(string, string)> { ("org-001", "demo-001") } }).Disagreements());
    }

    [Fact]
    public void The_line_of_json_sums_up_all_integrations()
    {
        var line = JsonElement.Parse(Report(Right, Right with { OrganizationId = "org-002", Inserts = 4, Synced = 7 }).ToJson());
        Assert.Equal(
            """{"integrations":2,"users":10,"staged":20,"inserts":7,"updates":4,"deletes":2,"latest":20,"synced":13,"seconds":1.25}""", line.GetRawText());
    }

    private static DemoReport Report(params IntegrationOutcome[] outcomes) => new(Users: 10, outcomes, new HashSet<(string, string)>(), Seconds: 1.25);
}
