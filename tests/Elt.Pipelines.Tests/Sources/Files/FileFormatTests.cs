using System.Text;
using Elt.Pipelines.Sources;
using Xunit;

namespace Elt.Pipelines.Tests.Sources.Files;

/// <summary>Real files of each format, read in pages.</summary>
public sealed class FileFormatTests : IDisposable
{
    private const string Wide = "\U0001F600 Žluť 漢字";

    private readonly Drawer _drawer = new();

    public void Dispose() => _drawer.Dispose();

    public static TheoryData<string, string> Formats() => new()
    {
        { "users.csv", "id,name,email\n1,Ada,a@x.io\n2,\"B, \"\"C\"\"\nD\",\n3,😀 Žluť 漢字,c@x.io\n" },
        { "bom.csv", "\uFEFFid,name,email\r\n1,Ada,a@x.io\r\n\r\n2,\"B, \"\"C\"\"\nD\",\r\n3,😀 Žluť 漢字,c@x.io" },
        { "mac.csv", "id,name,email\r1,Ada,a@x.io\r2,\"B, \"\"C\"\"\nD\",\r3,😀 Žluť 漢字,c@x.io\r" },
        { "users.tsv", "id\tname\temail\n1\tAda\ta@x.io\n2\t\"B, \"\"C\"\"\nD\"\t\n3\t😀 Žluť 漢字\tc@x.io\n" },
        { "users.jsonl", "{\"id\":1,\"name\":\"Ada\",\"email\":\"a@x.io\"}\n\n{\"id\":2,\"name\":\"B, \\\"C\\\"\\nD\"}\r\n{\"id\":3,\"name\":\"😀 Žluť 漢字\",\"email\":\"c@x.io\"}" },
        { "bom.ndjson", "\uFEFF{\"id\":1,\"name\":\"Ada\",\"email\":\"a@x.io\"}\n{\"id\":2,\"name\":\"B, \\\"C\\\"\\nD\"}\n{\"id\":3,\"name\":\"😀 Žluť 漢字\",\"email\":\"c@x.io\"}\n" },
        { "users.json", "\uFEFF [ {\"id\":1,\"name\":\"Ada\",\"email\":\"a@x.io\"} , {\"id\":2,\"name\":\"B, \\\"C\\\"\\nD\"},\n{\"id\":3,\"name\":\"😀 Žluť 漢字\",\"email\":\"c@x.io\"}\n] " },
    };

    [Theory]
    [MemberData(nameof(Formats))]
    [Trait("promise", "P13")]
    public async Task A_file_gives_the_same_records_packed_or_not_however_it_is_cut_into_pages(string name, string text)
    {
        string[] expected = ["1 Ada|a@x.io", "2 B, \"C\"\nD|", $"3 {Wide}|c@x.io"];
        foreach (var address in new[] { _drawer.Put(name, text), _drawer.Put(name + ".gz", Drawer.Pack(text)) })
        {
            for (var pageSize = 1; pageSize <= 4; pageSize++)
            {
                foreach (var restarts in new[] { false, true })
                {
                    var pages = await _drawer.ReadAsync(Drawer.Connect(address), pageSize, restarts);
                    Assert.Equal(expected, Drawer.Shown(pages));
                    Assert.All(pages, page => Assert.True(page.Records.Count <= pageSize));
                }
            }
        }
        Assert.Empty(_drawer.Copies);
    }

    [Fact]
    public async Task Other_columns_are_kept_as_attributes_and_the_mapping_may_be_ones_own()
    {
        var address = _drawer.Put("staff.txt", "Employee Id;Given;Family;Team\n007;J;B;blue\n");
        var own = """
            ,"format":"csv","delimiter":";","connector":{"name":"hr","file":{},"records":{"path":""},"key":["/Employee Id"],
            "fields":{"name":{"from":["/Given","/Family"],"join":" "} } }
            """;

        var record = Assert.Single((await _drawer.FetchAsync(Drawer.Connect(address, own, "rest"))).Records);

        Assert.Equal(("007", "J B", """{"Team":"blue"}"""), (record.ExternalId, record.Values[0], record.Values[2]));
    }

