using Elt.Pipelines.Integrations;
using Elt.Pipelines.Quality;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Tests.Sources;
using Elt.Pipelines.Warehouse;
using Xunit;

namespace Elt.Pipelines.Tests.Quality;

/// <summary>Rules on single values: what passes, what fails, and what becomes of the record.</summary>
[Trait("promise", "P6")]
public sealed class RowRuleTests
{
    [Theory]
    [InlineData("\"kind\":\"required\"", "x", true)]
    [InlineData("\"kind\":\"required\"", " ", false)]
    [InlineData("\"kind\":\"required\"", null, false)]
    [InlineData("\"kind\":\"type\",\"type\":\"integer\"", "-007", true)]
    [InlineData("\"kind\":\"type\",\"type\":\"integer\"", "7.5", false)]
    [InlineData("\"kind\":\"type\",\"type\":\"number\"", "7.5", true)]
    [InlineData("\"kind\":\"type\",\"type\":\"timestamp\"", "2026-01-02T03:04:05Z", true)]
    [InlineData("\"kind\":\"type\",\"type\":\"timestamp\"", "soon", false)]
    [InlineData("\"kind\":\"format\",\"format\":\"email\"", "josé+x@例え.jp", true)]
    [InlineData("\"kind\":\"format\",\"format\":\"email\"", "a@b", false)]
    [InlineData("\"kind\":\"format\",\"format\":\"email\"", "a@b@c.org", false)]
    [InlineData("\"kind\":\"format\",\"format\":\"email\"", "a@b.org\n", false)]
    [InlineData("\"kind\":\"format\",\"format\":\"url\"", "https://example.org/x", true)]
    [InlineData("\"kind\":\"format\",\"format\":\"url\"", "ftp://example.org/x", false)]
    [InlineData("\"kind\":\"format\",\"format\":\"url\"", "/x", false)]
    [InlineData("\"kind\":\"format\",\"format\":\"uuid\"", "0F8FAD5B-d9cb-469f-a165-70867728950e", true)]
    [InlineData("\"kind\":\"format\",\"format\":\"uuid\"", "0f8fad5bd9cb469fa16570867728950e", false)]
    [InlineData("\"kind\":\"format\",\"format\":\"date\"", "2024-02-29", true)]
    [InlineData("\"kind\":\"format\",\"format\":\"date\"", "2026-02-29", false)]
    [InlineData("\"kind\":\"regex\",\"pattern\":\"^E[0-9]{4}$\"", "E1234", true)]
    [InlineData("\"kind\":\"regex\",\"pattern\":\"^E[0-9]{4}$\"", "E12345", false)]
    [InlineData("\"kind\":\"length\",\"min\":2,\"max\":3", "é😀", true)]
    [InlineData("\"kind\":\"length\",\"min\":2,\"max\":3", "abc", true)]
    [InlineData("\"kind\":\"length\",\"min\":2,\"max\":3", "a", false)]
    [InlineData("\"kind\":\"length\",\"min\":2,\"max\":3", "abcd", false)]
    [InlineData("\"kind\":\"range\",\"min\":1,\"max\":10.5", "10.5", true)]
    [InlineData("\"kind\":\"range\",\"min\":1,\"max\":10.5", "10.51", false)]
    [InlineData("\"kind\":\"range\",\"min\":1", "1.0", true)]
    [InlineData("\"kind\":\"range\",\"min\":1", "0.999", false)]
    [InlineData("\"kind\":\"range\",\"min\":1", "one", false)]
    [InlineData("\"kind\":\"range\",\"notBefore\":\"2026-01-01T00:00:00Z\"", "2026-01-01", true)]
    [InlineData("\"kind\":\"range\",\"notBefore\":\"2026-01-01T00:00:00Z\"", "2025-12-31T23:59:59Z", false)]
    [InlineData("\"kind\":\"range\",\"notAfter\":\"2026-01-01T00:00:00Z\"", "2026-01-01T01:00:00+01:00", true)]
    [InlineData("\"kind\":\"range\",\"notAfter\":\"2026-01-01T00:00:00Z\"", "2026-01-01T00:00:01Z", false)]
    [InlineData("\"kind\":\"enum\",\"values\":[\"on\",\"off\"]", "off", true)]
    [InlineData("\"kind\":\"enum\",\"values\":[\"on\",\"off\"]", "Off", false)]
    public void A_value_passes_a_rule_or_the_record_goes_to_quarantine(string rule, string? value, bool passes)
    {
        var record = Ruled.Connector($$"""{"id":"r",{{rule}},"field":"name"}""").MapName(value);

        Assert.Equal(passes, !Quarantine.Takes(record));
        Assert.Equal(passes ? [] : new[] { "r" }, record.Problems.Select(problem => problem.Rule));
    }

