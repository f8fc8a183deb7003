using Elt.Pipelines.Integrations;
using Elt.Pipelines.Quality;
using Elt.Pipelines.Staging;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Elt.Pipelines.Tests.Quality;

/// <summary>What the check of a run finds, does and records.</summary>
[Trait("promise", "P6")]
public sealed class QualityCheckTests : IAsyncLifetime
{
    private const string Mail = """{"id":"mail","kind":"format","format":"email","field":"email"}""";
    private const string Named = """{"id":"named","kind":"required","field":"name","severity":"warning"}""";

    private RuledRuns _runs = null!;

    public async Task InitializeAsync() => _runs = await RuledRuns.CreateAsync();

    public Task DisposeAsync()
    {
        _runs.Dispose();
        return Task.CompletedTask;
    }

    [Theory]
    [InlineData(124_850, 125_000, 99.88)]
    [InlineData(2, 3, 66.66)]
    [InlineData(999_999, 1_000_000, 99.99)]
    [InlineData(7, 7, 100d)]
    [InlineData(0, 7, 0d)]
    [InlineData(0, 0, null)]
    public void The_score_is_the_share_of_valid_records_and_100_only_when_all_are(long valid, long records, double? score) =>
        Assert.Equal(score, QualitySummary.ScoreOf(valid, records));

    [Fact]
    public async Task Issues_are_counted_by_rule_and_field_with_a_few_keys_and_only_errors_lower_the_score()
    {
        var quality = await _runs.RunAsync("run-1", [Mail, Named], [.. Many(20, "no mail"), .. Many(1, from: 21), """{"name":"x","email":"no"}""", """{"id":"z"}"""]);

        Assert.Equal(new QualitySummary(23, 21, 21, 23), quality);
        Assert.Equal(
            [
                """key  1 []""",
                """mail email 21 ["u-01","u-02","u-03","u-04","u-05"]""",
                """named name 1 ["z"]""",
            ],
            _runs.Issues("run-1"));
        Assert.Equal(new[] { "u-21", "z" }, _runs.Rows("select external_id from users_latest order by 1"));
    }

