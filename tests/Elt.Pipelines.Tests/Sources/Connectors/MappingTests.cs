using Elt.Pipelines.Sources;
using Xunit;

namespace Elt.Pipelines.Tests.Sources.Connectors;

/// <summary>What becomes of records and pages on the way in.</summary>
public sealed class MappingTests : IAsyncLifetime
{
    private Vendor _vendor = null!;

    public async Task InitializeAsync() => _vendor = await Vendor.StartAsync();

    public async Task DisposeAsync() => await _vendor.DisposeAsync();

    [Theory]
    [Trait("promise", "P9")]
    [InlineData("Case_33_an_empty_page", """{"users":[],"next":"p3"}""")]
    [InlineData("Case_34_a_short_page", """{"users":[{"id":"2"}],"next":"p3"}""")]
    public async Task Cases_33_and_34_an_empty_or_short_page_in_the_middle_is_not_the_end(string @case, string middle)
    {
        _vendor.Answer = context => Vendor.WriteAsync(context, context.Request.Query["at"].ToString() switch
        {
            "" => """{"users":[{"id":"1"},{"id":"1b"}],"next":"p2"}""",
            "p2" => middle,
            _ => """{"users":[{"id":"3"}]}""",
        });

        var pages = await _vendor.ReadAsync(Rest("""{"type":"cursor","path":"/next","param":"at"}"""));

        Assert.True(pages.Count == 3, @case);
        Assert.Equal("3", pages[^1].Records[0].ExternalId);
    }

    [Theory]
    [Trait("promise", "P9")]
    [InlineData("", 1)]
    [InlineData(""","emptyIsEnd":false""", 2)]
    public async Task Case_35_whether_an_empty_cursor_is_the_end_is_the_manifests_decision(string more, int pages)
    {
        _vendor.Answer = context => Vendor.WriteAsync(
            context, context.Request.Query.ContainsKey("at") ? """{"users":[]}""" : """{"users":[],"next":""}""");

        Assert.Equal(pages, (await _vendor.ReadAsync(Rest($$"""{"type":"cursor","path":"/next","param":"at"{{more}}}"""))).Count);
    }

    [Fact]
    [Trait("promise", "P9")]
    public async Task Case_35_a_mark_ends_the_list_although_there_is_a_cursor()
    {
        _vendor.Answer = context => Vendor.WriteAsync(context, """{"users":[],"next":"for ever","end_of_stream":true}""");

        Assert.Single(await _vendor.ReadAsync(Rest("""{"type":"cursor","path":"/next","param":"at","endPath":"/end_of_stream"}""")));
    }

    [Fact]
    [Trait("promise", "P9")]
    public async Task Case_31_a_page_that_leads_to_itself_is_a_loop()
    {
        _vendor.Answer = context => Vendor.WriteAsync(context, """{"users":[],"next":"again"}""");

        Assert.StartsWith("pagination_loop", (await _vendor.FailAsync(Rest("""{"type":"cursor","path":"/next","param":"at"}"""))).Message, StringComparison.Ordinal);
        Assert.Equal(2, _vendor.Requests.Count);
    }

