namespace Elt.Testing;

/// <summary>A folder of its own for one test, removed with all it holds when the test is over.</summary>
public sealed class TempFolder : IDisposable
{
    /// <summary>Full path of the folder.</summary>
    public string Path { get; } = Directory.CreateTempSubdirectory("elt-test-").FullName;

    /// <summary>Full path of a file in the folder; the file is not created.</summary>
    /// <param name="name">Name of the file.</param>
    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(Path, recursive: true);
}