    [Theory]
    [InlineData("\"count\":2", 2, true)]
    [InlineData("\"count\":2", 3, false)]
    [InlineData("\"rate\":0.2", 2, true)]
    [InlineData("\"rate\":0.2", 3, false)]
    public async Task A_run_fails_when_more_rows_fail_a_rule_than_its_threshold(string threshold, int bad, bool passes)
    {
        string[] rules = [Mail.Replace("}", $$""","action":"keep","threshold":{{{threshold}}} }""", StringComparison.Ordinal)];
        await _runs.StageAsync("run-1", rules, [.. Many(bad, "no"), .. Many(10 - bad, from: 11)]);

        var quality = await _runs.CheckAsync("run-1");

        Assert.Equal((passes, 0), (quality.Failure is null, quality.Quarantined));
        if (!passes)
            Assert.StartsWith("3 of 10 records fail the rule 'mail' (email), more than ", quality.Failure, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_critical_rule_fails_the_run_by_its_first_row_and_what_it_has_found_stays_recorded()
    {
        var critical = Mail.Replace("}", ",\"severity\":\"critical\"}", StringComparison.Ordinal);
        await _runs.RunAsync("run-1", [critical], Many(3));

        var error = await Assert.ThrowsAsync<QualityGateException>(() => _runs.RunAsync("run-2", [critical], [.. Many(1, "hidden@"), .. Many(2, from: 2)]));

        Assert.Contains("1 of 3 records fail the rule 'mail' (email), more than 0.", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hidden", error.Message, StringComparison.Ordinal);
        Assert.Equal(["3"], _runs.Rows("select count(*) from users_latest where email like '%@example.org'"));
        Assert.Equal(["acquired"], _runs.Rows("select state from pipeline_runs where workflow_id = 'run-2'"));
        Assert.Equal(["mail email 1 [\"u-01\"]"], _runs.Issues("run-2"));
        Assert.Equal(["open"], _runs.Rows("select state from users_quarantine"));
        Assert.Equal(error.Message, (await Assert.ThrowsAsync<QualityGateException>(async () => (await _runs.CheckAsync("run-2")).EnsurePassed(new IntegrationKey("org-001", "okta")))).Message);
    }

    [Fact]
    [Trait("promise", "P1")]
    [Trait("promise", "P2")]
    public async Task Pages_and_checks_that_are_done_again_record_nothing_twice()
    {
        string[] rules = [Mail, Named, """{"id":"one","kind":"unique","field":"email","action":"setNull"}"""];
        string[] records = [.. Many(3, "no"), .. Many(4, from: 4), """{"id":"x","email":"u-04@example.org"}""", """{"email":"k"}"""];
        await _runs.StageAsync("run-1", rules, records, pageSize: 2, times: 2);

        var first = await _runs.CheckAsync("run-1");
        var (issues, everything) = (_runs.Issues("run-1"), Everything());
        await _runs.StageAsync("run-1", rules, records, pageSize: 2);

        Assert.Equal(first, await _runs.CheckAsync("run-1"));
        Assert.Equal(issues, _runs.Issues("run-1"));
        Assert.Equal(everything, Everything());
        Assert.Equal(new QualitySummary(9, 6, 4, first.Issues), first);

        string[] Everything() => _runs.Rows(
            """
            select 'f', page, ordinal, place, rule, message from quality_failures union all
            select 'q', record_key, runs, reasons, state, last_seen_at from users_quarantine union all
            select 's', external_id, state, email, page, ordinal from users_staging union all
            select 'r', records, invalid, quarantined, failure, checked_at from quality_runs order by 1, 2, 3, 4
            """);
    }

    [Fact]
    [Trait("promise", "P4")]
    public async Task An_incomplete_extract_is_not_judged()
    {
        await _runs.StageAsync("run-1", [Mail], Many(4), pageSize: 2, ends: false);

        await Assert.ThrowsAsync<IncompleteExtractException>(() => _runs.CheckAsync("run-1"));

        Assert.Empty(_runs.Rows("select 1 from quality_runs"));
    }

    [Fact]
    public async Task A_record_that_passes_later_leaves_the_quarantine_and_one_that_fails_is_not_deleted()
    {
        await _runs.RunAsync("run-1", [Mail], Many(2));
        await _runs.RunAsync("run-2", [Mail], [.. Many(1, "no"), .. Many(1, from: 2)]);
        Assert.Equal(["u-01|open"], _runs.Rows("select external_id, state from users_quarantine"));
        Assert.Equal(["2"], _runs.Rows("select count(*) from users_latest where email like '%@example.org'"));

        await _runs.RunAsync("run-3", [Mail], Many(2));
        Assert.Equal(["u-01|resolved"], _runs.Rows("select external_id, state from users_quarantine"));
    }

    [Fact]
    [Trait("promise", "P11")]
    public async Task The_report_sums_the_last_24_hours_and_shows_each_tenants_newest_run()
    {
        var other = new IntegrationKey("org-002", "okta");
        await _runs.RunAsync("old", [Mail], Many(7, "no"));
        _runs.Time.Now += TimeSpan.FromHours(1);
        await _runs.RunAsync("new", [Mail, Named], [.. Many(1, "no"), .. Many(3, from: 2)]);
        await _runs.RunAsync("other", [Mail], Many(4, "no"), integration: other);
        _runs.Time.Now += TimeSpan.FromHours(23) + TimeSpan.FromMilliseconds(1);

        var (all, one) = (_runs.Report(), _runs.Report("org-002"));

        Assert.Equal((8, 5, 5), (all.Records, all.Invalid, all.IssuesByKind["format"]));
        Assert.Equal([("org-001", "new", 4, 1), ("org-002", "other", 4, 4)], all.Pipelines.Select(run => (run.OrganizationId, run.RunId, run.Summary.Records, run.Summary.Invalid)));
        Assert.Equal(("mail", "email", "format", "error", "quarantine", 1), all.Pipelines[0].Issues.Select(i => (i.Rule, i.Field, i.Kind, i.Severity, i.Action, i.Records)).Single());
        Assert.Equal((4, 4, "other"), (one.Records, one.Invalid, Assert.Single(one.Pipelines).RunId));
    }

    [Fact]
    public void Every_record_that_is_read_is_either_in_quarantine_or_kept()
    {
        var record = from key in Gen.Choose(0, 8)
                     from mail in Gen.Elements("a@b.org", "c@d.org", "none", "")
                     from manager in Gen.Choose(0, 12)
                     select key == 0 ? $$"""{"email":"{{mail}}"}""" : $$"""{"id":"{{key}}","email":"{{mail}}","manager":"{{manager}}"}""";
        string[] rules =
        [
            Mail, Named, """{"id":"one","kind":"unique","field":"email"}""", """{"id":"boss","kind":"reference","field":"/manager"}""",
            """{"id":"dot","kind":"regex","pattern":"b","field":"email","severity":"info","action":"setNull"}""",
        ];
        var number = 0;
        FsCheck.Check.One(Config.QuickThrowOnFailure.WithMaxTest(25), Prop.ForAll(record.ArrayOf().ToArbitrary(), records =>
        {
            var integration = new IntegrationKey("org-001", $"i-{number++}");
            var run = $"run-{number}";
            var quality = _runs.RunAsync(run, rules, records, integration: integration).GetAwaiter().GetResult();
            var of = $"where connected_integration_id = '{integration.ConnectedIntegrationId}'";
            var kept = long.Parse(_runs.Rows($"select count(*) from users_latest {of}")[0], System.Globalization.CultureInfo.InvariantCulture);
            var keyless = records.Count(text => !text.Contains("\"id\"", StringComparison.Ordinal));
            var keys = records.Where(text => text.Contains("\"id\"", StringComparison.Ordinal)).Select(text => text[7]).Distinct().Count();
            Assert.Equal((keys + keyless, keys + keyless - kept), (quality.Records, quality.Quarantined));
        }));
    }

    /// <summary>Records u-01 and so on; with an address of their own unless one is given.</summary>
    private static string[] Many(int count, string? mail = null, int from = 1) =>
        [.. Enumerable.Range(from, count).Select(i => $$"""{"id":"u-{{i:00}}","name":"User {{i}}","email":"{{mail ?? $"u-{i:00}@example.org"}}"}""")];
}
