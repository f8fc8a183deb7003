using System.Text.Json.Serialization;

namespace Elt.Pipelines.Sources.Manifests;

/// <summary>What becomes of records that the list does not have any more.</summary>
internal sealed record DeleteRules
{
    /// <summary>How it is confirmed that a record is gone, where its absence does not prove it; see <see cref="RecordRules.Absence"/>. Default by a second run.</summary>
    public ConfirmRule Confirm { get; init; } = new MissesConfirm();
}

/// <summary>How it is confirmed that a missing record is gone.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(MissesConfirm), "misses")]
[JsonDerivedType(typeof(ByIdConfirm), "byId")]
internal abstract record ConfirmRule;

/// <summary>Two complete runs in a row have missed it.</summary>
internal sealed record MissesConfirm : ConfirmRule;

/// <summary>The source is asked for it. What it does not say, or is not asked, is left to a second run.</summary>
/// <param name="Path">What follows the path of api_endpoint; <c>{key}</c> stands for the record's key.</param>
internal sealed record ByIdConfirm(string Path) : ConfirmRule
{
    /// <summary>Stands for the key in <see cref="Path"/>.</summary>
    public const string Placeholder = "{key}";

    /// <summary>Records that a run asks for at most, 1 to 10 000; those first that have been missing longest. Default 100.</summary>
    public int Max { get; init; } = 100;

    /// <summary>Where the record is in the answer. Default the whole of it.</summary>
    public string Record { get; init; } = "";

    /// <summary>Answers that mean that it is gone. Default 404 and 410. An answer with the record may say so too, as the list does.</summary>
    public IReadOnlyList<AnswerMatch> Gone { get; init; } = [new AnswerMatch { Status = 404 }, new AnswerMatch { Status = 410 }];

    /// <summary>What is wrong with it, or <see langword="null"/>.</summary>
    [JsonIgnore]
    public string? Problem => this switch
    {
        { Path: not ['/', ..] } => $"$.deletes.confirm.path: expected a path, which begins with '/', found '{Path}'.",
        _ when !Path.Contains(Placeholder, StringComparison.Ordinal) => $"$.deletes.confirm.path: expected {Placeholder}, found '{Path}'.",
        { Max: < 1 or > 10_000 } => $"$.deletes.confirm.max: expected 1 to 10000, found {Max}.",
        _ when Gone.Count == 0 || Gone.Any(rule => rule is { Status: null, Path: null, Header: null }) =>
            "$.deletes.confirm.gone: expected rules with a status, path or header.",
        _ => null,
    };

    /// <summary>Where a record is asked for: below the integration's endpoint, whatever its key is.</summary>
    /// <exception cref="SourceException">The key would lead elsewhere.</exception>
    public Uri Address(Uri endpoint, string key, RequestValues values)
    {
        // The two parts of a path that are not names, escaped or not.
        if (key is "." or "..")
            throw new SourceException(SourceErrorClass.Data, "A record cannot be asked for by a key that is a step in a path.");
        var path = string.Join(Uri.EscapeDataString(key), Path.Split(Placeholder).Select(text => values.Required(text, Uri.EscapeDataString)));
        return new Uri(endpoint.GetLeftPart(UriPartial.Path).TrimEnd('/') + path);
    }
}
