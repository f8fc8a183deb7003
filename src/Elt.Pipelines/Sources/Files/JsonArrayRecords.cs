using System.Text;
using System.Text.Json;

namespace Elt.Pipelines.Sources.Files;

/// <summary>
/// The list of a JSON document, record by record, whatever its length. Read on from the middle, the reader is told the levels that it is in; so the end of
/// the document proves that it is whole.
/// </summary>
internal sealed class JsonArrayRecords : FileRecords
{
    private const int MaxDepth = 64;

    private readonly FileWindow _window;
    private readonly RecordMapper _mapper;
    private readonly string[] _path;
    private JsonReaderState _state;
    private bool _isOver;

    /// <param name="content">The file.</param>
    /// <param name="from">Behind which record to begin; default at the first one.</param>
    /// <param name="path">JSON Pointer to the list, over members of objects only.</param>
    /// <param name="isOptional">Whether a document without the list has no records, instead of being an error.</param>
    /// <param name="mapper">Makes records.</param>
    /// <param name="where">What messages call the file.</param>
    public JsonArrayRecords(FileContent content, FilePosition? from, string path, bool isOptional, RecordMapper mapper, string where)
        : base(where)
    {
        _mapper = mapper;
        _window = new FileWindow(content.Handle, from?.Offset ?? 0);
        _path = [.. path.Split('/').Skip(1).Select(part => part.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal))];
        _state = new JsonReaderState(new JsonReaderOptions { MaxDepth = MaxDepth });
        if (from is not null)
        {
            Line = from.Line;
            _state = StateInList();
            return;
        }
        _window.Grow();
        if (_window.Unread.StartsWith("\uFEFF"u8))
            _window.Advance(3);
        if (!FindList() && !isOptional)
            throw Unreadable($"is JSON without {(_path.Length == 0 ? "a list" : $"the list '{path[1..]}'")}. Check records.path of the connector.");
    }

    public override long Offset => _window.Offset;

    protected override string Unit => "Record";

    public override SourceRecord? Next()
    {
        if (_isOver)
            return null;
        if (TakeValue() is not { } bytes)
        {
            ReadToEnd();
            return null;
        }
        var number = Line++;
        if (bytes.Length > MaxRecord)
            return Bad(number, bytes.Span, $"Expected at most {MaxRecord:N0} bytes, found {bytes.Length:N0}.");
        using var json = JsonDocument.Parse(StorableJson.Repair(bytes.ToArray()));
        return json.RootElement.ValueKind == JsonValueKind.Object
            ? Located(_mapper.Map(json.RootElement), number)
            : Bad(number, bytes.Span, $"Expected a JSON object, found {json.RootElement.ValueKind.ToString().ToLowerInvariant()}.");
    }

    /// <summary>The bytes of the list's next value; <see langword="null"/> at the list's end.</summary>
    private ReadOnlyMemory<byte>? TakeValue()
    {
        while (true)
        {
            var reader = Reader();
            try
            {
                if (reader.Read() && (reader.TokenType == JsonTokenType.EndArray || reader.TrySkip()))
                {
                    var value = reader.TokenType == JsonTokenType.EndArray && reader.CurrentDepth == _path.Length
                        ? default(ReadOnlyMemory<byte>?)
                        : ValueOf(_window.Unread[..(int)reader.BytesConsumed]);
                    Commit(ref reader);
                    return value;
                }
            }
            catch (JsonException e)
            {
                throw Broken(e);
            }
            Grow();
        }
    }

    // The reader passes what is between two values along with the second one.
    private static ReadOnlyMemory<byte> ValueOf(ReadOnlySpan<byte> consumed) => consumed.TrimStart(" \t\r\n,"u8).ToArray();

    /// <summary>Goes into the list; returns false, at the end of the document, when there is none.</summary>
    private bool FindList()
    {
        foreach (var part in _path)
        {
            if (ReadToken().Type != JsonTokenType.StartObject)
                return PassDocument();
            while (true)
            {
                var (type, name) = ReadToken();
                if (type != JsonTokenType.PropertyName)
                    return PassDocument();
                if (name == part)
                    break;
                PassValue();
            }
        }
        return ReadToken().Type == JsonTokenType.StartArray || PassDocument();
    }

    private bool PassDocument()
    {
        ReadToEnd();
        return false;
    }

    private void PassValue()
    {
        var depth = 0;
        do
        {
            depth += ReadToken().Type switch
            {
                JsonTokenType.StartArray or JsonTokenType.StartObject => 1,
                JsonTokenType.EndArray or JsonTokenType.EndObject => -1,
                _ => 0,
            };
        }
        while (depth > 0);
    }

    private void ReadToEnd()
    {
        while (ReadToken().Type != JsonTokenType.None)
        {
        }
        _isOver = true;
    }

    /// <summary>The next token and, of a member, its name; none at the end of the document.</summary>
    private (JsonTokenType Type, string? Name) ReadToken()
    {
        while (true)
        {
            var reader = Reader();
            try
            {
                if (reader.Read())
                {
                    var token = (reader.TokenType, reader.TokenType == JsonTokenType.PropertyName ? reader.GetString() : null);
                    Commit(ref reader);
                    return token;
                }
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException)
            {
                throw Broken(e);
            }
            if (_window.IsAtEnd)
                return default;
            Commit(ref reader);
            Grow();
        }
    }

    private Utf8JsonReader Reader() => new(_window.Unread, _window.IsAtEnd, _state);

    private void Commit(ref Utf8JsonReader reader)
    {
        _state = reader.CurrentState;
        _window.Advance((int)reader.BytesConsumed);
    }

    private void Grow()
    {
        if (_window.IsFull)
            throw Unreadable($"holds a value of over {FileWindow.MaxLength:N0} bytes behind byte {Offset:N0}. Expected records of at most {MaxRecord:N0} bytes.");
        _window.Grow();
    }

    private SourceException Broken(Exception e) => _window.IsAtEnd
        ? Unreadable($"is cut off, or no JSON behind byte {Offset:N0}. Provide the whole file.", e)
        : Unreadable($"is no JSON behind byte {Offset:N0} (record {Line}). Provide a file that is whole and valid.", e);

    /// <summary>The reader's state behind some value of the list.</summary>
    private JsonReaderState StateInList()
    {
        var levels = string.Concat(_path.Select(part => $"{{{JsonSerializer.Serialize(part)}:"));
        var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(levels + "[[]"), isFinalBlock: false, _state);
        while (reader.Read())
        {
        }
        return reader.CurrentState;
    }
}
