using Microsoft.Win32.SafeHandles;

namespace Elt.Pipelines.Sources.Files;

/// <summary>Opens files below the one folder that the service is given, and no others.</summary>
internal sealed class LocalFiles(string? folder, FileCopy copies)
{
    /// <summary>The content of a file.</summary>
    /// <param name="address">Its path below the folder, as <c>file:///path</c>.</param>
    /// <param name="isPacked">Whether it is gzip; <see langword="null"/> when its content decides.</param>
    /// <param name="where">What messages call it.</param>
    /// <param name="ct">Cancels.</param>
    /// <exception cref="SourceException">It may not be read, or is not there.</exception>
    public async Task<FileContent> OpenAsync(Uri address, bool? isPacked, string where, CancellationToken ct)
    {
        var file = Open(Resolve(address, where), where);
        if (isPacked == false || (isPacked is null && !FileCopy.IsGzip(file)))
            return FileContent.OfFile(file);
        using (file)
        {
            var identity = FileContent.IdentityOf(file);
            var stream = new FileStream(file, FileAccess.Read, bufferSize: 0);
            await using var _ = stream.ConfigureAwait(false);
            var (copy, _) = await copies.MakeAsync(stream, isPacked: true, where, ct).ConfigureAwait(false);
            if (FileContent.IdentityOf(file) == identity)
                return FileContent.OfCopy(copy, identity);
            copy.Dispose();
            throw FileContent.Changed(where);
        }
    }

    private string Resolve(Uri address, string where)
    {
        if (folder is null)
            throw Refused($"{where} is refused: local files are read only below the folder of files, and none is set. Start the service with --files.");
        var root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        var name = Uri.UnescapeDataString(address.AbsolutePath).TrimStart('/', '\\');
        if (name.Contains('\0', StringComparison.Ordinal))
            throw Refused($"{where} is refused: its name holds a NUL.");
        var path = Path.GetFullPath(Path.Combine(root, name));
        // Addresses have no dots left to go up by; this is what is relied on, all the same.
        if (!path.StartsWith(root + Path.DirectorySeparatorChar, StringComparison.Ordinal))
            throw Refused($"{where} is refused: it is not below the folder of files.");
        for (var part = path; part.Length > root.Length; part = Path.GetDirectoryName(part)!)
        {
            if (new FileInfo(part).LinkTarget is not null)
                throw Refused($"{where} is refused: it is, or lies behind, a symbolic link.");
        }
        return path;
    }

    private static SafeFileHandle Open(string path, string where)
    {
        try
        {
            return File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw Refused($"{where} is not there. Its path begins below the folder of files; correct the integration's api_endpoint or provide the file.");
        }
        catch (IOException e)
        {
            throw new SourceException(SourceErrorClass.Network, $"{where} cannot be opened ({e.GetType().Name}). Check the disk or share that it is on.", inner: e);
        }
        catch (UnauthorizedAccessException)
        {
            throw Refused($"{where} may not be read, or is a folder. Give the service's user the right to read it.");
        }
    }

    private static SourceException Refused(string message) => new(SourceErrorClass.Permanent, message);
}
