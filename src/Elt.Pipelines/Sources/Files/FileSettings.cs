using System.Text.Json;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Sources.Manifests;

namespace Elt.Pipelines.Sources.Files;

/// <summary>How a file is read: as the connector says, else as provider_data says, else as its name says.</summary>
/// <param name="Format">How records are written.</param>
/// <param name="IsPacked">Whether it is gzip; <see langword="null"/> when its content decides.</param>
/// <param name="Delimiter">What separates columns.</param>
internal sealed record FileSettings(FileFormat Format, bool? IsPacked, char Delimiter)
{
    /// <exception cref="SourceException">Neither of them says it, or one says something else.</exception>
    public static FileSettings Of(FileRule rule, ProviderData data)
    {
        var name = Path.GetFileName(data.ApiEndpoint.AbsolutePath).ToLowerInvariant();
        var isNamedPacked = name.EndsWith(".gz", StringComparison.Ordinal);
        var extension = Path.GetExtension(isNamedPacked ? name[..^3] : name);
        var format = rule.Format ?? Stated<FileFormat>(data, "format") ?? Named(extension) ?? throw Unusable(
            $"The format of the file '{name}' is not known by its name: set provider_data.format to csv, jsonl or json.");
        var compression = rule.Compression ?? Stated<FileCompression>(data, "compression");
        var delimiter = rule.Delimiter ?? Text(data, "delimiter") ?? (extension == ".tsv" ? "\t" : ",");
        return delimiter is [var character] && char.IsAscii(character) && character is not ('"' or '\r' or '\n')
            ? new FileSettings(format, compression is { } stated ? stated == FileCompression.Gzip : isNamedPacked ? true : null, character)
            : throw Unusable("The delimiter of the file cannot be used: expected one ASCII character, such as a comma, a semicolon or a tab.");
    }

    private static FileFormat? Named(string extension) => extension switch
    {
        ".csv" or ".tsv" => FileFormat.Csv,
        ".jsonl" or ".ndjson" => FileFormat.Jsonl,
        ".json" => FileFormat.Json,
        _ => null,
    };

    private static T? Stated<T>(ProviderData data, string name)
        where T : struct, Enum
    {
        if (Text(data, name) is not { } text)
            return null;
        return Enum.GetNames<T>().Contains(text, StringComparer.OrdinalIgnoreCase)
            ? Enum.Parse<T>(text, ignoreCase: true)
            : throw Unusable($"provider_data.{name} cannot be used: expected {string.Join(" or ", Enum.GetNames<T>()).ToLowerInvariant()}.");
    }

    private static string? Text(ProviderData data, string name) =>
        data.Other?.TryGetValue(name, out var value) == true && value.ValueKind != JsonValueKind.Null ? value.ToString() : null;

    private static SourceException Unusable(string message) => new(SourceErrorClass.Permanent, message);
}
