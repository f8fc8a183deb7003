using Elt.Pipelines.Warehouse;
using Xunit;

namespace Elt.Pipelines.Tests.Datasets;

/// <summary>The one spelling of each value of a typed column.</summary>
public sealed class ColumnTextTests
{
    [Theory]
    [Trait("promise", "P3")]
    [InlineData("Integer", "1", "1")]
    [InlineData("Integer", "1.0", "1")]
    [InlineData("Integer", "+01e2", "100")]
    [InlineData("Integer", "-0", "0")]
    [InlineData("Integer", "9007199254740993", "9007199254740993")]
    [InlineData("Integer", "-9223372036854775808", "-9223372036854775808")]
    [InlineData("Integer", "9223372036854775808", null)]
    [InlineData("Integer", "1.5", null)]
    [InlineData("Integer", "abc", null)]
    [InlineData("Integer", "", null)]
    [InlineData("Integer", "٣", null)]
    [InlineData("Decimal", "1.50", "1.5")]
    [InlineData("Decimal", "15e-1", "1.5")]
    [InlineData("Decimal", " .5 ", "0.5")]
    [InlineData("Decimal", "5.", "5")]
    [InlineData("Decimal", "-0.00", "0")]
    [InlineData("Decimal", "-12.340", "-12.34")]
    [InlineData("Decimal", "1e-3", "0.001")]
    [InlineData("Decimal", "0e999999", "0")]
    [InlineData("Decimal", "1E+3", "1000")]
    [InlineData("Decimal", "12345678901234567890.123456789012345678901234567890", "12345678901234567890.12345678901234567890123456789")]
    [InlineData("Decimal", "1e1000", null)]
    [InlineData("Decimal", "1e-1001", null)]
    [InlineData("Decimal", "1e99999999", null)]
    [InlineData("Decimal", "NaN", null)]
    [InlineData("Decimal", "1,5", null)]
    [InlineData("Decimal", ".", null)]
    [InlineData("Decimal", "--1", null)]
    [InlineData("Boolean", "true", "1")]
    [InlineData("Boolean", "FALSE", "0")]
    [InlineData("Boolean", "1", "1")]
    [InlineData("Boolean", "yes", null)]
    [InlineData("Timestamp", "2026-03-04T05:06:07Z", "2026-03-04T05:06:07.000000Z")]
    [InlineData("Timestamp", "2026-03-04T05:06:07.1234569+02:00", "2026-03-04T03:06:07.123456Z")]
    [InlineData("Timestamp", "2026-03-04 05:06", "2026-03-04T05:06:00.000000Z")]
    [InlineData("Timestamp", "2026-03-04", "2026-03-04T00:00:00.000000Z")]
    [InlineData("Timestamp", "2026-02-30", null)]
    [InlineData("Timestamp", "03/04/2026", null)]
    [InlineData("Timestamp", "1772600767", null)]
    [InlineData("Text", " as it came ", " as it came ")]
    public void A_value_has_one_spelling_or_is_none(string kind, string text, string? expected) =>
        Assert.Equal(expected, ColumnText.Canonical(Enum.Parse<ColumnKind>(kind), text));
}
