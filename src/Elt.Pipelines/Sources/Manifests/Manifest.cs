using System.Text.Json.Serialization;
using Elt.Pipelines.Contracts;
using Elt.Pipelines.Quality.Rules;

namespace Elt.Pipelines.Sources.Manifests;

/// <summary>
/// How a provider's list is read: what is sent, how it is paged and what its records mean. Paths are JSON Pointers (RFC 6901). Texts of requests
/// may hold <c>{config.x}</c> (a member of provider_data), <c>{secret.x}</c> (a reference in provider_data.secrets) and <c>{slice.x}</c>.
/// </summary>
internal sealed record Manifest
{
    /// <summary>Stands for a pagination that a manifest does not state.</summary>
    internal static readonly Pagination Unstated = new NoPagination();

    /// <summary>The schema that editors complete by; not read.</summary>
    [JsonPropertyName("$schema")]
    public string? Schema { get; init; }

    /// <summary>What integrations name it by, as their provider: lower case letters, digits and hyphens.</summary>
    public required string Name { get; init; }

    /// <summary>What its records are: the dataset whose columns <see cref="Fields"/> names. Default users.</summary>
    public string Dataset { get; init; } = "users";

    /// <summary>How requests say who asks. Default not at all.</summary>
    public Auth Auth { get; init; } = new NoAuth();

    /// <summary>Headers of each request.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();

    /// <summary>Query parameters of each request; one that names a member its slice lacks is left out.</summary>
    public IReadOnlyDictionary<string, string> Query { get; init; } = new Dictionary<string, string>();

    /// <summary>How the number of records per page is asked for. Default not at all.</summary>
    public PageSizeRule? PageSize { get; init; }

    /// <summary>How one page leads to the next; this or <see cref="File"/>.</summary>
    public Pagination Pagination { get; init; } = Unstated;

    /// <summary>The list is a file: at an http or https address, or below the folder of files that the service is given.</summary>
    public FileRule? File { get; init; }

    /// <summary>Lists that make up one extract, read one after another; each is a set of values for <c>{slice.x}</c>. Default one.</summary>
    public IReadOnlyList<IReadOnlyDictionary<string, string>> Slices { get; init; } = [new Dictionary<string, string>()];

    /// <summary>Where the records of a page are and what becomes of them.</summary>
    public required RecordRules Records { get; init; }

    /// <summary>Paths of the record's key; of several the parts are joined by a slash.</summary>
    public required IReadOnlyList<string> Key { get; init; }

    /// <summary>When a record was changed.</summary>
    public UpdatedAtRule? UpdatedAt { get; init; }

    /// <summary>How a run asks only for what has changed. Default it cannot.</summary>
    public IncrementalRule Incremental { get; init; } = new NoIncremental();

    /// <summary>The dataset's columns and where their values are.</summary>
    public required IReadOnlyDictionary<string, FieldMapping> Fields { get; init; }

    /// <summary>Members of a record that are not kept among its attributes, since they change without meaning.</summary>
    public IReadOnlyList<string> Ignore { get; init; } = [];

    /// <summary>What becomes of records that the list does not have any more.</summary>
    public DeleteRules Deletes { get; init; } = new();

    /// <summary>How many requests the provider allows. Default it does not say, or says it with its answers.</summary>
    public BudgetRule? Budget { get; init; }

    /// <summary>How a rate limit says when it ends, and how much of it is left. Default by <c>Retry-After</c>.</summary>
    public RateLimitRule? RateLimit { get; init; }

    /// <summary>What answers mean that the defaults get wrong; the first rule that fits counts, for successful answers too.</summary>
    public IReadOnlyList<ErrorRule> Errors { get; init; } = [];

    /// <summary>What is expected of the records beside that they can be mapped.</summary>
    public QualityRules Quality { get; init; } = new();

    /// <summary>What becomes of records that have another form than those before them.</summary>
    public SchemaContract Contract { get; init; } = new();

    /// <summary>Members of a record that are not among its attributes: they have a column of their own, are the key, or are not kept.</summary>
    internal HashSet<string> TakenMembers() => [.. Ignore, .. Key.Concat(Fields.Values.SelectMany(field => field.From)).Select(JsonPointer.OnlyMember).OfType<string>()];

    /// <summary>Members of a record that anything here names, or leads into: none of them is new, whenever it comes first.</summary>
    internal HashSet<string> NamedMembers() =>
    [
        .. Ignore,
        .. Key.Concat(Fields.Values.SelectMany(field => field.From)).Concat(Records.Tombstones.Select(mark => mark.Path))
            .Concat(Records.Filter.Select(condition => condition.Path)).Concat(Quality.Rules.Select(rule => rule.Field).OfType<string>())
            .Append(UpdatedAt?.Path ?? "").SelectMany(path => JsonPointer.Parts(path).Take(1)),
    ];
}

/// <summary>How many records a page is asked for.</summary>
/// <param name="Param">The query parameter.</param>
/// <param name="Max">The provider's limit; a greater page_size is cut to it.</param>
internal sealed record PageSizeRule(string Param, int Max = 10_000);

/// <summary>Where records are and what becomes of them.</summary>
/// <param name="Path">The list; empty when it is the whole answer.</param>
internal sealed record RecordRules(string Path)
{
    /// <summary>Whether an answer may leave the list out when it is empty. Default no: an answer without it is an error.</summary>
    public bool Optional { get; init; }

    /// <summary>The number of records in all, where the provider declares it.</summary>
    public string? TotalPath { get; init; }

    /// <summary>Marks of records that are gone; the first that fits counts.</summary>
    public IReadOnlyList<Tombstone> Tombstones { get; init; } = [];

