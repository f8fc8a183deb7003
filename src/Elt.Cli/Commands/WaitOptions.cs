using System.CommandLine;
using Elt.Service.Api;

namespace Elt.Cli.Commands;

/// <summary>The option that bounds a wait.</summary>
internal static class WaitOptions
{
    public static Option<string> Timeout()
    {
        var option = new Option<string>("--timeout") { Description = "Longest wait, such as 30s or 10m. Default: no limit.", HelpName = "DURATION" };
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is { } text && !DurationText.TryParse(text, out _))
                result.AddError($"--timeout is a duration such as 30s, 10m or 2h, not '{text}'.");
        });
        return option;
    }

    public static TimeSpan? Read(ParseResult parsed, Option<string> timeout) =>
        parsed.GetValue(timeout) is { } text && DurationText.TryParse(text, out var duration) ? duration : null;
}
