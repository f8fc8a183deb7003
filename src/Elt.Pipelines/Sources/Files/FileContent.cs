using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace Elt.Pipelines.Sources.Files;

/// <summary>The unpacked content of a file, open for reading: the file itself, or a copy that nobody else can change.</summary>
internal sealed class FileContent : IDisposable
{
    private FileContent(SafeFileHandle handle, string identity, bool isCopy)
    {
        Handle = handle;
        Identity = identity;
        IsCopy = isCopy;
    }

    public SafeFileHandle Handle { get; }

    /// <summary>What tells the content from any other: of a file its length and when it was changed, of a download its SHA-256.</summary>
    public string Identity { get; }

    /// <summary>Whether it is a copy, worth keeping for the next page.</summary>
    public bool IsCopy { get; }

    public static FileContent OfCopy(SafeFileHandle handle, string identity) => new(handle, identity, isCopy: true);

    public static FileContent OfFile(SafeFileHandle handle) => new(handle, IdentityOf(handle), isCopy: false);

    public static string IdentityOf(SafeFileHandle file) =>
        string.Create(CultureInfo.InvariantCulture, $"{RandomAccess.GetLength(file)}-{File.GetLastWriteTimeUtc(file).Ticks}");

    /// <summary>Proves that what was read since it was opened is one content.</summary>
    /// <exception cref="SourceException">The file was written to.</exception>
    public void EnsureUnchanged(string where)
    {
        if (!IsCopy && IdentityOf(Handle) != Identity)
            throw Changed(where);
    }

    public static SourceException Changed(string where) => new(
        SourceErrorClass.ExpiredCursor, $"file_changed: {where} changed while it was read. Nothing of it is applied; the next run reads anew.");

    public void Dispose() => Handle.Dispose();
}
