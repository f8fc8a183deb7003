using System.CommandLine;
using System.CommandLine.Parsing;
using Elt.Cli.Output;
using Spectre.Console;

namespace Elt.Cli.Commands;

/// <summary>Options that every command has, and what is made of them.</summary>
internal sealed class Globals
{
    private const string DefaultUrl = "http://localhost:8080";

    private static readonly Dictionary<string, OutputFormat> Formats =
        Enum.GetValues<OutputFormat>().ToDictionary(format => format.ToString().ToLowerInvariant());

    public Option<string> Url { get; } = new("--url")
    {
        Description = $"Address of the service. Default: $ELT_URL, else {DefaultUrl}.",
        HelpName = "URL",
        Recursive = true,
    };

    public Option<OutputFormat> Format { get; } = new("--output", "-o")
    {
        Description = "How data is written: table, json, jsonl or id. Default: table.",
        HelpName = "FORMAT",
        Recursive = true,
        CustomParser = ReadFormat,
    };

    public Globals()
    {
        Url.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is { } text && !TryReadUrl(text, out _))
                result.AddError($"--url is an address such as {DefaultUrl}, not '{text}'.");
        });
    }

    /// <summary>Runs a command's body with a client for the service; its answer is the exit code.</summary>
    public void Handle(Command command, Func<ParseResult, Session, CancellationToken, Task<int>> body)
    {
        command.SetAction(async (parsed, ct) =>
        {
            var text = parsed.GetValue(Url) ?? Environment.GetEnvironmentVariable("ELT_URL") ?? DefaultUrl;
            if (!TryReadUrl(text, out var url))
                throw new CliException($"ELT_URL is '{text}', expected an address such as {DefaultUrl}.", ExitCodes.Usage);
            using var client = new ApiClient(url);
            return await body(parsed, new Session(client, new Printer(parsed.GetValue(Format), TableConsole(), Console.Out)), ct);
        });
    }

    private static OutputFormat ReadFormat(ArgumentResult given)
    {
        if (!Formats.TryGetValue(given.Tokens[0].Value, out var format))
            given.AddError($"--output is {string.Join(", ", Formats.Keys)}, not '{given.Tokens[0].Value}'.");
        return format;
    }

    private static IAnsiConsole TableConsole() => AnsiConsole.Create(new AnsiConsoleSettings
    {
        Out = new AnsiConsoleOutput(Console.Out),
        Ansi = Console.IsOutputRedirected ? AnsiSupport.No : AnsiSupport.Detect,
        ColorSystem = Environment.GetEnvironmentVariable("NO_COLOR") is { Length: > 0 } ? ColorSystemSupport.NoColors : ColorSystemSupport.Detect,
    });

    private static bool TryReadUrl(string text, out Uri url) =>
        Uri.TryCreate(text, UriKind.Absolute, out url!) && url.Scheme is "http" or "https";
}

/// <summary>What the body of a command works with.</summary>
internal sealed record Session(ApiClient Client, Printer Printer)
{
    /// <summary>Progress is shown to people only.</summary>
    public static bool IsWatched => !Console.IsErrorRedirected && !Console.IsOutputRedirected;
}
