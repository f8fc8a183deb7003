using Microsoft.Win32.SafeHandles;

namespace Elt.Pipelines.Sources.Files;

/// <summary>The checksum that gzip ends with (RFC 1952); the framework's own is a package.</summary>
internal static class Crc32
{
    private static readonly uint[] Table = [.. Enumerable.Range(0, 256).Select(i =>
    {
        var entry = (uint)i;
        for (var bit = 0; bit < 8; bit++)
            entry = (entry & 1) == 0 ? entry >> 1 : 0xEDB88320 ^ (entry >> 1);
        return entry;
    })];

    /// <summary>The checksum of a part of a file.</summary>
    public static uint Of(SafeFileHandle file, long from, long to)
    {
        var buffer = new byte[80 * 1024];
        var crc = uint.MaxValue;
        while (from < to)
        {
            var read = RandomAccess.Read(file, buffer.AsSpan(0, (int)Math.Min(buffer.Length, to - from)), from);
            foreach (var value in buffer.AsSpan(0, read))
                crc = Table[(byte)(crc ^ value)] ^ (crc >> 8);
            from += read;
        }
        return ~crc;
    }
}
