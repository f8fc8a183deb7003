using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using CsvHelper;
using Elt.Pipelines.Sources.Manifests;

namespace Elt.Pipelines.Sources.Files;

/// <summary>CSV (RFC 4180) with a header line. Records are cut here, so that one bad quote does not swallow the rest of the file; their columns are CsvHelper's.</summary>
internal sealed class CsvRecords : LineRecords
{
    private static readonly JsonWriterOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    private readonly RecordMapper _mapper;
    private readonly byte _delimiter;
    private readonly CsvReaderOptions _options;
    private readonly ArrayBufferWriter<byte> _json = new();
    private readonly string[] _columns;

    public CsvRecords(FileContent content, FilePosition? from, char delimiter, Manifest manifest, RecordMapper mapper, string where)
        : base(content, from, where)
    {
        _mapper = mapper;
        _delimiter = (byte)delimiter;
        _options = new CsvReaderOptions
        {
            Separator = delimiter,
            HasHeader = false,
            SkipEmptyLines = false,
            MalformedData = CsvMalformedDataHandling.Throw,
            DetectSeparatorHint = false,
            BufferSize = 1024,
        };
        _columns = from is null ? ReadHeader(manifest) : new CsvRecords(content, null, delimiter, manifest, mapper, where)._columns;
    }

    protected override RecordEnd? FindEnd(ReadOnlySpan<byte> unread, bool isAtEnd)
    {
        var (at, lines) = (0, 1);
        while (at < unread.Length)
        {
            if (unread[at] == '"')
            {
                if (CloseQuote(unread, ref at, ref lines, isAtEnd) is false)
                    return null;
            }
            // What is not quoted goes to the next delimiter or line break.
            var special = unread[at..].IndexOfAny(_delimiter, (byte)'\r', (byte)'\n');
            if (special < 0)
                break;
            at += special;
            if (unread[at] == '\n')
                return new RecordEnd(at, at + 1, lines);
            if (unread[at] == '\r')
            {
                if (at + 1 == unread.Length && !isAtEnd)
                    return null;
                return new RecordEnd(at, at + 1 < unread.Length && unread[at + 1] == '\n' ? at + 2 : at + 1, lines);
            }
            at++;
        }
        return isAtEnd ? new RecordEnd(unread.Length, unread.Length, lines) : null;
    }

    protected override bool TryRead(ReadOnlySpan<byte> bytes, out SourceRecord record, out string problem)
    {
        var fields = Fields(TextOf(bytes));
        (record, problem) = (null!, "");
        if (fields is null)
            problem = "A quote is where none may be.";
        else if (fields.Length != _columns.Length)
            problem = $"Expected {_columns.Length} columns, found {fields.Length}.";
        else
            record = Record(fields);
        return record is not null;
    }

    /// <summary>Passes a quoted value up to behind its closing quote; false when that is not to be seen.</summary>
    private static bool CloseQuote(ReadOnlySpan<byte> unread, ref int at, ref int lines, bool isAtEnd)
    {
        while (true)
        {
            var length = unread[(at + 1)..].IndexOf((byte)'"');
            if (length < 0)
                return false;
            lines += unread.Slice(at + 1, length).Count((byte)'\n');
            at += length + 2;
            if (at == unread.Length)
                return isAtEnd;
            if (unread[at] != '"')
                return true;
        }
    }

    private SourceRecord Record(string[] fields)
    {
        _json.ResetWrittenCount();
        using (var writer = new Utf8JsonWriter(_json, Json))
        {
            writer.WriteStartObject();
            for (var i = 0; i < fields.Length; i++)
                writer.WriteString(_columns[i], fields[i]);
            writer.WriteEndObject();
        }
        using var json = JsonDocument.Parse(_json.WrittenMemory);
        return _mapper.Map(json.RootElement);
    }

    private string[] ReadHeader(Manifest manifest)
    {
        var columns = TakeFirst() is { Length: > 0 } text ? Fields(text) : null;
        if (columns is null)
            throw Unreadable("does not begin with a header line. Expected the names of its columns and a line break.");
        if (columns.GroupBy(name => name, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw Unreadable($"has {twice.Count()} columns of the name '{twice.Key}'. Expected one of each name.");
        var missing = manifest.Key.Select(JsonPointer.OnlyMember).FirstOrDefault(key => key is not null && !columns.Contains(key, StringComparer.Ordinal));
        return missing is null ? columns : throw Unreadable($"has no column '{missing}', which is the key. Check its header line and the delimiter.");
    }

    private string[]? Fields(string text)
    {
        try
        {
            using var reader = CsvReader.FromText(text, _options);
            return reader.Read() ? reader.Current.ToArray() : null;
        }
        catch (CsvFormatException)
        {
            return null;
        }
    }
}