    [Theory]
    [InlineData("\"kind\":\"type\",\"type\":\"integer\"")]
    [InlineData("\"kind\":\"format\",\"format\":\"email\"")]
    [InlineData("\"kind\":\"regex\",\"pattern\":\"x\"")]
    [InlineData("\"kind\":\"length\",\"min\":2")]
    [InlineData("\"kind\":\"range\",\"max\":2")]
    [InlineData("\"kind\":\"enum\",\"values\":[\"on\"]")]
    public void Only_required_fails_where_there_is_no_value(string rule) =>
        Assert.Empty(Ruled.Connector($$"""{"id":"r",{{rule}},"field":"name"}""").MapName(null).Problems);

    [Theory]
    [InlineData("\"severity\":\"info\"", false, "Ada")]
    [InlineData("\"severity\":\"warning\"", false, "Ada")]
    [InlineData("\"severity\":\"error\"", true, "Ada")]
    [InlineData("\"severity\":\"critical\"", true, "Ada")]
    [InlineData("\"severity\":\"critical\",\"action\":\"keep\"", false, "Ada")]
    [InlineData("\"action\":\"setNull\"", false, null)]
    [InlineData("\"action\":\"default\",\"default\":\"nobody\"", false, "nobody")]
    public void The_action_goes_by_the_severity_unless_it_is_stated(string more, bool isQuarantined, string? name)
    {
        var record = Ruled.Connector($$"""{"id":"long","kind":"length","field":"name","min":4,{{more}}}""").MapName("Ada");

        Assert.Equal((isQuarantined, name), (Quarantine.Takes(record), record.Values[0]));
        Assert.Equal("long", Assert.Single(record.Problems).Rule);
    }

    [Fact]
    public void All_failures_of_a_row_are_recorded_in_the_order_of_the_rules_without_the_values()
    {
        var record = Ruled.Connector(
            """{"id":"short","kind":"length","field":"name","max":3}""",
            """{"id":"fits","kind":"length","field":"name","max":300}""",
            """{"id":"mail","kind":"format","format":"email","field":"email","severity":"warning"}""",
            """{"id":"team","kind":"enum","field":"/org/team","values":["red"]}""",
            """{"id":"boss","kind":"required","field":"/boss"}""")
            .Map("""{"id":"1","name":"Lovelace","email":"nowhere","org":{"team":"blue"}}""");

        Assert.Equal(
            [
                ("short", "name", "Expected up to 3 characters, found 8."), ("mail", "email", "Expected an email address, found a text of 7 characters."),
                ("team", "/org/team", "Expected one of 1 values, found a text of 4 characters."), ("boss", "/boss", "Expected a value, found none."),
            ],
            record.Problems.Select(problem => (problem.Rule, problem.Field!, problem.Message)));
        Assert.DoesNotContain("Lovelace", Quarantine.Reasons(record), StringComparison.Ordinal);
    }

    [Fact]
    public void Later_rules_see_what_earlier_ones_put_in_place_of_a_value()
    {
        var connector = Ruled.Connector(
            """{"id":"mail","kind":"format","format":"email","field":"email","action":"setNull"}""",
            """{"id":"some","kind":"required","field":"email","action":"default","default":"none@example.org"}""",
            """{"id":"none","kind":"regex","pattern":"^none@","field":"email","severity":"info"}""");

        var (bad, good) = (connector.Map("""{"id":"1","email":"nowhere"}"""), connector.Map("""{"id":"1","email":"a@b.org"}"""));

        Assert.Equal(("none@example.org", "mail,some"), (bad.Values[1], string.Join(',', bad.Problems.Select(problem => problem.Rule))));
        Assert.Equal(("a@b.org", "none"), (good.Values[1], string.Join(',', good.Problems.Select(problem => problem.Rule))));
    }

    [Fact]
    public void Records_that_are_gone_and_values_that_the_mapping_refused_are_not_looked_at()
    {
        var connector = Connector.Parse(
            """
            {"name":"x","pagination":{"type":"none"},"key":["/id"],"records":{"path":"","tombstones":[{"path":"/gone","state":"removed"}],"filter":[{"path":"/out","not":true}]},
             "fields":{"name":{"from":["/name"],"type":"integer"}},"quality":{"rules":[{"id":"there","kind":"required","field":"name"}]}}
            """,
            "x.json", Dataset.Users);

        Assert.Empty(connector.Map("""{"id":"1","gone":true}""").Problems);
        Assert.Empty(connector.Map("""{"id":"1","out":true}""").Problems);
        Assert.Equal("type", Assert.Single(connector.Map("""{"id":"1","name":"x"}""").Problems).Rule);
        Assert.Equal("there", Assert.Single(connector.Map("""{"id":"1"}""").Problems).Rule);
    }