    [Fact]
    public async Task A_list_deep_in_a_document_is_found_and_the_document_is_read_to_its_end()
    {
        const string Before = "{\"meta\":{\"users\":[[1],{\"a\":\"]\"}],\"n\":1.5e3},\"data\":{\"first\":null,\"us/ers\":[";
        var records = string.Join(",\n", Enumerable.Range(1, 7).Select(i => $$"""{"id":"{{i}}","name":"N {{i}}]}","tags":[[],{}]}"""));
        var more = ""","connector":{"name":"deep","file":{},"records":{"path":"/data/us~1ers"},"key":["/id"],"fields":{"name":{"from":["/name"]} } }""";
        var integration = Drawer.Connect(_drawer.Put("deep.json", $"{Before}{records}],\"x\":{{}}}},\"total\":7}}"), more, "rest");

        Assert.Equal(Enumerable.Range(1, 7).Select(i => $"{i} N {i}]}}|"), Drawer.Shown(await _drawer.ReadAsync(integration, 2, restarts: true)));

        foreach (var end in new[] { "", "]", "],\"x\":{}}", "],\"x\":{}},\"total\":7", "],\"x\":{}},\"total\":7}}", ",", ",{\"id\":1", "}" })
        {
            _drawer.Put("deep.json", Before + records + end);
            Assert.Equal(SourceErrorClass.Data, (await _drawer.FailAsync(integration, 2)).ErrorClass);
        }
        _drawer.Put("deep.json", "{\"data\":{\"users\":[]}}");
        Assert.Contains("without the list 'data/us~1ers'", (await _drawer.FailAsync(integration)).Message, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("promise", "P6")]
    public async Task A_bad_line_of_csv_is_a_record_with_its_raw_line_number_and_reason_and_the_others_are_read()
    {
        var address = _drawer.Put("bad.csv", "id,name,email\n1,A,a\n2,B\n3,C,c,x\n4,\"D\nd\",d\n5,x\"E\"y,e\n6,\"F,f\n7,G,g\n8,\"H\",h\n,I,i\n9,J,j\n");

        for (var pageSize = 1; pageSize <= 11; pageSize++)
        {
            var pages = await _drawer.ReadAsync(Drawer.Connect(address), pageSize);

            Assert.Equal(
                ["1 A|a", "Line 3: Expected 3 columns, found 2.", "Line 4: Expected 3 columns, found 4.", "4 D\nd|d", "Line 7: A quote is where none may be.", "Line 8: A quote is where none may be.", "7 G|g", "8 H|h",
                    "Line 11 has no key that can be used.", "9 J|j"],
                Drawer.Shown(pages));
            var records = pages.SelectMany(page => page.Records).ToList();
            Assert.Equal(("2,B", "6,\"F,f"), (records[1].Raw, records[5].Raw));
        }
    }

    [Fact]
    [Trait("promise", "P6")]
    public async Task A_bad_line_of_json_lines_is_a_record_with_its_raw_line_number_and_reason_and_the_others_are_read()
    {
        var address = _drawer.Put("bad.jsonl", "{\"id\":1,\"name\":\"A\"}\n\n{\"id\":2,\n[3]\n{\"id\":4,\"name\":\"D\"}\nnull\n{\"name\":\"F\"}\n");

        var pages = await _drawer.ReadAsync(Drawer.Connect(address), 2);

        Assert.Equal(
            ["1 A|", "Line 3: Expected a JSON object, found what is no complete JSON.", "Line 4: Expected a JSON object, found array.", "4 D|",
                "Line 6: Expected a JSON object, found null.", "Line 7 has no key that can be used."],
            Drawer.Shown(pages));
        Assert.Equal("{\"id\":2,", pages[0].Records[1].Raw);
    }

    [Fact]
    [Trait("promise", "P6")]
    public async Task An_item_of_a_list_that_is_no_object_is_a_bad_record_with_its_number()
    {
        var address = _drawer.Put("bad.json", "[{\"id\":1},2,[{}],{\"id\":4}]");

        Assert.Equal(
            ["1 |", "Record 2: Expected a JSON object, found number.", "Record 3: Expected a JSON object, found array.", "4 |"],
            Drawer.Shown(await _drawer.ReadAsync(Drawer.Connect(address), 1)));
    }

    [Theory]
    [InlineData("big.csv", "id,name,email\n1,A,a\n2,", ",b\n3,C,c\n", "Line 3: Expected at most 1,048,576 bytes")]
    [InlineData("quote.csv", "id,name,email\n1,A,a\n2,\"", ",b\n3,C,c\n", "Line 3: Expected at most 1,048,576 bytes")]
    [InlineData("big.jsonl", "{\"id\":1,\"name\":\"A\",\"email\":\"a\"}\n{\"id\":\"", "\"}\n{\"id\":3,\"name\":\"C\",\"email\":\"c\"}\n", "Line 2: Expected at most 1,048,576 bytes")]
    [InlineData("big.json", "[{\"id\":1,\"name\":\"A\",\"email\":\"a\"},{\"id\":\"", "\"},{\"id\":3,\"name\":\"C\",\"email\":\"c\"}]", "Record 2: Expected at most 1,048,576 bytes")]
    [Trait("promise", "P12")]
    public async Task An_oversized_line_is_a_bad_record_and_its_raw_form_is_cut(string name, string before, string after, string reason)
    {
        var integration = Drawer.Connect(_drawer.Put(name, before + new string('x', 3_000_000) + after));

        for (var pageSize = 1; pageSize <= 3; pageSize++)
        {
            var pages = await _drawer.ReadAsync(integration, pageSize);
            var shown = Drawer.Shown(pages);
            Assert.Equal(("1 A|a", "3 C|c", 3), (shown[0], shown[2], shown.Length));
            Assert.StartsWith(reason, shown[1], StringComparison.Ordinal);
            Assert.Equal(4096, pages.SelectMany(page => page.Records).ElementAt(1).Raw!.Length);
        }
    }

    [Theory]
    [InlineData("cut.csv", "id,name\n1,A\n2", "line 3, the last one, has no line break, and it is bad")]
    [InlineData("cut.csv", "id,name\n1,A\n2,\"B", "line 3 has a quoted value that is not closed")]
    [InlineData("cut.csv", "id,na", "does not begin with a header line")]
    [InlineData("cut.csv", "", "does not begin with a header line")]
    [InlineData("twice.csv", "id,name,id\n", "2 columns of the name 'id'")]
    [InlineData("comma.csv", "id;name\n1;A\n", "has no column 'id'")]
    [InlineData("page.csv", "<!DOCTYPE html>\n<p>Log in</p>\n", "has no column 'id'")]
    [InlineData("cut.jsonl", "{\"id\":1}\n{\"id\":2", "line 2, the last one, has no line break, and it is bad")]
    [InlineData("cut.json", "[{\"id\":1},{\"id\":2}", "is cut off, or no JSON behind byte")]
    [InlineData("cut.json", "[{\"id\":1},{\"id", "is cut off, or no JSON behind byte")]
    [InlineData("cut.json", "", "is cut off, or no JSON behind byte 0")]
    [InlineData("two.json", "[{\"id\":1}] [{\"id\":1}]", "no JSON behind byte")]
    [InlineData("object.json", "{\"id\":1}", "is JSON without a list")]
    [InlineData("users.xls", "?", "is not known by its name")]
    [Trait("promise", "P4")]
    public async Task A_file_that_is_cut_off_or_no_such_file_is_an_error_and_never_the_end(string name, string text, string reason)
    {
        foreach (var pageSize in new[] { 1, 10 })
        {
            var error = await _drawer.FailAsync(Drawer.Connect(_drawer.Put(name, text)), pageSize);
            Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    [Trait("promise", "P4")]
    public async Task A_packed_file_is_read_only_when_it_is_whole()
    {
        var text = "id,name\n" + string.Concat(Enumerable.Range(1, 2000).Select(i => $"{i},Name {i}\n"));
        var packed = Drawer.Pack(text);
        var parts = Drawer.Pack("id,name\n1,A\n").Concat(Drawer.Pack("2,B\n")).ToArray();
        foreach (var cut in new[] { 0, 1, 5, packed.Length / 2, packed.Length - 9, packed.Length - 4, packed.Length - 1 })
            await RefusesAsync(packed[..cut]);
        await RefusesAsync([.. packed[..^6], 7, .. packed[^5..]]);
        await RefusesAsync([.. packed, 1, 2, 3]);
        await RefusesAsync(parts[..^12]);

        Assert.Equal(2000, (await _drawer.ReadAsync(Drawer.Connect(_drawer.Put("all.csv.gz", packed)), 900)).Sum(page => page.Records.Count));
        Assert.Equal(["1 A|", "2 B|"], Drawer.Shown(await _drawer.ReadAsync(Drawer.Connect(_drawer.Put("parts.csv.gz", parts)))));
        Assert.Equal(["1 A|", "2 B|"], Drawer.Shown(await _drawer.ReadAsync(Drawer.Connect(_drawer.Put("unnamed.csv", parts)))));
        Assert.Equal(["1 A|"], Drawer.Shown(await _drawer.ReadAsync(Drawer.Connect(_drawer.Put("plain.csv.gz", "id,name\n1,A\n"), ",\"compression\":\"none\""))));

        async Task RefusesAsync(byte[] bytes)
        {
            var error = await _drawer.FailAsync(Drawer.Connect(_drawer.Put("cut.csv.gz", bytes)));
            Assert.Equal(SourceErrorClass.Data, error.ErrorClass);
            Assert.Contains("is cut off or", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    [Trait("promise", "P13")]
    public async Task Bytes_that_are_no_text_are_replaced_and_utf_16_is_refused()
    {
        byte[] bytes = [.. "id,name\n1,A"u8, 0xFF, 0, .. "B\n"u8];
        Assert.Equal(["1 A\uFFFD\uFFFDB|"], Drawer.Shown(await _drawer.ReadAsync(Drawer.Connect(_drawer.Put("odd.csv", bytes)))));
        Assert.Contains(
            "is UTF-16", (await _drawer.FailAsync(Drawer.Connect(_drawer.Put("wide.csv", [0xFF, 0xFE, .. Encoding.Unicode.GetBytes("id\n")])))).Message, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("promise", "P12")]
    public async Task A_page_of_long_lines_ends_early_instead_of_filling_the_memory()
    {
        using var drawer = new Drawer(options => options with { MaxResponseBytes = 100_000 });
        var lines = string.Concat(Enumerable.Range(1, 10).Select(i => $"{i},{new string('x', 30_000)}\n"));

        var pages = await drawer.ReadAsync(Drawer.Connect(drawer.Put("long.csv", "id,name\n" + lines)));

        Assert.Equal(new[] { 4, 4, 2 }, pages.Select(page => page.Records.Count));
    }
}
