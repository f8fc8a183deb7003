using System.Text;
using Elt.Pipelines.Sources;
using Xunit;

namespace Elt.Pipelines.Tests.Sources;

public sealed class PageParserTests
{
    [Theory]
    [InlineData("\"007\"", "007")]
    [InlineData("7", "7")]
    [InlineData("9007199254740993", "9007199254740993")]
    [InlineData("\"\"", null)]
    [InlineData("\" \"", null)]
    [InlineData("null", null)]
    [InlineData("true", null)]
    [InlineData("{}", null)]
    public void Keys_are_kept_digit_by_digit_or_are_unreadable(string json, string? key) =>
        Assert.Equal(key, Parse($$"""{"id":{{json}}}""").ExternalId);

    [Fact]
    public void A_record_without_id_has_no_key() => Assert.Null(Parse("""{"name":"A"}""").ExternalId);

    [Fact]
    public void Members_without_a_column_become_attributes_in_canonical_spelling() => Assert.Equal(
        ["A", null, """{"a":[1,{"x":1,"y":2}],"z":1.50}"""],
        Parse("""{"z": 1.50, "id":"1", "a":[1, {"y":2,"x":1}], "email":null, "name":"A"}""").Values);

    [Fact]
    public void A_text_column_keeps_other_values_as_their_json() =>
        Assert.Equal(["1", """{"first":"A"}""", null], Parse("""{"id":"1","name":1,"email":{"first":"A"}}""").Values);

    [Theory]
    [Trait("promise", "P13")]
    [InlineData("A\\u0000B", "A\uFFFDB")]
    [InlineData("\\ud83d", "\uFFFD")]
    [InlineData("\\udc00x", "\uFFFDx")]
    [InlineData("\\ud83d\\ud83d\\ude00", "\uFFFD😀")]
    [InlineData("\\ud83d\\ude00", "😀")]
    [InlineData("\\\\u0000", "\\u0000")]
    [InlineData("😀 שלום \\u00e9", "😀 שלום é")]
    public void Text_is_kept_except_for_what_cannot_be_stored(string json, string stored)
    {
        Assert.Equal(stored, Parse($$"""{"id":"1","name":"{{json}}"}""").Values[0]);
        Assert.Equal($"{{\"x\":\"{stored.Replace("\\", "\\\\", StringComparison.Ordinal)}\"}}", Parse($$"""{"id":"1","x":"{{json}}"}""").Values[2]);
    }

    [Fact]
    [Trait("promise", "P13")]
    public void Bytes_that_are_no_text_and_a_byte_order_mark_do_no_harm()
    {
        byte[] body = [0xEF, 0xBB, 0xBF, .. """{"users":[{"id":"1","name":"a"""u8, 0xFF, .. "\"}]}"u8];

        Assert.Equal("a\uFFFD", Parse(body).Records[0].Values[0]);
    }

    [Theory]
    [InlineData("1e400", "\"1e400\"")]
    [InlineData("-1e-400", "\"-1e-400\"")]
    [InlineData("0e99999", "\"0e99999\"")]
    [InlineData("0.0", "0.0")]
    [InlineData("1e300", "1e300")]
    [InlineData("12345678901234567890.10", "12345678901234567890.10")]
    public void Numbers_that_postgres_cannot_hold_are_kept_as_text(string number, string stored) =>
        Assert.Equal($$"""{"x":{{stored}}}""", Parse($$"""{"id":"1","x":{{number}}}""").Values[2]);

    private static SourceRecord Parse(string user) => Parse(Encoding.UTF8.GetBytes($$"""{"users":[{{user}}]}""")).Records[0];

    private static SourcePage Parse(byte[] body) => DemoPages.Parse(body);
}
