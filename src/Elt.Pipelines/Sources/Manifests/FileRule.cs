namespace Elt.Pipelines.Sources.Manifests;

/// <summary>The list is one file instead of pages. What is left out here may stand in provider_data, under the same name.</summary>
internal sealed record FileRule
{
    /// <summary>How records are written. Default by the file's name: <c>.csv</c>, <c>.tsv</c>, <c>.jsonl</c>, <c>.ndjson</c>, <c>.json</c>, each also with <c>.gz</c>.</summary>
    public FileFormat? Format { get; init; }

    /// <summary>How the file is packed. Default gzip when its name ends with <c>.gz</c> or its content begins as gzip does.</summary>
    public FileCompression? Compression { get; init; }

    /// <summary>What separates the columns of CSV: one ASCII character. Default a comma; a tab for <c>.tsv</c>.</summary>
    public string? Delimiter { get; init; }
}

internal enum FileFormat
{
    /// <summary>RFC 4180 with a header line; each column is a member, a text.</summary>
    Csv,

    /// <summary>One JSON object per line.</summary>
    Jsonl,

    /// <summary>One JSON document; the list is where <c>records.path</c> leads, over members of objects only.</summary>
    Json,
}

internal enum FileCompression
{
    None,
    Gzip,
}
