using System.Text.Json;

namespace Elt.Pipelines.Sources.Files;

/// <summary>JSON Lines: one object per line.</summary>
internal sealed class JsonLineRecords(FileContent content, FilePosition? from, RecordMapper mapper, string where) : LineRecords(content, from, where)
{
    protected override RecordEnd? FindEnd(ReadOnlySpan<byte> unread, bool isAtEnd) => unread.IndexOf((byte)'\n') switch
    {
        >= 0 and var length => new RecordEnd(length, length + 1, 1),
        _ => isAtEnd ? new RecordEnd(unread.Length, unread.Length, 1) : null,
    };

    protected override bool TryRead(ReadOnlySpan<byte> bytes, out SourceRecord record, out string problem)
    {
        (record, problem) = (null!, "");
        try
        {
            using var json = JsonDocument.Parse(StorableJson.Repair(bytes.ToArray()));
            if (json.RootElement.ValueKind == JsonValueKind.Object)
                record = mapper.Map(json.RootElement);
            else
                problem = $"Expected a JSON object, found {json.RootElement.ValueKind.ToString().ToLowerInvariant()}.";
        }
        catch (JsonException)
        {
            problem = "Expected a JSON object, found what is no complete JSON.";
        }
        return record is not null;
    }
}
