using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Schema;
using System.Text.Json.Serialization;
using Elt.Pipelines.Datasets;

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
        Manifest manifest;
        try
        {
            manifest = JsonSerializer.Deserialize<Manifest>(json, Options) ?? throw new FormatException($"{file}, $: expected an object, found null.");
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            throw new FormatException($"{file}, {(e as JsonException)?.Path ?? "$"}: {e.InnerException?.Message ?? e.Message}", e);
        }
        return ManifestCheck.Problem(manifest, datasets) is { } problem ? throw new FormatException($"{file}, {problem}") : new Connector(manifest, json);
    }
}
