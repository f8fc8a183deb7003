using Elt.Pipelines.Contracts;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Quality;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Warehouse;
using Xunit;

namespace Elt.Pipelines.Tests.Contracts;

/// <summary>Records that have another form than those before them, under each contract.</summary>
public sealed class SchemaContractTests : IAsyncLifetime
{
    private const string Plain = """{"id":"a","name":"Ada","age":36}""";
    private const string WithNick = """{"id":"a","name":"Ada","age":36,"nick":"secret-nick"}""";
    private const string WithObject = """{"id":"a","name":{"first":"secret-name"},"age":36}""";

    private ContractRuns _runs = null!;

    public async Task InitializeAsync() => _runs = await ContractRuns.CreateAsync();

    public Task DisposeAsync()
    {
        _runs.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    [Trait("case", "59")]
    [Trait("promise", "P3")]
    public async Task Case_59_a_new_field_that_may_evolve_is_kept_among_the_attributes_and_known_from_then_on()
    {
        await _runs.RunAsync("run-1", "{}", Plain);
        var second = await _runs.RunAsync("run-2", "{}", """{"id":"a","name":"Ada","age":36,"nick":{"x":1,"y":[true]},"born":1815}""");
        var third = await _runs.RunAsync("run-3", """{"newField":"freeze"}""", """{"born":1815,"nick":{ "y":[true], "x":1 },"age":36,"name":"Ada","id":"a"}""");

        Assert.Equal((1, 0), (second.Updates, third.Updates));
        Assert.Equal(["""a|Ada|36|{"born":1815,"nick":{"x":1,"y":[true]}}"""], _runs.Latest());
        Assert.Equal(["/age number", "/born number", "/id string", "/name string", "/nick object"], _runs.Known());
    }

    [Fact]
    [Trait("case", "59")]
    [Trait("promise", "P6")]
    public async Task Case_59_a_record_with_a_new_field_is_quarantined_where_rows_are_discarded_counts_as_seen_and_teaches_nothing()
    {
        const string Contract = """{"newField":"discardRow"}""";
        await _runs.RunAsync("run-1", Contract, Plain);
        var second = await _runs.RunAsync("run-2", Contract, WithNick);
        var third = await _runs.RunAsync("run-3", Contract, WithNick);

        Assert.All(new[] { second, third }, run => Assert.Equal((0, 0, 1), (run.Updates, run.Deletes, run.Quarantined)));
        Assert.Equal(["a|Ada|36|-"], _runs.Latest());
        Assert.Equal(["a|open|new_field|/nick|Expected a field that is known, found a new one of type string."], _runs.Quarantine());
        Assert.Equal(["""new_field|/nick|error|quarantine|1|["a"]|Expected a field that is known, found a new one of type string."""], _runs.Issues("run-3"));
        Assert.DoesNotContain("/nick string", _runs.Known());
        Assert.Equal(1, (await _runs.RunAsync("run-4", "{}", WithNick)).Updates);
        Assert.Equal("resolved", _runs.Quarantine().Single().Split('|')[1]);
    }

    [Fact]
    [Trait("case", "59")]
    public async Task Case_59_a_new_field_is_left_out_and_told_of_where_values_are_discarded()
    {
        const string Contract = """{"newField":"discardValue"}""";
        await _runs.RunAsync("run-1", Contract, """{"id":"a","name":"Ada","age":36,"city":"Turin"}""");
        var second = await _runs.RunAsync("run-2", Contract, """{"id":"a","name":"Augusta","age":36,"city":"Turin","nick":"secret-nick"}""");
        var third = await _runs.RunAsync("run-3", Contract, """{"id":"a","name":"Augusta","age":36,"city":"Turin","nick":"other"}""");

        Assert.Equal((1, 0, 0), (second.Updates, second.Quarantined, third.Updates));
        Assert.Equal(["""a|Augusta|36|{"city":"Turin"}"""], _runs.Latest());
        Assert.Equal(["""new_field|/nick|warning|set_null|1|["a"]|Expected a field that is known, found a new one of type string."""], _runs.Issues("run-3"));
        Assert.Equal(["21|0|0|0"], _runs.Rows("select records, invalid, quarantined, frozen from quality_runs where workflow_id = 'run-3'"));
    }

    [Fact]
    [Trait("case", "59")]
    public async Task Case_59_a_new_field_fails_the_run_where_the_form_is_frozen_and_nothing_of_it_is_taken()
    {
        const string Contract = """{"newField":"freeze"}""";
        await _runs.RunAsync("run-1", Contract, Plain);
        var error = await Assert.ThrowsAsync<SchemaContractException>(() => _runs.RunAsync("run-2", Contract, WithNick, """{"id":"b","name":"B","nick":1}"""));

        Assert.StartsWith(
            "schema_frozen: page 1 of org-001/okta has records of a form that the connector's contract does not allow. "
            + "'/nick': Expected a field that is known, found a new one of type string. Nothing was applied. Map the field, or name it in",
            error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret-nick", error.Message, StringComparison.Ordinal);
        Assert.Equal(["a|Ada|36|-"], _runs.Latest());
        Assert.Equal(["0|0|0"], _runs.Rows(
            "select (select count(*) from users_staging where workflow_id = 'run-2'), (select count(*) from users_quarantine), (select count(*) from quality_failures where workflow_id = 'run-2')"));
        Assert.Equal(["""new_field|/nick|critical|fail_run|2|["a","b"]|Expected a field that is known, found a new one of type string."""], _runs.Issues("run-2"));
        Assert.Equal(["22|2|'/nick': Expected a field that is known, found a new one of type string."],
            _runs.Rows("select records, invalid, failure from quality_runs where workflow_id = 'run-2'"));

        // The source takes it back, and the run is resumed.
        await _runs.StageAsync("run-2", Contract, Plain);
        Assert.Null((await _runs.CheckAsync("run-2")).Failure);
        Assert.Empty(_runs.Issues("run-2"));
    }

    [Fact]
    [Trait("case", "59")]
    public async Task What_the_connector_names_is_never_new()
    {
        await _runs.RunAsync("run-1", "{}", """{"id":"b"}""");
        await _runs.WriteAsync("delete from source_fields where field <> '/id'");

        Assert.Equal(1, (await _runs.RunAsync("run-2", """{"newField":"freeze"}""", """{"id":"a","name":"Ada","age":36,"etag":"x"}""", """{"id":"b"}""")).Inserts);
    }

    [Theory]
    [Trait("case", "60")]
    [Trait("promise", "P6")]
    [InlineData("evolve", "a|Ada|36|-", "error|quarantine|1")]
    [InlineData("discardRow", "a|Ada|36|-", "error|quarantine|1")]
    [InlineData("discardValue", "a|-|36|-", "warning|set_null|1")]
    public async Task Case_60_an_object_where_a_text_was_is_treated_as_the_contract_says(string mode, string latest, string issue)
    {
        var contract = $$"""{"typeChange":"{{mode}}"}""";
        await _runs.RunAsync("run-1", contract, Plain);
        await _runs.RunAsync("run-2", contract, WithObject);
        var third = await _runs.RunAsync("run-3", contract, WithObject);

        Assert.Equal(0, third.Deletes);
        Assert.Equal([latest], _runs.Latest());
        Assert.Equal([$"""type|name|{issue}|["a"]|Expected string, as it came so far, found object."""], _runs.Issues("run-3"));
        Assert.DoesNotContain("/name object", _runs.Known());
        Assert.DoesNotContain("secret-name", string.Join(' ', _runs.Quarantine()), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("case", "60")]
    public async Task Case_60_an_object_where_a_text_was_fails_the_run_where_the_form_is_frozen()
    {
        await _runs.RunAsync("run-1", "{}", Plain);
        var error = await Assert.ThrowsAsync<SchemaContractException>(() => _runs.RunAsync("run-2", """{"typeChange":"freeze"}""", WithObject));

        Assert.Contains("'name': Expected string, as it came so far, found object. Nothing was applied.", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret-name", error.Message, StringComparison.Ordinal);
        Assert.Equal(["a|Ada|36|-"], _runs.Latest());
    }

    [Fact]
    [Trait("case", "60")]
    [Trait("promise", "P6")]
    public async Task Case_60_more_than_a_tenth_of_another_type_fails_the_run()
    {
        string[] many = [.. Enumerable.Range(1, 3).Select(i => $$"""{"id":"m{{i}}","name":"M"}""")];
        await _runs.RunAsync("run-1", "{}", many);

        await Assert.ThrowsAsync<QualityGateException>(() => _runs.RunAsync("run-2", "{}", [.. many.Select(record => record.Replace("\"M\"", "{}", StringComparison.Ordinal))]));

        Assert.Equal(["m1|M|-|-", "m2|M|-|-", "m3|M|-|-"], _runs.Latest());
    }

    [Theory]
    [Trait("case", "60")]
    [InlineData("evolve", "a|7|36|-", 0)]
    [InlineData("discardRow", "a|Ada|36|-", 1)]
    [InlineData("discardValue", "a|-|36|-", 0)]
    public async Task A_number_where_a_text_was_is_taken_as_text_only_where_types_may_evolve(string mode, string latest, int quarantined)
    {
        var contract = $$"""{"typeChange":"{{mode}}"}""";
        await _runs.RunAsync("run-1", contract, Plain);

        Assert.Equal(quarantined, (await _runs.RunAsync("run-2", contract, """{"id":"a","name":7,"age":36}""")).Quarantined);
        Assert.Equal([latest], _runs.Latest());
    }

    [Theory]
    [InlineData("evolve", "a|Ada|36|-", "error|quarantine")]
    [InlineData("discardValue", "a|Ada|-|-", "warning|set_null")]
    public async Task A_value_that_is_none_of_its_declared_type_is_treated_as_the_contract_says(string mode, string latest, string issue)
    {
        var contract = $$"""{"typeChange":"{{mode}}"}""";
        await _runs.RunAsync("run-1", contract, Plain);
        await _runs.RunAsync("run-2", contract, """{"id":"a","name":"Ada","age":{"years":36}}""");

        Assert.Equal([latest], _runs.Latest());
        Assert.Equal([$"""type|email|{issue}|1|["a"]|Expected integer, found object."""], _runs.Issues("run-2"));
    }

    [Fact]
    public void A_required_value_that_the_contract_discards_is_missing()
    {
        var integration = new ConnectedIntegration("okta", "org-001", "rest", ProviderData.Parse(
            """
            {"permission_source_name":"X","api_endpoint":"http://127.0.0.1:1/users","contract":{"typeChange":"discardValue"},"connector":{
              "name":"bound","pagination":{"type":"none"},"records":{"path":"/users"},"key":["/id"],
              "fields":{"email":{"from":["/age"],"type":"integer","required":true}}}}
            """));
        var mapper = new RecordMapper(new ConnectorLibrary(Dataset.Users).Of(integration).Manifest, Dataset.Users);

        var record = mapper.Map(System.Text.Json.JsonElement.Parse("""{"id":"a","age":{"years":36}}"""));

        Assert.Equal(["type: False", "required: True"], record.Problems.Select(problem => $"{problem.Rule}: {problem.Quarantines}"));
        Assert.True(Quarantine.Takes(record));
    }

    [Fact]
    public async Task A_plan_that_a_contract_stops_leaves_no_report()
    {
        const string Frozen = """{"newField":"freeze"}""";
        await _runs.RunAsync("run-1", Frozen, Plain);

        await Assert.ThrowsAsync<SchemaContractException>(() => _runs.StagePlanAsync("plan-1", Frozen, WithNick));

        Assert.Equal(["run-1"], _runs.Rows("select workflow_id from quality_runs"));
        Assert.Empty(_runs.Rows("select rule from quality_issues"));
    }

    [Fact]
    public async Task A_first_run_learns_all_types_there_are_and_later_ones_may_have_each()
    {
        const string Contract = """{"newField":"freeze","typeChange":"freeze"}""";
        await _runs.RunAsync("run-1", Contract, """{"id":"a","name":{"b":1,"a":2}}""", """{"id":"b","name":"B","nick":null}""");
        var second = await _runs.RunAsync("run-2", Contract, """{"id":"a","name":{"a":2,"b":1}}""", """{"id":"b","name":"B","nick":"N"}""");

        Assert.Equal(1, second.Updates);
        Assert.Equal(["""a|{"a":2,"b":1}|-|-""", """b|B|-|{"nick":"N"}"""], _runs.Latest());
    }

    [Fact]
    public async Task Only_an_applied_run_that_has_read_everything_teaches_a_first_time_and_only_by_records_that_it_takes()
    {
        await _runs.StageAsync("failed", "{}", WithNick);
        Assert.Empty(_runs.Known());
        await _runs.WriteAsync(
            "insert into run_readings (organization_id, connected_integration_id, workflow_id, mode, source_sha256, begun_at) values ('org-001', 'okta', 'changes', 'incremental', '', '2026-01-01T00:00:00.000Z')");
        await _runs.RunAsync("changes", "{}", Plain);
        Assert.Empty(_runs.Known());
        await _runs.RunAsync("everything", "{}", """{"id":"a","name":"Ada","age":{},"nick":1}""");
        Assert.Equal(["/age number", "/id string", "/name string"], _runs.Known());
    }

    [Fact]
    public async Task Names_are_kept_in_a_bounded_space_and_a_contract_that_cannot_be_kept_says_so()
    {
        var name = new string('n', 199);
        var record = $$"""{"id":"a","{{name}}":1,"{{name}}x":1,"{{name}}y":1,"{{name[..181]}}😀{{name}}":1}""";
        await _runs.RunAsync("run-1", "{}", record);
        Assert.Equal(["199", "200", "200", "200"], _runs.Rows("select cast(length(field) as text) from source_fields where field like '/nn%' order by 1"));
        Assert.Equal(0, (await _runs.RunAsync("run-2", """{"newField":"freeze"}""", record)).Updates);

        var data = string.Join(',', Enumerable.Range(0, KnownFields.Max + 5).Select(i => $"\"k{i}\":1"));
        await _runs.RunAsync("run-3", "{}", $$"""{"id":"a",{{data}}}""");
        Assert.Equal(KnownFields.Max, _runs.Known().Length);
        var error = await Assert.ThrowsAsync<SchemaContractException>(() => _runs.RunAsync("run-4", """{"newField":"discardRow"}""", Plain));
        Assert.Contains("Expected at most 2000 fields and types", error.Message, StringComparison.Ordinal);
        Assert.Equal(1, (await _runs.RunAsync("run-5", "{}", Plain)).Updates);
    }
}
