using System.CommandLine;

namespace Elt.Service.Hosting;

/// <summary>Parses a command line with the environment behind it, and turns refusals into one line each.</summary>
internal static class CommandLine
{
    public const int UsageError = 2;
    public const int StartError = 1;

    public static async Task<int> RunAsync(RootCommand root, string[] args)
    {
        var settings = new ParserConfiguration { ResponseFileTokenReplacer = null };
        var parsed = root.Parse([.. args, .. FromEnvironment(root.Parse(args, settings))], settings);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors)
                Refuse(error.Message);
            return UsageError;
        }
        try
        {
            // The host handles signals by itself.
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
        }
        catch (SettingException e)
        {
            Refuse(e.Message);
            return UsageError;
        }
        catch (Exception e) when (StartErrors.Describe(e) is { } reason)
        {
            Refuse(reason);
            return StartError;
        }
    }

    /// <summary>Options that the command line leaves open and the environment sets.</summary>
    private static IEnumerable<string> FromEnvironment(ParseResult parsed) =>
        from option in parsed.CommandResult.Command.Options
        where parsed.GetResult(option) is null or { Implicit: true }
        let value = Environment.GetEnvironmentVariable("ELT_" + option.Name.TrimStart('-').Replace('-', '_').ToUpperInvariant())
        where !string.IsNullOrEmpty(value)
        select $"{option.Name}={value}";

    private static void Refuse(string message) => Console.Error.WriteLine($"elt-service: {message}");
}
