using Spectre.Console;

namespace Elt.Cli.Output;

/// <summary>Colours of statuses; none where the terminal or NO_COLOR says so.</summary>
internal static class StatusStyle
{
    public static Style? Of(string text) => text switch
    {
        "SUCCESS" or "ok" => new Style(Color.Green),
        "ERROR" or "MAX_RECOVERY_ATTEMPTS_EXCEEDED" or "failed" => new Style(Color.Red),
        "RUNNING" or "ENQUEUED" or "WAITING" or "CANCELLED" => new Style(Color.Yellow),
        _ => null,
    };
}
