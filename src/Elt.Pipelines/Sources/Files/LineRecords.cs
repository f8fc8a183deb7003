namespace Elt.Pipelines.Sources.Files;

/// <summary>Where a record ends in what was read.</summary>
/// <param name="Length">Bytes of the record.</param>
/// <param name="Total">Bytes up to the next record.</param>
/// <param name="Lines">Lines that it takes.</param>
internal readonly record struct RecordEnd(int Length, int Total, int Lines)
{
    /// <summary>Whether a line break follows it.</summary>
    public bool IsTerminated => Total > Length;
}

/// <summary>
/// Files whose records are lines. A bad line is a record of its own, and the next line is read as if nothing had happened; only where the last line has no
/// line break and is bad as well, the file is cut off.
/// </summary>
internal abstract class LineRecords : FileRecords
{
    private readonly FileWindow _window;

    protected LineRecords(FileContent content, FilePosition? from, string where)
        : base(where)
    {
        _window = new FileWindow(content.Handle, from?.Offset ?? 0);
        Line = from?.Line ?? 1;
        if (from is null)
            SkipMark();
    }

    public override long Offset => _window.Offset;

    public override SourceRecord? Next()
    {
        while (true)
        {
            var end = LookForEnd();
            if (_window.IsAtEnd && _window.Unread.IsEmpty)
                return null;
            if (end is null && _window.IsAtEnd)
                throw Cut($"line {Line} has a quoted value that is not closed");
            if (end is not { } found || found.Length > MaxRecord)
                return SkipOversized();
            var bytes = _window.Unread[..found.Length];
            if (bytes.TrimStart(" \t\r"u8).IsEmpty)
                Step(found);
            else if (TryRead(bytes, out var record, out var problem))
                return Step(found, Located(record, Line));
            else
                return Reject(found, problem);
        }
    }

    /// <summary>Where the first record of what is unread ends; <see langword="null"/> when that is not to be seen yet.</summary>
    protected abstract RecordEnd? FindEnd(ReadOnlySpan<byte> unread, bool isAtEnd);

    /// <summary>Reads a record, or says what is wrong with it.</summary>
    protected abstract bool TryRead(ReadOnlySpan<byte> bytes, out SourceRecord record, out string problem);

    /// <summary>The text of the first record, which is passed; <see langword="null"/> when there is none.</summary>
    protected string? TakeFirst()
    {
        if (LookForEnd() is not { IsTerminated: true } found)
            return null;
        var text = TextOf(_window.Unread[..found.Length]);
        Step(found);
        return text;
    }

    private RecordEnd? LookForEnd()
    {
        while (true)
        {
            var wasAtEnd = _window.IsAtEnd;
            if (FindEnd(_window.Unread, wasAtEnd) is { } end)
                return end;
            if (wasAtEnd || _window.Unread.Length > MaxRecord)
                return null;
            _window.Grow();
        }
    }

    // A quote that is never closed, or too late, takes lines along that are well by themselves: only the first one is given up.
    private SourceRecord Reject(RecordEnd end, string problem)
    {
        if (!end.IsTerminated)
            throw Cut($"line {Line}, the last one, has no line break, and it is bad: {problem}");
        if (end.Lines > 1)
            end = FirstLine(_window.Unread);
        return Step(end, Bad(Line, _window.Unread[..end.Length], problem));
    }

    private SourceRecord SkipOversized()
    {
        var line = FirstLine(_window.Unread);
        var bad = Bad(Line, _window.Unread[..line.Length], $"Expected at most {MaxRecord:N0} bytes, or a quote that is closed.");
        while (!line.IsTerminated)
        {
            _window.Advance(_window.Unread.Length);
            if (!_window.Grow())
                throw Cut($"line {Line}, the last one, has no line break and over {MaxRecord:N0} bytes");
            line = FirstLine(_window.Unread);
        }
        return Step(line, bad);
    }

    private T Step<T>(RecordEnd end, T result)
    {
        Step(end);
        return result;
    }

    private void Step(RecordEnd end)
    {
        _window.Advance(end.Total);
        Line += end.Lines;
    }

    private static RecordEnd FirstLine(ReadOnlySpan<byte> unread)
    {
        var length = unread.IndexOf((byte)'\n');
        return length < 0 ? new RecordEnd(unread.Length, unread.Length, 1) : new RecordEnd(length, length + 1, 1);
    }

    private void SkipMark()
    {
        _window.Grow();
        if (_window.Unread.StartsWith("\uFEFF"u8))
            _window.Advance(3);
        else if (_window.Unread is [0xFE, 0xFF, ..] or [0xFF, 0xFE, ..])
            throw Unreadable("is UTF-16. Expected UTF-8.");
    }
}
