using System.Diagnostics;
using Elt.Service.Hosting;

namespace Elt.Service.Demo;

/// <summary>
/// A process of this program, started here and ended here. It tells its address as its first line on stdout. Unless it is to be kept, it
/// ends by itself when this process ends, however that happens: its standard input ends then.
/// </summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(20);

    private readonly Process _process;
    private readonly bool _mayOutlive;
    private bool _keep;

    private ChildProcess(Process process, Uri url, bool mayOutlive)
    {
        _process = process;
        _mayOutlive = mayOutlive;
        Url = url;
    }

    public Uri Url { get; }

    public int Id => _process.Id;

    /// <param name="name">What it is called in messages.</param>
    /// <param name="arguments">Its command line.</param>
    /// <param name="logFile">Where its stderr is added to; <see langword="null"/> shares this process's.</param>
    /// <param name="mayOutlive">It does not end with this process.</param>
    /// <param name="ct">Gives up; the process is ended.</param>
    /// <exception cref="StartException">It ended before it told its address.</exception>
    public static async Task<ChildProcess> StartAsync(string name, IReadOnlyList<string> arguments, string? logFile, bool mayOutlive, CancellationToken ct)
    {
        var process = Process.Start(Command(mayOutlive ? arguments : [.. arguments, "--stop-with-input"], logFile))
            ?? throw new StartException("The shell did not start.");
        try
        {
            if (await process.StandardOutput.ReadLineAsync(ct) is { } line)
                return new ChildProcess(process, new Uri(line), mayOutlive);
            await process.WaitForExitAsync(ct);
            var reason = logFile is null ? "see above." : (await File.ReadAllLinesAsync(logFile, ct)).LastOrDefault();
            throw new StartException($"{name} ended with exit code {process.ExitCode}: {reason}");
        }
        catch
        {
            process.Kill();
            process.Dispose();
            throw;
        }
    }

    /// <summary>From now on the process is left alone.</summary>
    public void Keep() => _keep = true;

    /// <summary>Waits until the process has ended; its exit code.</summary>
    public async Task<int> WaitForExitAsync(CancellationToken ct)
    {
        await _process.WaitForExitAsync(ct);
        return _process.ExitCode;
    }

    /// <summary>Ends the process, cleanly if it can.</summary>
    public async ValueTask DisposeAsync()
    {
        using var process = _process;
        if (process.HasExited || _keep)
            return;
        if (_mayOutlive)
            process.Kill();
        else
            process.StandardInput.Close();
        using var grace = new CancellationTokenSource(Grace, TimeProvider.System);
        try
        {
            await process.WaitForExitAsync(grace.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
        }
    }

    private static ProcessStartInfo Command(IReadOnlyList<string> arguments, string? logFile)
    {
        // The shell only opens the log, then becomes the program; a pipe to here would not outlive this process.
        var start = new ProcessStartInfo("/bin/sh") { RedirectStandardInput = true, RedirectStandardOutput = true };
        var program = Environment.ProcessPath!;
        string[] self = Path.GetFileNameWithoutExtension(program) == "dotnet" ? [program, typeof(ChildProcess).Assembly.Location] : [program];
        string[] shell = logFile is null ? ["-c", "exec \"$@\"", "sh"] : ["-c", "log=$1; shift; exec \"$@\" 2>>\"$log\"", "sh", logFile];
        foreach (var argument in shell.Concat(self).Concat(arguments))
            start.ArgumentList.Add(argument);
        return start;
    }
}
