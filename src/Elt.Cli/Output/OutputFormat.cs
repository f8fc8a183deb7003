namespace Elt.Cli.Output;

/// <summary>How data is written to stdout.</summary>
internal enum OutputFormat
{
    /// <summary>For people.</summary>
    Table,

    /// <summary>One indented JSON document.</summary>
    Json,

    /// <summary>One JSON object per line.</summary>
    Jsonl,

    /// <summary>Only the ids, one per line.</summary>
    Id,
}
