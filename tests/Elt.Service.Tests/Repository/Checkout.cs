using Xunit;

namespace Elt.Service.Tests.Repository;

/// <summary>The files of the checkout that these tests were built from.</summary>
internal static class Checkout
{
    public static string Root { get; } = FindRoot(AppContext.BaseDirectory);

    public static IEnumerable<string> Sources(string folder) =>
        Directory.EnumerateFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal) && !file.Contains("/bin/", StringComparison.Ordinal));

    public static string Relative(string file) => Path.GetRelativePath(Root, file);

    private static string FindRoot(string folder)
    {
        while (!File.Exists(Path.Combine(folder, "Elt.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The tests do not stand in a checkout.");
        return folder;
    }
}
