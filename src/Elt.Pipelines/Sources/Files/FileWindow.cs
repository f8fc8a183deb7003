using Microsoft.Win32.SafeHandles;

namespace Elt.Pipelines.Sources.Files;

/// <summary>The part of a file that is being looked at. It grows while a record is not complete in it, and never beyond its limit.</summary>
/// <param name="file">The file.</param>
/// <param name="offset">Where to begin.</param>
internal sealed class FileWindow(SafeFileHandle file, long offset)
{
    /// <summary>No window is larger, in bytes.</summary>
    public const int MaxLength = 4 * 1024 * 1024;

    private byte[] _bytes = new byte[64 * 1024];
    private int _start;
    private int _end;

    /// <summary>Bytes of the file before what is unread.</summary>
    public long Offset { get; private set; } = offset;

    /// <summary>Whether nothing follows what is unread.</summary>
    public bool IsAtEnd { get; private set; }

    /// <summary>Whether it cannot grow.</summary>
    public bool IsFull => Unread.Length == MaxLength;

    public ReadOnlySpan<byte> Unread => _bytes.AsSpan(_start, _end - _start);

    public void Advance(int count)
    {
        _start += count;
        Offset += count;
    }

    /// <summary>Adds to what is unread; returns false when nothing follows.</summary>
    public bool Grow()
    {
        if (IsAtEnd)
            return false;
        Unread.CopyTo(_bytes);
        (_start, _end) = (0, _end - _start);
        if (_end == _bytes.Length)
            Array.Resize(ref _bytes, Math.Min(_bytes.Length * 2, MaxLength));
        var read = RandomAccess.Read(file, _bytes.AsSpan(_end), Offset + _end);
        IsAtEnd = read == 0;
        _end += read;
        return read > 0;
    }
}
