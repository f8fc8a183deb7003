namespace Elt.Testing;

/// <summary>Finds the server programs of an installed Postgres.</summary>
internal static class PostgresBinaries
{
    private const string DebianRoot = "/usr/lib/postgresql";

    /// <summary>Folder that holds <c>initdb</c>, <c>pg_ctl</c> and <c>postgres</c>.</summary>
    /// <exception cref="InvalidOperationException">There is none; the message says how to get it.</exception>
    internal static string Find() => Candidates().FirstOrDefault(HoldsServer) ?? throw new InvalidOperationException(
        $"No Postgres server programs in PATH or {DebianRoot}/*/bin. Install them (Debian: 'apt-get install postgresql'; "
        + "scripts/test does it when root), or set ELT_TEST_POSTGRES to the connection string of a server where databases may be created.");

    /// <summary>Full path of a program in PATH, or <see langword="null"/>.</summary>
    internal static string? InPath(string program) =>
        PathFolders().Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    private static IEnumerable<string> Candidates() => PathFolders().Concat(
        Directory.Exists(DebianRoot)
            ? Directory.EnumerateDirectories(DebianRoot).OrderByDescending(VersionOf).Select(version => Path.Combine(version, "bin"))
            : []);

    private static string[] PathFolders() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);

    private static bool HoldsServer(string folder) =>
        new[] { "initdb", "pg_ctl", "postgres" }.All(program => File.Exists(Path.Combine(folder, program)));

    private static double VersionOf(string folder) => double.TryParse(Path.GetFileName(folder), out var version) ? version : 0;
}
