namespace Elt.Pipelines.Sources;

/// <summary>Reads secrets by reference: <c>env:NAME</c>, <c>file:/path</c>. Values are never kept, and no message holds one.</summary>
internal static class Secret
{
    private const int MaxBytes = 64 * 1024;

    /// <summary>The value of a reference, without white space around it.</summary>
    /// <param name="reference">The reference.</param>
    /// <param name="name">What the connector calls it.</param>
    /// <exception cref="SourceException">It is no reference, or leads to nothing that can be sent.</exception>
    public static string Read(string reference, string name)
    {
        var value = reference switch
        {
            // The service's own settings (connection strings) are not for sources.
            ['e', 'n', 'v', ':', .. var variable] when !variable.StartsWith("ELT_", StringComparison.OrdinalIgnoreCase) =>
                Environment.GetEnvironmentVariable(variable) ?? throw Unusable(name, $"the environment has no variable '{variable}'"),
            ['f', 'i', 'l', 'e', ':', .. var path] when Path.IsPathFullyQualified(path) => FromFile(path, name),
            _ => throw Unusable(name, "expected a reference, env:NAME (not one that begins with ELT_) or file:/path, found something else"),
        };
        value = value.Trim();
        return value.Length == 0 || value.Any(char.IsControl) ? throw Unusable(name, "its value is empty or holds control characters") : value;
    }

    private static string FromFile(string path, string name)
    {
        try
        {
            var file = new FileInfo(path);
            return file.Length <= MaxBytes ? File.ReadAllText(path) : throw Unusable(name, $"its file has over {MaxBytes} bytes");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unusable(name, $"its file cannot be read ({e.GetType().Name})");
        }
    }

    private static SourceException Unusable(string name, string why) => new(SourceErrorClass.Auth, $"The secret '{name}' cannot be used: {why}.");
}
