using System.Security.Cryptography;

namespace Elt.Pipelines.Sources.Files;

/// <summary>A file's bytes as they come, packed or not: bounds how long each read takes, hashes what was read and keeps its end.</summary>
/// <param name="inner">The bytes.</param>
/// <param name="patience">How long one read may take.</param>
internal sealed class RawStream(Stream inner, TimeSpan patience) : Stream
{
    private const int TailLength = 8;

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[] _tail = new byte[TailLength];
    private ReadOnlyMemory<byte> _ahead;

    /// <summary>SHA-256 of all that was read, in hex.</summary>
    public string Sha256 => Convert.ToHexStringLower(_hash.GetCurrentHash());

    /// <summary>The last eight bytes that were read.</summary>
    public ReadOnlySpan<byte> Tail => _tail;

    /// <summary>Whether the bytes begin so; before the first read.</summary>
    public async Task<bool> BeginsWithAsync(ReadOnlyMemory<byte> mark, CancellationToken ct)
    {
        var beginning = new byte[mark.Length];
        var length = 0;
        while (length < mark.Length && await ReadInnerAsync(beginning.AsMemory(length), ct).ConfigureAwait(false) is var read and > 0)
            length += read;
        _ahead = beginning.AsMemory(0, length);
        return _ahead.Span.SequenceEqual(mark.Span);
    }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = Math.Min(_ahead.Length, buffer.Length);
        if (read > 0)
        {
            _ahead[..read].CopyTo(buffer);
            _ahead = _ahead[read..];
        }
        else
        {
            read = await ReadInnerAsync(buffer, cancellationToken).ConfigureAwait(false);
        }
        Note(buffer.Span[..read]);
        return read;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _hash.Dispose();
        base.Dispose(disposing);
    }

    private async ValueTask<int> ReadInnerAsync(Memory<byte> buffer, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(patience);
        return await inner.ReadAsync(buffer, limit.Token).ConfigureAwait(false);
    }

    private void Note(ReadOnlySpan<byte> read)
    {
        _hash.AppendData(read);
        if (read.Length >= TailLength)
        {
            read[^TailLength..].CopyTo(_tail);
            return;
        }
        _tail.AsSpan(read.Length).CopyTo(_tail);
        read.CopyTo(_tail.AsSpan(TailLength - read.Length));
    }
}
