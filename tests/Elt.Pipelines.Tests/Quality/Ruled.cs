using System.Text.Json;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Tests.Quality;

/// <summary>A connector of users with rules of its own, and records as it maps them.</summary>
internal static class Ruled
{
    public static Connector Connector(params string[] rules) => Elt.Pipelines.Sources.Manifests.Connector.Parse(
        $$"""
        {"name":"ruled","pagination":{"type":"none"},"records":{"path":"/users"},"key":["/id"],"updatedAt":{"path":"/changed"},"ignore":["changed"],
         "fields":{"name":{"from":["/name"]},"email":{"from":["/email"] } },"quality":{"rules":[{{string.Join(',', rules)}}] } }
        """,
        "ruled.json", Dataset.Users);

    public static SourceRecord Map(this Connector connector, string json) =>
        new RecordMapper(connector.Manifest, Dataset.Users).Map(JsonElement.Parse(json));

    /// <summary>A record with this name.</summary>
    public static SourceRecord MapName(this Connector connector, string? name) =>
        connector.Map($$"""{"id":"1","name":{{JsonSerializer.Serialize(name)}}}""");
}
