namespace Elt.Cli;

/// <summary>What the process tells its caller. Scripts rely on these.</summary>
internal static class ExitCodes
{
    public const int Ok = 0;
    public const int RunFailed = 1;
    public const int Usage = 2;
    public const int NotReachable = 3;
    public const int NotFound = 4;
    public const int WaitTimedOut = 5;
    public const int Cancelled = 6;
    public const int NotAuthorized = 7;

    /// <summary>Ended by Ctrl-C, as shells have it (128 + SIGINT).</summary>
    public const int Interrupted = 130;

    /// <summary>The exit code that says how a run ended.</summary>
    public static int OfRun(string status) => status switch
    {
        "SUCCESS" => Ok,
        "CANCELLED" => Cancelled,
        _ => RunFailed,
    };
}

/// <summary>An end of the command with a message for people and an exit code for scripts.</summary>
internal sealed class CliException(string message, int exitCode) : Exception(message)
{
    public int ExitCode { get; } = exitCode;
}
