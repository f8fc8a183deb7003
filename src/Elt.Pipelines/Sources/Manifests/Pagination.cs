using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Elt.Pipelines.Sources.Manifests;

/// <summary>How one page leads to the next. A page is named within its slice by a text; <see langword="null"/> names the first one.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "type")]
[JsonDerivedType(typeof(LinkHeaderPagination), "linkHeader")]
[JsonDerivedType(typeof(NextUrlPagination), "nextUrl")]
[JsonDerivedType(typeof(CursorPagination), "cursor")]
[JsonDerivedType(typeof(OffsetPagination), "offset")]
[JsonDerivedType(typeof(PageNumberPagination), "page")]
[JsonDerivedType(typeof(NoPagination), "none")]
internal abstract record Pagination
{
    /// <summary>Whether a page's name is its address, which is followed as it came, instead of a parameter.</summary>
    [JsonIgnore]
    public virtual bool NamesAddresses => false;

    /// <summary>What it says of a record that it is on no page, where the connector does not say otherwise.</summary>
    [JsonIgnore]
    public virtual AbsenceProof Absence => AbsenceProof.AtOnce;

    /// <summary>Adds what asks for a page.</summary>
    public virtual void Ask(IDictionary<string, string> query, string? page)
    {
    }

    /// <summary>The name of the page that follows, or <see langword="null"/> at the end.</summary>
    /// <exception cref="SourceException">The answer does not say what it should.</exception>
    public abstract string? Next(PageAnswer answer, string? page);
}

/// <summary>The header <c>Link: &lt;…&gt;; rel="next"</c> (RFC 8288); the end is a page without it.</summary>
/// <param name="Rel">The relation. Default next.</param>
internal sealed record LinkHeaderPagination(string Rel = "next") : Pagination
{
    public override bool NamesAddresses => true;

    public override string? Next(PageAnswer answer, string? page) => LinkHeader.Find(answer.Headers("Link"), Rel);
}

/// <summary>The next page's address is in the answer; the end is a page without it.</summary>
/// <param name="Path">The address, absolute or relative.</param>
internal sealed record NextUrlPagination(string Path) : Pagination
{
    public override bool NamesAddresses => true;

    public override string? Next(PageAnswer answer, string? page) => answer.Text(Path) is { Length: > 0 } next ? next : null;
}

/// <summary>A token of the answer is a parameter of the next request; the end is a page without it.</summary>
/// <param name="Path">The token.</param>
/// <param name="Param">The query parameter.</param>
internal sealed record CursorPagination(string Path, string Param) : Pagination
{
    /// <summary>Whether an empty token is the end. Default yes.</summary>
    public bool EmptyIsEnd { get; init; } = true;

    /// <summary>A value that is true on the last page, although that one has a token.</summary>
    public string? EndPath { get; init; }

    /// <summary>What the parameter of the first page is; default it is left out.</summary>
    public string? First { get; init; }

    public override void Ask(IDictionary<string, string> query, string? page)
    {
        if ((page ?? First) is { } cursor)
            query[Param] = cursor;
    }

    public override string? Next(PageAnswer answer, string? page)
    {
        if (EndPath is not null && answer.Text(EndPath) == "true")
            return null;
        var next = answer.Text(Path);
        return next is { Length: 0 } && EmptyIsEnd ? null : next;
    }
}

/// <summary>
/// The position of the first record wanted. The next page begins behind the records that came, however few they were; the end is where the total is reached
/// or, where none is declared, a page without records.
/// </summary>
/// <param name="OffsetParam">The query parameter.</param>
/// <param name="Base">Position of the first record: 0 or 1. Default 0.</param>
internal sealed record OffsetPagination(string OffsetParam, int Base = 0) : Pagination
{
    [JsonIgnore]
    public override AbsenceProof Absence => AbsenceProof.AfterTwoRuns;

    public override void Ask(IDictionary<string, string> query, string? page) => query[OffsetParam] = page ?? Number(Base);

    public override string? Next(PageAnswer answer, string? page)
    {
        var next = (page is null ? Base : long.Parse(page, CultureInfo.InvariantCulture)) + answer.Records;
        var ended = answer.Total is { } total ? next - Base >= total : answer.Records == 0;
        return ended ? null : Number(next);
    }

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>A page number. The end is the declared last page or, where none is declared, a page without records.</summary>
/// <param name="PageParam">The query parameter.</param>
/// <param name="Base">Number of the first page: 0 or 1. Default 1.</param>
internal sealed record PageNumberPagination(string PageParam, int Base = 1) : Pagination
{
    [JsonIgnore]
    public override AbsenceProof Absence => AbsenceProof.AfterTwoRuns;

    /// <summary>The number of pages in the answer.</summary>
    public string? TotalPagesPath { get; init; }

    /// <summary>The number of pages in a header.</summary>
    public string? TotalPagesHeader { get; init; }

    /// <summary>The number of the answer's page; one that differs from what was asked for is an error.</summary>
    public string? EchoPath { get; init; }

    /// <summary>The number of pages, where the answer declares it.</summary>
    public int? TotalPages(PageAnswer answer)
    {
        if (TotalPagesPath is not null && answer.Number(TotalPagesPath) is { } pages)
            return (int)Math.Min(pages, int.MaxValue);
        return TotalPagesHeader is not null && int.TryParse(answer.Headers(TotalPagesHeader).FirstOrDefault(), out var header) ? header : null;
    }

    /// <summary>The name of a page, counted from 1.</summary>
    public string Name(int page) => (page - 1 + Base).ToString(CultureInfo.InvariantCulture);

    public override void Ask(IDictionary<string, string> query, string? page) => query[PageParam] = page ?? Name(1);

    public override string? Next(PageAnswer answer, string? page)
    {
        var asked = int.Parse(page ?? Name(1), CultureInfo.InvariantCulture);
        if (EchoPath is not null && answer.Number(EchoPath) is { } echoed && echoed != asked)
            throw answer.Wrong($"answered with page {echoed}. Check that the source reads the parameter '{PageParam}'.");
        var ended = TotalPages(answer) is { } last ? asked - Base + 1 >= last : answer.Records == 0;
        return ended ? null : Name(asked - Base + 2);
    }
}

/// <summary>One page is all there is.</summary>
internal sealed record NoPagination : Pagination
{
    public override string? Next(PageAnswer answer, string? page) => null;
}

/// <summary>What paging decides by.</summary>
/// <param name="Where">What was asked, for messages.</param>
/// <param name="Body">The answer.</param>
/// <param name="Headers">Values of a header, each line apart.</param>
/// <param name="Records">Records on the page.</param>
/// <param name="Total">Records in all, where declared.</param>
internal sealed record PageAnswer(string Where, JsonElement Body, Func<string, IEnumerable<string>> Headers, int Records, long? Total)
{
    /// <summary>A value of the answer as text; <see langword="null"/> when there is none.</summary>
    public string? Text(string path) => JsonPointer.Find(Body, path).AsText();

    /// <summary>A number from 0 on, or <see langword="null"/> when there is none.</summary>
    /// <exception cref="SourceException">It is something else.</exception>
    public long? Number(string path) => JsonPointer.Find(Body, path) switch
    {
        null or { ValueKind: JsonValueKind.Null } => null,
        { ValueKind: JsonValueKind.Number } value when value.TryGetInt64(out var number) && number >= 0 => number,
        _ => throw Wrong($"answered JSON whose '{path.TrimStart('/')}' is not a number from 0 on."),
    };

    /// <summary>An answer that does not say what it should.</summary>
    public SourceException Wrong(string what) => new(SourceErrorClass.Data, $"{Where} {what}");
}
