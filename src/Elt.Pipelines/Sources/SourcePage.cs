namespace Elt.Pipelines.Sources;

/// <summary>One record as a source gives it, in the columns of its dataset.</summary>
/// <param name="ExternalId">The source's key; <see langword="null"/> when it cannot be read.</param>
/// <param name="Values">The dataset's columns in their order.</param>
internal sealed record SourceRecord(string? ExternalId, IReadOnlyList<string?> Values);

/// <summary>A page of records.</summary>
/// <param name="Page">Its number, from 1.</param>
/// <param name="Records">Its records; may be fewer than asked for, or none, without being the end.</param>
/// <param name="IsLast">Whether the source's own end mark says that no page follows.</param>
/// <param name="TotalPages">Pages in all, where the source says so.</param>
/// <param name="DeclaredTotal">Records in all, where the source says so.</param>
internal sealed record SourcePage(int Page, IReadOnlyList<SourceRecord> Records, bool IsLast, int? TotalPages, long? DeclaredTotal);
