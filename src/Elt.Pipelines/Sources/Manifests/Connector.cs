using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using System.Text.Json.Serialization;
using Elt.Pipelines.Contracts;
using Elt.Pipelines.Datasets;
using Elt.Pipelines.Quality.Rules;

namespace Elt.Pipelines.Sources.Manifests;

/// <summary>A manifest that was read and checked.</summary>
/// <param name="Manifest">What it says.</param>
/// <param name="Json">Its text, as it came.</param>
internal sealed record Connector(Manifest Manifest, string Json)
{
    private static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Strict)
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        AllowOutOfOrderMetadataProperties = true,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase, allowIntegerValues: false) },
        WriteIndented = true,
    };

    /// <summary>SHA-256 of the text in hex: what a run is pinned to.</summary>
    public string Hash { get; } = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Json)));

    /// <summary>The JSON Schema of manifests.</summary>
    public static string Schema => Options.GetJsonSchemaAsNode(typeof(Manifest), new JsonSchemaExporterOptions { TreatNullObliviousAsNonNullable = true })
        .ToJsonString(Options);

    /// <summary>Reads a manifest.</summary>
    /// <param name="json">The text.</param>
    /// <param name="file">What messages call it.</param>
    /// <param name="datasets">What it can map to.</param>
    /// <exception cref="FormatException">It cannot be used; the message gives file, JSON path, what was expected and what was found.</exception>
    public static Connector Parse(string json, string file, DatasetLibrary datasets)
    {
        var manifest = Read<Manifest>(json, file);
        return ManifestCheck.Problem(manifest, datasets) is { } problem ? throw new FormatException($"{file}, {problem}") : new Connector(manifest, json);
    }

    /// <summary>The connector with further rules on quality, as one of its own: what is pinned holds them too.</summary>
    /// <param name="quality">The rules, as a manifest has them.</param>
    /// <param name="file">What messages call them.</param>
    /// <param name="datasets">What the connector can map to.</param>
    /// <exception cref="FormatException">They cannot be used.</exception>
    public Connector With(string quality, string file, DatasetLibrary datasets)
    {
        var manifest = JsonNode.Parse(Json)!.AsObject();
        manifest["quality"] = JsonSerializer.SerializeToNode(Manifest.Quality.With(Read<QualityRules>(quality, file)), Options);
        return Parse(manifest.ToJsonString(), file, datasets);
    }

    /// <summary>The connector under another contract, as one of its own.</summary>
    /// <param name="contract">The contract, as a manifest has it.</param>
    /// <param name="file">What messages call it.</param>
    /// <param name="datasets">What the connector can map to.</param>
    /// <exception cref="FormatException">It cannot be used.</exception>
    public Connector Under(string contract, string file, DatasetLibrary datasets)
    {
        var manifest = JsonNode.Parse(Json)!.AsObject();
        manifest["contract"] = JsonSerializer.SerializeToNode(Read<SchemaContract>(contract, file), Options);
        return Parse(manifest.ToJsonString(), file, datasets);
    }

    private static T Read<T>(string json, string file)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(json, Options) ?? throw new FormatException($"{file}, $: expected an object, found null.");
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            throw new FormatException($"{file}, {(e as JsonException)?.Path ?? "$"}: {e.InnerException?.Message ?? e.Message}", e);
        }
    }
}
