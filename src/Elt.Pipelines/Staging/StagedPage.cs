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

    /// <summary>Whether there is no page, because the source did not keep the changes that it would tell of.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Expired { get; init; }

    /// <summary>How long to wait before the page is asked for, because there was no room in a budget; <see langword="null"/> when it was asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public TimeSpan? Wait { get; init; }

    /// <summary>What stands for a page whose turn has not come.</summary>
    internal static StagedPage Later(int page, TimeSpan wait) => new(page, 0, 0, IsLast: false, null) { Wait = wait };

    /// <summary>What stands for a page that the source does not keep any more.</summary>
    internal static StagedPage None(int page) => new(page, 0, 0, IsLast: false, null) { Expired = true };

    /// <summary>What the journal keeps: addresses of an incrementally read source can hold tokens, and stay in staging.</summary>
    internal StagedPage Journaled(Sources.Reading? reading) => reading is null ? this : this with { NextCursor = null };
}

/// <summary>What an extract has staged.</summary>
/// <param name="Pages">Pages.</param>
/// <param name="Rows">Rows, the same record counted as often as it came.</param>
/// <param name="Staged">Different records.</param>
/// <param name="UnreadableKeys">Records without a usable key, not staged.</param>
public sealed record ExtractSummary(long Pages, long Rows, long Staged, long UnreadableKeys)
{
    /// <summary><c>full</c>: everything was read; <c>incremental</c>: what has changed.</summary>
    public string Mode { get; init; } = Incremental.ReadingChoice.Full;

    /// <summary>Why everything was read, of an integration that is read incrementally.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? FullReason { get; init; }
}