    /// <summary>Conditions that a record must meet, all of them, to be in scope.</summary>
    public IReadOnlyList<RecordCondition> Filter { get; init; } = [];

    /// <summary>What it says of a record that it is on no page. Default by the paging: page numbers and offsets need two runs, all else proves it.</summary>
    public AbsenceProof? Absence { get; init; }
}

/// <summary>A condition on a record.</summary>
/// <param name="Path">The value.</param>
/// <param name="Values">What it may be, as text (<c>true</c>, <c>7</c>); <see langword="null"/> for anything but null and missing.</param>
/// <param name="Not">Turns the condition round.</param>
internal sealed record RecordCondition(string Path, IReadOnlyList<string>? Values = null, bool Not = false);

/// <summary>A mark of records that are gone.</summary>
/// <param name="Path">The value.</param>
/// <param name="State">What the mark means.</param>
/// <param name="Values">What the value is, as text; <see langword="null"/> for anything but null and missing.</param>
internal sealed record Tombstone(string Path, TombstoneState State, IReadOnlyList<string>? Values = null);

internal enum TombstoneState
{
    /// <summary>It can be restored.</summary>
    Removed,

    /// <summary>It is gone for good.</summary>
    Deleted,
}

/// <summary>When a record was changed.</summary>
/// <param name="Path">The value.</param>
/// <param name="Format">Its form. Default ISO 8601, UTC where it names no zone.</param>
internal sealed record UpdatedAtRule(string Path, TimeFormat Format = TimeFormat.Iso8601)
{
    /// <summary>IANA time zone of a time that names none. Default UTC.</summary>
    public string? Zone { get; init; }

    /// <summary><see cref="Zone"/>.</summary>
    [JsonIgnore]
    public TimeZoneInfo? TimeZone => Zone is null ? null : TimeZoneInfo.FindSystemTimeZoneById(Zone);
}

internal enum TimeFormat
{
    Iso8601,
    EpochSeconds,
    EpochMillis,
}

/// <summary>Where a column's value is and how it is taken.</summary>
/// <param name="From">Paths; the first that leads to a value counts.</param>
internal sealed record FieldMapping(IReadOnlyList<string> From)
{
    /// <summary>Joins the values of all paths by this text instead.</summary>
    public string? Join { get; init; }

    /// <summary>What it must be. Default text, which takes everything else as its JSON, as long as that does not change; <c>any</c> takes what comes.</summary>
    public FieldType Type { get; init; }

    /// <summary>IANA time zone of a time that names none, such as <c>Europe/Berlin</c>. Default UTC.</summary>
    public string? Zone { get; init; }

    /// <summary><see cref="Zone"/>.</summary>
    [JsonIgnore]
    public TimeZoneInfo? TimeZone => Zone is null ? null : TimeZoneInfo.FindSystemTimeZoneById(Zone);

    /// <summary>Whether a record without it has a problem. Default no.</summary>
    public bool Required { get; init; }

    /// <summary>What is done to its text, in this order.</summary>
    public IReadOnlyList<Transform> Transform { get; init; } = [];
}

internal enum FieldType
{
    Text,
    Integer,
    Number,
    Boolean,
    Timestamp,
    Any,
}

internal enum Transform
{
    Trim,
    Lower,
    Upper,
    EmptyToNull,
}

/// <summary>How a rate limit says when it ends. Which answers are one is said by <see cref="Manifest.Errors"/>, also by the reason in their body.</summary>
internal sealed record RateLimitRule
{
    /// <summary>What HTTP calls <see cref="RetryAfterHeader"/>.</summary>
    public const string RetryAfter = "Retry-After";

    /// <summary>The header that says how long to wait, in seconds or as an HTTP date; it counts before the reset.</summary>
    public string RetryAfterHeader { get; init; } = RetryAfter;

    /// <summary>The header that says when it ends. Default none does.</summary>
    public string? ResetHeader { get; init; }

    /// <summary>Its form.</summary>
    public ResetFormat? ResetIs { get; init; }

    /// <summary>The header that says how many requests are left until then; at none the next one waits for the reset. Default none does.</summary>
    public string? RemainingHeader { get; init; }

    /// <summary>The header that says how many there are in all. Default none does.</summary>
    public string? LimitHeader { get; init; }

    /// <summary>What is wrong with it; <see langword="null"/> when nothing is.</summary>
    [JsonIgnore]
    public string? Problem => this switch
    {
        { ResetHeader: null, ResetIs: null, RemainingHeader: null, LimitHeader: null } or { ResetHeader: not null, ResetIs: not null } => null,
        { ResetHeader: null } => "$.rateLimit.resetHeader: expected a header, since others tell of the reset, found none.",
        _ => "$.rateLimit.resetIs: expected the form of resetHeader, found none.",
    };
}

internal enum ResetFormat
{
    EpochSeconds,
    EpochMillis,
    DeltaSeconds,
    HttpDate,
}

/// <summary>What an answer means. All that is given must fit.</summary>
/// <param name="Class">How it is dealt with.</param>
internal sealed record ErrorRule(SourceErrorClass Class) : AnswerMatch;

/// <summary>What an answer is known by. All that is given must fit.</summary>
internal record AnswerMatch
{
    /// <summary>The status.</summary>
    public int? Status { get; init; }

    /// <summary>A value in the body.</summary>
    public string? Path { get; init; }

    /// <summary>A header.</summary>
    public string? Header { get; init; }

    /// <summary>What the value at <see cref="Path"/>, or else the header, is; <see langword="null"/> for any.</summary>
    public IReadOnlyList<string>? Values { get; init; }
}
