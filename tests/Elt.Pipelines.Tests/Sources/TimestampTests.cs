using System.Text.Json;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Warehouse;
using Xunit;

namespace Elt.Pipelines.Tests.Sources;

/// <summary>Times as sources write them: everything is kept in UTC.</summary>
public sealed class TimestampTests
{
    private static readonly Dataset Events = new("events", [new DatasetColumn("at", ColumnKind.Timestamp), new DatasetColumn("note")]);

    [Theory]
    [Trait("case", "62")]
    [InlineData("2026-07-01T12:00:00", null, "2026-07-01T12:00:00.000")]
    [InlineData("2026-07-01T12:00:00+05:30", null, "2026-07-01T06:30:00.000")]
    [InlineData("2026-07-01T12:00:00", "Europe/Berlin", "2026-07-01T10:00:00.000")]
    [InlineData("2026-01-01T12:00:00.123", "Europe/Berlin", "2026-01-01T11:00:00.123")]
    [InlineData("2026-07-01", "Europe/Berlin", "2026-06-30T22:00:00.000")]
    [InlineData("2026-07-01T12:00:00Z", "Europe/Berlin", "2026-07-01T12:00:00.000")]
    [InlineData("2026-07-01T12:00:00-03:00", "Europe/Berlin", "2026-07-01T15:00:00.000")]
    [InlineData("2026-10-25T02:30:00", "Europe/Berlin", "2026-10-25T00:30:00.000")]
    [InlineData("2026-10-25T03:30:00", "Europe/Berlin", "2026-10-25T02:30:00.000")]
    [InlineData("2026-03-29T01:30:00", "Europe/Berlin", "2026-03-29T00:30:00.000")]
    [InlineData("2026-03-29T02:30:00", "Europe/Berlin", "2026-03-29T01:30:00.000")]
    public void Case_62_a_time_without_a_zone_is_of_the_zone_that_the_connector_states_or_else_utc(string text, string? zone, string utc)
    {
        var record = Map($$"""{"id":"1","at":"{{text}}"}""", zone);

        Assert.Empty(record.Problems);
        Assert.Equal(new[] { utc + "000Z", utc + "Z" }, record.Values);
        Assert.Equal(utc, record.UpdatedAt!.Value.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff"));
    }

    [Theory]
    [Trait("case", "62")]
    [InlineData("12:30")]
    [InlineData("12:30:00+02:00")]
    [InlineData("soon")]
    public void Case_62_a_time_without_a_day_is_none(string text)
    {
        var record = Map($$"""{"id":"1","at":"{{text}}"}""", "Europe/Berlin");

        Assert.Equal(["type", "type"], record.Problems.Select(problem => problem.Rule));
        Assert.Null(record.UpdatedAt);
    }

    [Theory]
    [Trait("case", "62")]
    [InlineData("0001-01-01T00:00:00")]
    [InlineData("9999-12-31T23:59:59")]
    public void Case_62_a_time_at_the_end_of_all_times_fails_no_page(string text)
    {
        foreach (var zone in new[] { "Asia/Tokyo", "America/New_York" })
            Assert.Empty(Map($$"""{"id":"1","at":"{{text}}"}""", zone).Problems);
    }

    private static SourceRecord Map(string json, string? zone)
    {
        var stated = zone is null ? "" : $",\"zone\":\"{zone}\"";
        var connector = Connector.Parse(
            $$"""
            {"name":"events","dataset":"events","pagination":{"type":"none"},"records":{"path":""},"key":["/id"],"updatedAt":{"path":"/at"{{stated}}},
             "fields":{"at":{"from":["/at"]{{stated}}},"note":{"from":["/at"],"type":"timestamp"{{stated}} } } }
            """,
            "events.json", Events);
        return new RecordMapper(connector.Manifest, Events).Map(JsonElement.Parse(json));
    }
}
