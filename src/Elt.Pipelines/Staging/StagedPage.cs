using System.Text.Json.Serialization;

namespace Elt.Pipelines.Staging;

/// <summary>What the journal keeps of a page: numbers, no data.</summary>
/// <param name="Page">Its number, from 1.</param>
/// <param name="Rows">Rows staged.</param>
/// <param name="UnreadableKeys">Records without a usable key, not staged.</param>
/// <param name="IsLast">Whether the source's end mark was on it.</param>
/// <param name="TotalPages">Pages in all as this page declared it, if it did.</param>
public sealed record StagedPage(int Page, int Rows, int UnreadableKeys, bool IsLast, int? TotalPages)
{
    /// <summary>What the next page is asked for by, where pages follow one another; opaque.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? NextCursor { get; init; }
}

/// <summary>What an extract has staged.</summary>
/// <param name="Pages">Pages.</param>
/// <param name="Rows">Rows, the same record counted as often as it came.</param>
/// <param name="Staged">Different records.</param>
/// <param name="UnreadableKeys">Records without a usable key, not staged.</param>
public sealed record ExtractSummary(long Pages, long Rows, long Staged, long UnreadableKeys);
