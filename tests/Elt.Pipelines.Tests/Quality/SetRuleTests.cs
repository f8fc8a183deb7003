using Elt.Pipelines.Quality;
using Xunit;

namespace Elt.Pipelines.Tests.Quality;

/// <summary>Rules that need all rows of a run, or judge the run itself.</summary>
[Trait("promise", "P6")]
public sealed class SetRuleTests : IAsyncLifetime
{
    private const string OneEach = """{"id":"one","kind":"unique","field":"email"}""";
    private const string Boss = """{"id":"boss","kind":"reference","field":"/boss/id"}""";

    private RuledRuns _runs = null!;

    public async Task InitializeAsync() => _runs = await RuledRuns.CreateAsync();

    public Task DisposeAsync()
    {
        _runs.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task Records_that_share_a_value_fail_and_a_record_that_comes_twice_shares_with_nobody()
    {
        var quality = await _runs.RunAsync("run-1", [OneEach], [User("a", "x"), User("b", "x"), User("c", "y"), User("d"), User("e"), User("f", "X")]);
        Assert.Equal((2, 2), (quality.Quarantined, quality.Invalid));
        Assert.Equal(["one email 2 [\"a\",\"b\"]"], _runs.Issues("run-1"));

        Assert.Equal(0, (await _runs.RunAsync("run-2", [OneEach], [User("a", "x"), User("c", "y"), User("c", "y")])).Issues);
    }

    [Fact]
    public async Task A_row_that_is_quarantined_late_keeps_all_its_reasons_and_the_record_as_it_came()
    {
        await _runs.RunAsync(
            "run-1", ["""{"id":"short","kind":"length","max":1,"field":"name","severity":"warning"}""", OneEach, Boss],
            ["""{"id":"a","name":"é","email":"x","boss":{"id":"gone"}}""", """{"id":"b","name":"long","email":"x"}"""]);

        Assert.Equal(
            [
                """a|{"id":"a","name":"é","email":"x","boss":{"id":"gone"}}|one,boss""",
                """b|{"id":"b","name":"long","email":"x"}|short,one""",
            ],
            _runs.Rows(
                """
                select external_id, raw, (select group_concat(json_extract(value, '$.rule')) from json_each(reasons)) from users_quarantine order by 1
                """));
        Assert.Equal(["0"], _runs.Rows("select count(*) from users_latest"));
        Assert.Equal(["open"], _runs.Rows("select distinct state from users_quarantine"));

        await _runs.RunAsync("run-2", [OneEach, Boss], ["""{"id":"a","name":"é","email":"x","boss":{"id":"a"}}"""]);
        Assert.Equal(new[] { "a|resolved", "b|resolved" }, _runs.Rows("select external_id, state from users_quarantine order by 1"));
        Assert.Equal(["1"], _runs.Rows("select count(distinct workflow_id) from staged_raw"));
    }

    [Fact]
    public async Task A_reference_names_a_record_of_this_run_or_of_latest()
    {
        await _runs.RunAsync("run-1", [], [User("old", "o@x")]);

        var quality = await _runs.RunAsync(
            "run-2", [Boss.Replace("}", ",\"action\":\"keep\"}", StringComparison.Ordinal), """{"id":"mate","kind":"reference","field":"/mate","to":"email","severity":"info"}"""],
            [
                """{"id":"a","email":"a@x","boss":{"id":"b"},"mate":"b@x"}""", """{"id":"b","email":"b@x","boss":{"id":"old"},"mate":"o@x"}""",
                """{"id":"c","boss":{"id":"nobody"},"mate":"A@x"}""", """{"id":"d","boss":{"id":7}}""", """{"id":"7"}""",
            ]);

        Assert.Equal(["boss /boss/id 1 [\"c\"]", "mate /mate 1 [\"c\"]"], _runs.Issues("run-2"));
        Assert.Equal((1, 0, 2), (quality.Invalid, quality.Quarantined, quality.Issues));
    }

    [Theory]
    [InlineData("\"setNull\"", "-")]
    [InlineData("\"default\",\"default\":\"shared\"", "shared")]
    public async Task A_value_is_replaced_before_changes_are_detected_and_the_same_run_after_run(string action, string email)
    {
        string[] rules = [OneEach.Replace("}", $$""","action":{{action}}}""", StringComparison.Ordinal)];
        string[] records = [User("a", "x"), User("b", "x"), User("c", "y")];
        await _runs.RunAsync("run-1", rules, records);
        await _runs.RunAsync("run-2", rules, records);

        Assert.Equal(new[] { $"a|{email}", $"b|{email}", "c|y" }, _runs.Rows("select external_id, email from users_latest order by 1"));
        Assert.Equal(["3|0"], _runs.Rows("select inserts, (select updates from pipeline_runs where workflow_id = 'run-2') from pipeline_runs where workflow_id = 'run-1'"));
        Assert.Equal(_runs.Issues("run-1"), _runs.Issues("run-2"));
    }

    [Theory]
    [InlineData("\"kind\":\"rowCount\",\"min\":3,\"max\":4", 2, false)]
    [InlineData("\"kind\":\"rowCount\",\"min\":3,\"max\":4", 3, true)]
    [InlineData("\"kind\":\"rowCount\",\"min\":3,\"max\":4", 4, true)]
    [InlineData("\"kind\":\"rowCount\",\"min\":3,\"max\":4", 5, false)]
    [InlineData("\"kind\":\"rowCount\",\"maxChange\":0.5", 4, true)]
    [InlineData("\"kind\":\"rowCount\",\"maxChange\":0.5", 12, true)]
    [InlineData("\"kind\":\"rowCount\",\"maxChange\":0.5", 3, false)]
    [InlineData("\"kind\":\"rowCount\",\"maxChange\":0.5", 13, false)]
    [InlineData("\"kind\":\"nullRate\",\"field\":\"email\",\"max\":0.25", 4, true)]
    [InlineData("\"kind\":\"nullRate\",\"field\":\"email\",\"max\":0.25", 3, false)]
    [InlineData("\"kind\":\"nullRate\",\"field\":\"/boss\",\"max\":0.99", 3, false)]
    [InlineData("\"kind\":\"nullRate\",\"field\":\"/boss\",\"max\":1", 3, true)]
    public async Task A_run_passes_a_rule_on_the_whole_up_to_the_bound_and_not_beyond(string rule, int records, bool passes)
    {
        await _runs.RunAsync("before", [], Users(8));
        await _runs.StageAsync("run", [$$"""{"id":"whole",{{rule}},"severity":"critical"}"""], Users(records));

        var quality = await _runs.CheckAsync("run");

        Assert.Equal(passes, quality.Failure is null);
        Assert.Equal((0, 0), (quality.Invalid, quality.Quarantined));
        Assert.Equal(passes, quality.Issues == 0);
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public async Task Records_are_fresh_for_so_long_and_not_a_millisecond_longer(int later, bool isFresh)
    {
        _runs.Time.Now = new DateTimeOffset(2026, 1, 2, 0, 0, 0, later, TimeSpan.Zero);
        await _runs.StageAsync("run", ["""{"id":"fresh","kind":"freshness","maxAgeHours":24}"""],
            ["""{"id":"a","changed":"2025-12-01T00:00:00Z"}""", """{"id":"b","changed":"2026-01-01T00:00:00Z"}""", """{"id":"c"}"""]);

        var quality = await _runs.CheckAsync("run");

        Assert.Equal((isFresh ? 0 : 1, null), (quality.Issues, quality.Failure));
        await _runs.StageAsync("none", ["""{"id":"fresh","kind":"freshness","maxAgeHours":24}"""], [User("a")]);
        Assert.Equal(1, (await _runs.CheckAsync("none")).Issues);
    }

    [Fact]
    public async Task A_rule_on_the_whole_fails_the_run_only_when_it_says_so()
    {
        await _runs.RunAsync("run-1", ["""{"id":"few","kind":"rowCount","min":5}"""], Users(2));
        Assert.Equal(["few  1 []"], _runs.Issues("run-1"));

        var error = await Assert.ThrowsAsync<QualityGateException>(() => _runs.RunAsync("run-2", ["""{"id":"few","kind":"rowCount","min":5,"action":"failRun"}"""], Users(3)));

        Assert.Contains("Rule 'few': Expected from 5 records, found 3.", error.Message, StringComparison.Ordinal);
        Assert.Equal(["2"], _runs.Rows("select count(*) from users_latest"));
    }

    [Theory]
    [InlineData("""{"id":"r","kind":"unique","field":"/name"}""", "field: expected a column, or a JSON Pointer to what is kept among the attributes, found '/name'")]
    [InlineData("""{"id":"r","kind":"unique","field":"/changed/by"}""", "found '/changed/by'")]
    [InlineData("""{"id":"r","kind":"unique","field":"/bo\"ss"}""", "attributes")]
    [InlineData("""{"id":"r","kind":"reference","field":"name","to":"nick"}""", "to: expected one of the columns name, email, attributes")]
    [InlineData("""{"id":"r","kind":"unique","field":"/boss","action":"setNull"}""", "'/boss' is no column")]
    [InlineData("""{"id":"r","kind":"rowCount","min":1,"field":"name"}""", "field: expected nothing")]
    [InlineData("""{"id":"r","kind":"rowCount"}""", "found neither")]
    [InlineData("""{"id":"r","kind":"rowCount","min":1,"action":"quarantine"}""", "action: expected keep or failRun")]
    [InlineData("""{"id":"r","kind":"rowCount","min":1,"threshold":{"count":1}}""", "threshold: expected nothing")]
    [InlineData("""{"id":"r","kind":"nullRate","field":"name","max":2}""", "max: expected a share from 0 to 1")]
    [InlineData("""{"id":"r","kind":"freshness","maxAgeHours":0}""", "maxAgeHours: expected more than 0 hours")]
    public void A_rule_that_cannot_be_used_is_refused_with_the_reason(string rule, string reason) =>
        Assert.Contains(reason, Assert.Throws<FormatException>(() => Ruled.Connector(rule)).Message, StringComparison.Ordinal);

    /// <summary>Users u-1 and so on; the first one has no address.</summary>
    private static string[] Users(int count) => [.. Enumerable.Range(1, count).Select(i => User($"u-{i}", i == 1 ? null : $"u-{i}@x"))];

    private static string User(string id, string? email = null) =>
        email is null ? $$"""{"id":"{{id}}","name":"Name"}""" : $$"""{"id":"{{id}}","name":"Name","email":"{{email}}"}""";
}
