using System.Text.Json;
using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Sources;

/// <summary>
/// Reads <c>{"page":1,"page_size":10,"total":1000,"total_pages":100,"users":[{"id":"…","name":"…","email":null,…}]}</c>. Only the list, named
/// like the dataset, is required. The end is the page <c>total_pages</c> or, where the source does not say how many there are, a page without records.
/// </summary>
internal sealed class PageParser(Dataset dataset)
{
    private const int MaxKeyLength = 512;

    public SourcePage Parse(Memory<byte> body, int asked, string where)
    {
        using var document = Open(StorableJson.Repair(body), where);
        var root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty(dataset.Name, out var list) || list.ValueKind != JsonValueKind.Array)
            throw new SourceException(SourceErrorClass.Data, $"{where} answered JSON without the list '{dataset.Name}'. Check api_endpoint.");
        if (Number(root, "page", where) is { } page && page != asked)
            throw new SourceException(SourceErrorClass.Data, $"{where} answered with page {page}. Check that the source reads the parameter 'page'.");
        var records = new List<SourceRecord>(list.GetArrayLength());
        foreach (var item in list.EnumerateArray())
            records.Add(Record(item, where));
        var totalPages = Number(root, "total_pages", where);
        return new SourcePage(asked, records, totalPages is { } last ? asked >= last : records.Count == 0, totalPages, Number(root, "total", where));
    }

    // JSON that breaks off and pages that are no JSON at all (a proxy's error page) look alike, and both pass by themselves.
    private static JsonDocument Open(ReadOnlyMemory<byte> body, string where)
    {
        try
        {
            return JsonDocument.Parse(body);
        }
        catch (JsonException e)
        {
            var found = body.Length == 0 ? "nothing" : body.Span.TrimStart(" \t\r\n"u8).StartsWith("<"u8) ? "a web page" : "no complete JSON";
            throw new SourceException(
                SourceErrorClass.Network, $"{where} answered with {found}. Check that the source is up and api_endpoint is its API.", inner: e);
        }
    }

    private static int? Number(JsonElement root, string name, string where)
    {
        if (!root.TryGetProperty(name, out var member) || member.ValueKind == JsonValueKind.Null)
            return null;
        return member.ValueKind == JsonValueKind.Number && member.TryGetInt32(out var number) && number >= 0
            ? number
            : throw new SourceException(SourceErrorClass.Data, $"{where} answered JSON whose '{name}' is not a number from 0 on.");
    }

    private SourceRecord Record(JsonElement item, string where)
    {
        if (item.ValueKind != JsonValueKind.Object)
            throw new SourceException(SourceErrorClass.Data, $"{where} answered JSON whose list '{dataset.Name}' holds something else than objects.");
        var values = new string?[dataset.Columns.Count];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = dataset.Columns[i] switch
            {
                { Kind: ColumnKind.RemainingMembers } => CanonicalJson.Write(item, IsRemaining),
                var column => item.TryGetProperty(column.Name, out var member) ? Text(member) : null,
            };
        }
        return new SourceRecord(item.TryGetProperty("id", out var id) ? Key(id) : null, values);
    }

    private bool IsRemaining(string member) => member != "id" && dataset.Columns.All(column => column.Kind != ColumnKind.Text || column.Name != member);

    private static string? Key(JsonElement id)
    {
        // A number is kept digit by digit: ids above 2^53 are not rounded.
        var key = id.ValueKind switch
        {
            JsonValueKind.String => id.GetString(),
            JsonValueKind.Number => id.GetRawText(),
            _ => null,
        };
        return string.IsNullOrWhiteSpace(key) || key.Length > MaxKeyLength ? null : key;
    }

    private static string? Text(JsonElement member) => member.ValueKind switch
    {
        JsonValueKind.Null => null,
        JsonValueKind.String => member.GetString(),
        _ => CanonicalJson.Write(member),
    };
}