    [Fact]
    [Trait("promise", "P9")]
    public async Task An_offset_that_does_not_grow_before_the_total_is_reached_is_a_loop()
    {
        _vendor.Answer = context => Vendor.WriteAsync(context, context.Request.Query["from"] == "0" ? """{"users":[{"id":"1"}],"total":9}""" : """{"users":[],"total":9}""");

        Assert.StartsWith("pagination_loop", (await _vendor.FailAsync(Rest("""{"type":"offset","offsetParam":"from"}"""))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pages_with_numbers_are_asked_for_in_any_order_also_from_zero()
    {
        _vendor.Answer = context =>
        {
            context.Response.Headers["X-Total-Pages"] = "3";
            return Vendor.WriteAsync(context, $$"""{"users":[{"id":"{{context.Request.Query["p"]}}"}]}""");
        };
        using var source = _vendor.Source();
        var integration = Rest("""{"type":"page","pageParam":"p","base":0,"totalPagesHeader":"X-Total-Pages"}""");

        var third = await source.FetchAsync(new PageRequest(integration, 3, 10), default);
        var second = await source.FetchAsync(new PageRequest(integration, 2, 10), default);

        Assert.Equal(("2", true, 3, null), (third.Records[0].ExternalId, third.IsLast, third.TotalPages, third.NextCursor));
        Assert.Equal(("1", false, 3, null), (second.Records[0].ExternalId, second.IsLast, second.TotalPages, second.NextCursor));
    }

    [Fact]
    [Trait("promise", "P13")]
    [Trait("case", "46")]
    [Trait("case", "47")]
    public async Task Cases_46_and_47_text_that_cannot_be_stored_is_cleaned_and_text_that_is_too_long_is_a_problem()
    {
        _vendor.Answer = context => Vendor.WriteAsync(
            context, $$"""{"users":[{"id":"1","name":"a\u0000b","email":"\ud83d x"},{"id":"2","name":"😀 שלום","email":"{{new string('x', 70_000)}}"}]}""");

        var records = (await _vendor.ReadAsync(Rest("""{"type":"none"}""")))[0].Records;

        Assert.Equal(["a\uFFFDb", "\uFFFD x"], records[0].Values.Take(2));
        Assert.Empty(records[0].Problems);
        Assert.Equal(["😀 שלום", null], records[1].Values.Take(2));
        Assert.Equal(("length", "email"), (records[1].Problems[0].Rule, records[1].Problems[0].Field));
        Assert.Contains("\"id\":\"2\"", records[1].Raw, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("case", "48")]
    [Trait("case", "49")]
    public async Task Cases_48_and_49_keys_keep_every_digit_and_zero()
    {
        _vendor.Answer = context => Vendor.WriteAsync(
            context, """{"users":[{"id":9007199254740993},{"id":"007"},{"id":7},{"id":12345678901234567890123}]}""");

        Assert.Equal(
            ["9007199254740993", "007", "7", "12345678901234567890123"],
            (await _vendor.ReadAsync(Rest("""{"type":"none"}""")))[0].Records.Select(record => record.ExternalId));
    }

    [Theory]
    [InlineData("integer", "1", "1", null)]
    [InlineData("integer", "1.0", "1", null)]
    [InlineData("integer", "\"1\"", "1", null)]
    [InlineData("integer", "9007199254740993", "9007199254740993", null)]
    [InlineData("integer", "\"one\"", null, "type")]
    [InlineData("integer", "1.5", null, "type")]
    [InlineData("boolean", "true", "true", null)]
    [InlineData("boolean", "\"yes\"", null, "type")]
    [InlineData("timestamp", "\"2026-01-02T03:04:05+02:00\"", "2026-01-02T01:04:05.000Z", null)]
    [InlineData("timestamp", "\"2026-01-02\"", "2026-01-02T00:00:00.000Z", null)]
    [InlineData("timestamp", "\"tomorrow\"", null, "type")]
    [InlineData("number", "1.50", "1.50", null)]
    [InlineData("number", "{}", null, "type")]
    [InlineData("text", "{\"b\":1,\"a\":2}", "{\"a\":2,\"b\":1}", null)]
    [InlineData("text", "null", null, null)]
    public async Task A_value_has_its_fields_type_or_the_record_has_a_problem(string type, string json, string? value, string? problem)
    {
        _vendor.Answer = context => Vendor.WriteAsync(context, $$"""{"users":[{"id":"1","name":{{json}}}]}""");

        var record = (await _vendor.ReadAsync(Rest("""{"type":"none"}""", $$"""{"from":["/name"],"type":"{{type}}"}""")))[0].Records[0];

        Assert.Equal((value, problem), (record.Values[0], record.Problems.SingleOrDefault()?.Rule));
    }

    [Fact]
    public async Task Fields_are_joined_transformed_and_required()
    {
        _vendor.Answer = context => Vendor.WriteAsync(
            context, """{"users":[{"id":"1","first":" Ada ","last":"L."},{"id":"2","first":" "},{"id":"3","first":"JOSÉ"}]}""");

        var records = (await _vendor.ReadAsync(Rest(
            """{"type":"none"}""", """{"from":["/first","/last"],"join":" ","transform":["trim","lower","emptyToNull"],"required":true}""")))[0].Records;

        Assert.Equal(["ada  l.", null, "josé"], records.Select(record => record.Values[0]));
        Assert.Equal(["required"], records.SelectMany(record => record.Problems).Select(problem => problem.Rule));
    }

    private Elt.Pipelines.Integrations.ConnectedIntegration Rest(string pagination, string name = """{"from":["/name"]}""") => _vendor.Connect("rest", "/users", more: $$"""
        ,"connector":{"name":"users","pagination":{{pagination}},"records":{"path":"/users","totalPath":"/total"},"key":["/id"],
          "fields":{"name":{{name}},"email":{"from":["/email"] } } }
        """);
}
