using System.Globalization;
using System.Text.Json.Serialization;

namespace Elt.Pipelines.Sources.Manifests;

/// <summary>How a run asks only for what has changed. Used for integrations that opt in; see <see cref="Integrations.ProviderData.Incremental"/>.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(NoIncremental), "none")]
[JsonDerivedType(typeof(SinceRule), "since")]
[JsonDerivedType(typeof(DeltaLinkRule), "deltaLink")]
internal abstract record IncrementalRule;

/// <summary>It cannot: each run reads everything.</summary>
internal sealed record NoIncremental : IncrementalRule;

/// <summary>It can. The records that come must be whole: a member that is left out counts as missing.</summary>
internal abstract record ChangesRule : IncrementalRule
{
    /// <summary>A run reads everything when the last one that did began so long ago: <c>90s</c>, <c>15m</c>, <c>2h</c>, <c>7d</c>. Default 7d.</summary>
    public string FullEvery { get; init; } = "7d";

    /// <summary><see cref="FullEvery"/>.</summary>
    [JsonIgnore]
    public TimeSpan FullAfter => Duration(FullEvery)!.Value;

    /// <summary>A time span as manifests write it, or <see langword="null"/> for anything else.</summary>
    public static TimeSpan? Duration(string text)
    {
        if (text.Length < 2 || !int.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            return null;
        return text[^1] switch
        {
            's' => TimeSpan.FromSeconds(number),
            'm' => TimeSpan.FromMinutes(number),
            'h' => TimeSpan.FromHours(number),
            'd' when number < 10_000 => TimeSpan.FromDays(number),
            _ => null,
        };
    }
}

/// <summary>Records that were changed at a time or later: the greatest <see cref="Manifest.UpdatedAt"/> seen, minus a lag.</summary>
/// <param name="Query">Query parameters that replace those of the manifest or are added to them; one of them holds <c>{since}</c>.</param>
internal sealed record SinceRule(IReadOnlyDictionary<string, string> Query) : ChangesRule
{
    /// <summary>Stands for the time in a text of <see cref="Query"/>.</summary>
    public const string Placeholder = "{since}";

    /// <summary>How the time is written. Default RFC 3339 in UTC with milliseconds.</summary>
    public SinceFormat Format { get; init; }

    /// <summary>
    /// How far to go back behind the greatest time: for records that the source shows late, and for clocks that differ. Records that come again change nothing. Default 5m.
    /// </summary>
    public string Lag { get; init; } = "5m";

    /// <summary>Lists that make up the changes. Default those of the manifest.</summary>
    public IReadOnlyList<IReadOnlyDictionary<string, string>>? Slices { get; init; }

    /// <summary>The time to ask by, for the greatest one that was seen.</summary>
    public string Since(DateTimeOffset greatest)
    {
        var since = greatest - Duration(Lag)!.Value;
        return Format switch
        {
            SinceFormat.EpochSeconds => since.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture),
            SinceFormat.EpochMillis => since.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture),
            _ => since.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture),
        };
    }
}

internal enum SinceFormat
{
    Rfc3339,
    EpochSeconds,
    EpochMillis,
}

/// <summary>
/// The last page of a round gives an address where the changes after it are asked for. The first round gives all records; its first request has the
/// query of the manifest, all others follow the addresses as they come.
/// </summary>
/// <param name="Path">The address, on the last page of each round.</param>
internal sealed record DeltaLinkRule(string Path) : ChangesRule
{
    /// <summary>What is added to the path of api_endpoint for the first request of the first round, such as <c>/delta</c>. Default nothing.</summary>
    public string First { get; init; } = "";

    /// <summary>Answers that mean that the changes are not kept any more: the run reads everything. Default status 410.</summary>
    public IReadOnlyList<AnswerMatch> ExpiredWhen { get; init; } = [new AnswerMatch { Status = 410 }];
}
