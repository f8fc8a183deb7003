using System.Text.Json.Serialization;
using Elt.Pipelines.Contracts;
using Elt.Pipelines.Quality.Rules;
using Elt.Pipelines.Sources.Manifests;

namespace Elt.Pipelines.Sources;

/// <summary>What a source says of a record beside its values.</summary>
internal enum RecordState
{
    /// <summary>It is there.</summary>
    Present,

    /// <summary>It was removed and can be restored: the destination's soft delete.</summary>
    Removed,

    /// <summary>It was deleted for good.</summary>
    Deleted,

    /// <summary>It is there, and the connector's filter leaves it out.</summary>
    OutOfScope,
}

/// <summary>One record as a source gives it, in the columns of its dataset.</summary>
/// <param name="ExternalId">The source's key; <see langword="null"/> when it cannot be read.</param>
/// <param name="Values">The dataset's columns in their order, spelled as <see cref="Warehouse.ColumnText"/> does; empty for a record that is not there any more.</param>
internal sealed record SourceRecord(string? ExternalId, IReadOnlyList<string?> Values)
{
    /// <summary>Default <see cref="RecordState.Present"/>.</summary>
    public RecordState State { get; init; }

    /// <summary>When it was last changed at the source, where the source says so.</summary>
    public DateTimeOffset? UpdatedAt { get; init; }

    /// <summary>The record as it came, for the quarantine; JSON, or the line of a file. <see langword="null"/> for one that will not get there.</summary>
    public string? Raw { get; init; }

    /// <summary>What could not be mapped, and the rules that it fails. Default none.</summary>
    public IReadOnlyList<RecordProblem> Problems { get; init; } = [];
}

/// <summary>Why a record, or a field of it, cannot be taken as it is.</summary>
/// <param name="Rule">What it breaks: the id of a rule, or, of the mapping itself, <c>type</c>, <c>required</c>, <c>length</c>, <c>new_field</c>.</param>
/// <param name="Field">The column; <see langword="null"/> for the whole record.</param>
/// <param name="Message">What was expected and found, without the value itself.</param>
internal sealed record RecordProblem(string Rule, string? Field, string Message)
{
    /// <summary>The kind of the rule. Default the rule itself, since the mapping's have no other name.</summary>
    [JsonIgnore]
    public string Kind { get; init; } = Rule;

    /// <summary>Default error.</summary>
    [JsonIgnore]
    public Severity Severity { get; init; } = Severity.Error;

    /// <summary>What becomes of the record. Default quarantine.</summary>
    [JsonIgnore]
    public RuleAction Action { get; init; } = RuleAction.Quarantine;

    /// <summary>Whether the record cannot be taken.</summary>
    [JsonIgnore]
    public bool Quarantines => Action is RuleAction.Quarantine or RuleAction.FailRun;
}

/// <summary>A page of records.</summary>
/// <param name="Page">Its number, from 1.</param>
/// <param name="Records">Its records; may be fewer than asked for, or none, without being the end.</param>
/// <param name="IsLast">Whether the source's own end mark says that no page follows.</param>
/// <param name="TotalPages">Pages in all, where the source says so.</param>
/// <param name="DeclaredTotal">Records in all, where the source says so.</param>
internal sealed record SourcePage(int Page, IReadOnlyList<SourceRecord> Records, bool IsLast, int? TotalPages, long? DeclaredTotal)
{
    /// <summary>What the next page is asked for by, where pages follow one another; opaque, without secrets and personal data.</summary>
    public string? NextCursor { get; init; }

    /// <summary>What its records were mapped with, where a run is pinned to it: its rules judge the run.</summary>
    public Connector? Connector { get; init; }

    /// <summary>What it says of a record that it is on no page. Default that it is gone.</summary>
    public AbsenceProof Absence { get; init; }

    /// <summary>Where the changes after this round are asked for, on its last page. A secret: it stays in the warehouse.</summary>
    public string? DeltaLink { get; init; }

    /// <summary>Whether other pages may have the same keys: a round of changes can tell of a record several times.</summary>
    public bool KeysRepeat { get; init; }

    /// <summary>Which reading of its run it belongs to, from 0; see <see cref="Incremental.RunReadings"/>.</summary>
    public int Pass { get; init; }

    /// <summary>What its records have that no complete run has read before. Default nothing.</summary>
    public IReadOnlyList<SourceField> NewFields { get; init; } = [];

    /// <summary>What in its records their contract does not allow at all: the page is not staged, and its run fails. Default nothing.</summary>
    public string? Breach { get; init; }
}

/// <summary>What it says of a record that it is on none of a source's pages.</summary>
internal enum AbsenceProof
{
    /// <summary>That it is gone: paging goes by what stays when others come and go, such as a cursor.</summary>
    AtOnce,

    /// <summary>
    /// That it is gone, when each page declared one and the same total and as many records were read; else as <see cref="AfterTwoRuns"/>. A record that is
    /// deleted and another that is created during one read, both on the wrong side of it, can cancel out.
    /// </summary>
    WhenTotalHolds,

    /// <summary>That it is gone, when two complete runs in a row have missed it: paging counts records, and those behind a deleted one move up.</summary>
    AfterTwoRuns,

    /// <summary>Nothing: only changes were asked for, or the source never lists all. Only its own marks delete a record.</summary>
    Nothing,
}