    [Theory]
    [InlineData("""{"id":"r","kind":"required","field":"nick"}""", "$.quality.rules[0].field: expected one of the columns name, email, attributes", "'nick'")]
    [InlineData("""{"id":"r","kind":"required"}""", "$.quality.rules[0].field: ", "found none")]
    [InlineData("""{"id":"r","kind":"spiral","field":"name"}""", "$.quality.rules", "spiral")]
    [InlineData("""{"id":"r","kind":"required","field":"name","colour":1}""", "$.quality.rules", "colour")]
    [InlineData("""{"kind":"required","field":"name"}""", "$.quality.rules", "id")]
    [InlineData("""{"id":"r","kind":"format","format":"phone","field":"name"}""", "$.quality.rules[0].format: ", "format")]
    [InlineData("""{"id":"r","kind":"regex","pattern":"(","field":"name"}""", "$.quality.rules[0].pattern: expected a regular expression", "Not enough )'s")]
    [InlineData("""{"id":"r","kind":"regex","pattern":"(?=x)y","field":"name"}""", "$.quality.rules[0].pattern: expected a regular expression", "lookarounds")]
    [InlineData("""{"id":"r","kind":"regex","pattern":"((a{100}){100}){100}","field":"name"}""", "$.quality.rules[0].pattern: ", "multiply to at most 1000")]
    [InlineData("""{"id":"r","kind":"length","field":"name"}""", "$.quality.rules[0].min: ", "found neither")]
    [InlineData("""{"id":"r","kind":"range","min":3,"max":2,"field":"name"}""", "$.quality.rules[0].min: expected at most the greatest value 2", "3")]
    [InlineData("""{"id":"r","kind":"enum","values":[],"field":"name"}""", "$.quality.rules[0].values: ", "at least one")]
    [InlineData("""{"id":"type","kind":"required","field":"name"}""", "$.quality.rules[0].id: ", "'type'")]
    [InlineData("""{"id":"r","kind":"required","field":"/a","action":"setNull"}""", "$.quality.rules[0].action: ", "'/a' is no column")]
    [InlineData("""{"id":"r","kind":"required","field":"name","action":"default"}""", "$.quality.rules[0].default: ", "found none")]
    [InlineData("""{"id":"r","kind":"required","field":"name","default":"x"}""", "$.quality.rules[0].default: ", "unless action is default")]
    [InlineData("""{"id":"r","kind":"required","field":"name","threshold":{"rate":1.5}}""", "$.quality.rules[0].threshold: ", "a rate from 0 to 1")]
    [InlineData("""{"id":"r","kind":"required","field":"name","threshold":{"rate":0.5,"count":1}}""", "$.quality.rules[0].threshold: ", "either")]
    public void A_rule_that_cannot_be_used_is_refused_with_where_and_why(string rule, string where, string found)
    {
        var error = Assert.Throws<FormatException>(() => Ruled.Connector(rule));

        Assert.StartsWith("ruled.json, " + where, error.Message, StringComparison.Ordinal);
        Assert.Contains(found, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_rules_cannot_have_one_id() => Assert.Contains(
        "$.quality.rules[1].id: expected one that no other rule has",
        Assert.Throws<FormatException>(() => Ruled.Connector("""{"id":"r","kind":"required","field":"name"}""", """{"id":"r","kind":"required","field":"email"}""")).Message,
        StringComparison.Ordinal);

    [Fact]
    public void An_integration_adds_rules_to_its_connector_and_replaces_them_and_both_are_pinned()
    {
        using var folder = new Elt.Testing.TempFolder();
        File.WriteAllText(folder.File("ruled.json"), Ruled.Connector("""{"id":"a","kind":"required","field":"name"}""", """{"id":"b","kind":"length","max":5,"field":"name"}""").Json);
        var library = new ConnectorLibrary(Dataset.Users, folder.Path);

        var own = library.Of(With("""{"rules":[{"id":"a","kind":"required","field":"email"},{"id":"c","kind":"format","format":"email","field":"email"}]}"""));
        var pinned = library.Read(own.Json);

        Assert.Equal(["b name", "a email", "c email"], pinned.Manifest.Quality.Rules.Select(rule => $"{rule.Id} {rule.Field}"));
        Assert.Equal(own.Hash, pinned.Hash);
        var error = Assert.Throws<SourceException>(() => library.EnsureUsable(With("""{"rules":[{"id":"a","kind":"required","field":"nick"}]}""")));
        Assert.Contains("provider_data.quality, $.quality.rules[1].field: expected one of the columns", error.Message, StringComparison.Ordinal);

        static ConnectedIntegration With(string quality) => new("1", "org", "ruled", ProviderData.Parse(
            $$"""{"permission_source_name":"X","api_endpoint":"http://127.0.0.1:1/users","quality":{{quality}}}"""));
    }
}
