using System.Buffers.Binary;
using System.IO.Compression;
using Microsoft.Win32.SafeHandles;

namespace Elt.Pipelines.Sources.Files;

/// <summary>
/// Copies downloads and packed files, unpacked, to a file without a name in a folder of our own: each page is then a seek away, and what was read cannot
/// change. The copy is gone when it is closed or the process ends.
/// </summary>
/// <param name="folder">Where copies are kept; made when missing.</param>
/// <param name="options">Limits.</param>
internal sealed class FileCopy(string folder, SourceOptions options)
{
    // A packed file's end states its length modulo this.
    private const long MaxLength = uint.MaxValue;

    private static readonly byte[] GzipMark = [0x1F, 0x8B];

    /// <summary>Whether a file begins as gzip does.</summary>
    public static bool IsGzip(SafeFileHandle file)
    {
        var beginning = new byte[2];
        return RandomAccess.Read(file, beginning, 0) == 2 && beginning.AsSpan().SequenceEqual(GzipMark);
    }

    /// <summary>Copies all there is.</summary>
    /// <param name="source">The bytes; not disposed.</param>
    /// <param name="isPacked">Whether they are gzip; <see langword="null"/> when their beginning decides.</param>
    /// <param name="where">What messages call the file.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>The copy and the SHA-256 of what it was made of.</returns>
    /// <exception cref="SourceException">They are too many, or end before the file does.</exception>
    public async Task<(SafeFileHandle Copy, string Sha256)> MakeAsync(Stream source, bool? isPacked, string where, CancellationToken ct)
    {
        using var raw = new RawStream(source, options.RequestTimeout);
        var isGzip = await raw.BeginsWithAsync(GzipMark, ct).ConfigureAwait(false);
        if (isPacked == true && !isGzip)
            throw new SourceException(SourceErrorClass.Data, $"{where} is cut off or no gzip file. Provide the whole file, or set provider_data.compression to none.");
        var copy = CreateUnnamed();
        try
        {
            var length = await WriteAsync(copy, raw, isGzip && isPacked != false, where, ct).ConfigureAwait(false);
            if (isGzip && isPacked != false)
                EnsureWhole(copy, length, raw.Tail, where);
            return (copy, raw.Sha256);
        }
        catch
        {
            copy.Dispose();
            throw;
        }
    }

    private SafeFileHandle CreateUnnamed()
    {
        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, $"source-{Path.GetRandomFileName()}");
        var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Delete);
        File.Delete(path);
        return file;
    }

    private async Task<long> WriteAsync(SafeFileHandle copy, RawStream raw, bool isPacked, string where, CancellationToken ct)
    {
        var max = Math.Min(options.MaxFileBytes, MaxLength);
        using var unpacked = isPacked ? new GZipStream(raw, CompressionMode.Decompress, leaveOpen: true) : null;
        var stream = unpacked ?? (Stream)raw;
        var buffer = new byte[80 * 1024];
        long length = 0;
        try
        {
            while (await stream.ReadAsync(buffer, ct).ConfigureAwait(false) is var read and > 0)
            {
                if (length + read > max)
                    throw new SourceException(SourceErrorClass.Data, $"{where} has over {max:N0} bytes, unpacked. Divide the file, or raise the limit.");
                await RandomAccess.WriteAsync(copy, buffer.AsMemory(0, read), length, ct).ConfigureAwait(false);
                length += read;
            }
            // Unpacking stops before what is no gzip; the end is looked at as it is.
            while (isPacked && await raw.ReadAsync(buffer, ct).ConfigureAwait(false) > 0)
            {
            }
        }
        catch (InvalidDataException e)
        {
            throw CutOff(where, e);
        }
        return length;
    }

    // The framework takes a gzip file that breaks off for one that ends. A whole one ends with checksum and length of its last part.
    private static void EnsureWhole(SafeFileHandle copy, long length, ReadOnlySpan<byte> tail, string where)
    {
        var stated = BinaryPrimitives.ReadUInt32LittleEndian(tail[4..]);
        if (stated > length || Crc32.Of(copy, length - stated, length) != BinaryPrimitives.ReadUInt32LittleEndian(tail))
            throw CutOff(where);
    }

    private static SourceException CutOff(string where, Exception? inner = null) =>
        new(SourceErrorClass.Data, $"{where} is cut off or damaged: its gzip does not end as it should. Provide the whole file.", inner: inner);
}
