using System.Text.Json;
using Elt.Pipelines.Contracts;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Sources;

/// <summary>Makes a page of what a source answered, as its connector says.</summary>
internal sealed class PageParser(Manifest manifest, Dataset dataset, KnownFields? known = null)
{
    private readonly RecordMapper _mapper = new(manifest, dataset, known);

    /// <summary>Where a request's page is.</summary>
    /// <exception cref="ArgumentException">The page can be reached only by the cursor of the one before it.</exception>
    public PagePosition Position(PageRequest request)
    {
        if (request.Cursor is { } cursor)
            return PagePosition.Parse(cursor);
        if (Numbered is { } numbers)
            return new PagePosition(0, numbers.Name(request.Page));
        return request.Page == 1
            ? new PagePosition(0, null)
            : throw new ArgumentException($"Page {request.Page} of connector {manifest.Name} needs the cursor of the page before it.", nameof(request));
    }

    /// <summary>The page of an answer.</summary>
    /// <param name="body">The answer.</param>
    /// <param name="headers">Values of its headers.</param>
    /// <param name="request">What was asked for.</param>
    /// <param name="address">Where.</param>
    /// <param name="where">What messages call it.</param>
    /// <exception cref="SourceException">It is not a page.</exception>
    public SourcePage Parse(JsonElement body, Func<string, IEnumerable<string>> headers, PageRequest request, Uri address, string where)
    {
        var records = Records(body, where);
        var answer = new PageAnswer(where, body, headers, records.Count, null);
        if (manifest.Records.TotalPath is { } total)
            answer = answer with { Total = answer.Number(total) };
        var position = Position(request);
        var next = manifest.Pagination.Next(answer, position.Page);
        var isLast = next is null && position.Slice == manifest.Slices.Count - 1;
        return new SourcePage(request.Page, records, isLast, Numbered?.TotalPages(answer), manifest.Slices.Count == 1 ? answer.Total : null)
        {
            Absence = request.Reading?.IsIncremental == true ? AbsenceProof.Nothing : manifest.Records.Absence ?? manifest.Pagination.Absence,
            DeltaLink = isLast && request.Reading is not null ? DeltaLink(answer, address) : null,
            KeysRepeat = request.Reading is not null && manifest.Incremental is DeltaLinkRule,
            NewFields = _mapper.NewFields,
            Breach = _mapper.Breach,
            NextCursor = isLast || Numbered is not null ? null : Cursor(position, next, address, where),
        };
    }

    /// <summary>Pages that can be asked for by their number, in any order.</summary>
    private PageNumberPagination? Numbered => manifest.Slices.Count == 1 ? manifest.Pagination as PageNumberPagination : null;

    private string Cursor(PagePosition position, string? next, Uri address, string where)
    {
        if (next is not null && manifest.Pagination.NamesAddresses)
            next = PageAddress.Keep(next, address, manifest, where);
        var cursor = Bounded((next is null ? new PagePosition(position.Slice + 1, null) : position with { Page = next }).ToString(), where);
        return cursor == position.ToString() ? throw new SourceException(SourceErrorClass.Data, $"pagination_loop: {where} names itself as the next page.") : cursor;
    }

    // Without it the next run could not tell what it has missed: such a round is no complete one.
    private string? DeltaLink(PageAnswer answer, Uri address)
    {
        if (manifest.Incremental is not DeltaLinkRule rule)
            return null;
        var link = answer.Text(rule.Path) ?? throw answer.Wrong($"ended without the delta link '{rule.Path.TrimStart('/')}'.");
        return Bounded(PageAddress.Keep(link, address, manifest, answer.Where), answer.Where);
    }

    private static string Bounded(string cursor, string where) => cursor.Length <= PagePosition.MaxLength
        ? cursor
        : throw new SourceException(SourceErrorClass.Data, $"{where} names a next page by {cursor.Length} characters; expected at most {PagePosition.MaxLength}.");

    private List<SourceRecord> Records(JsonElement body, string where)
    {
        var path = manifest.Records.Path;
        var found = JsonPointer.Find(body, path);
        if (found is null && manifest.Records.Optional && body.ValueKind == JsonValueKind.Object)
            return [];
        if (found is not { ValueKind: JsonValueKind.Array } list)
        {
            var named = path.Length == 0 ? "a list" : $"the list '{path[1..]}'";
            throw new SourceException(SourceErrorClass.Data, $"{where} answered JSON without {named}. Check api_endpoint.");
        }
        var records = new List<SourceRecord>(list.GetArrayLength());
        foreach (var item in list.EnumerateArray())
        {
            records.Add(item.ValueKind == JsonValueKind.Object
                ? _mapper.Map(item)
                : throw new SourceException(SourceErrorClass.Data, $"{where} answered JSON whose list '{path.TrimStart('/')}' holds something else than objects."));
        }
        return records;
    }
}
