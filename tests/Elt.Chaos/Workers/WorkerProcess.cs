using System.Collections.Concurrent;
using System.Diagnostics;

namespace Elt.Chaos.Workers;

/// <summary>A worker in a process of its own. It ends with the tests, also when they are killed.</summary>
internal sealed class WorkerProcess : IAsyncDisposable
{
    // Stops a process, and lets it go on when told so; should the tests die meanwhile, it kills what could never end by itself.
    private const string Pause = "kill -STOP $1 && echo stopped && if read -r go; then kill -CONT $1; else kill -KILL $1; fi";

    private readonly Process _process;
    private readonly ConcurrentQueue<string> _log = [];
    private readonly Task _reading;
    private Process? _pause;

    private WorkerProcess(Process process)
    {
        _process = process;
        _reading = ReadLogAsync();
    }

    /// <summary>Its warnings and errors so far: number of the event, then the text.</summary>
    public IReadOnlyCollection<string> Log => _log;

    public static async Task<WorkerProcess> StartAsync(params string[] options)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(WorkerProcess).Assembly.Location, "worker", .. options])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Path.GetTempPath(),
        };
        var worker = new WorkerProcess(Process.Start(start)!);
        if (await worker._process.StandardOutput.ReadLineAsync() == "ready")
            return worker;
        await worker._reading;
        throw new InvalidOperationException($"The worker did not start: {string.Join('\n', worker.Log)}");
    }

    /// <summary>The id under which it holds its lease now.</summary>
    public async Task<string> AskIdAsync()
    {
        await _process.StandardInput.WriteLineAsync("who");
        await _process.StandardInput.FlushAsync();
        return await _process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException("The worker is gone.");
    }

    /// <summary>SIGKILL.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>SIGSTOP: it stands still in the middle of whatever it does.</summary>
    public async Task PauseAsync()
    {
        _pause = Process.Start(new ProcessStartInfo("sh", ["-c", Pause, "pause", $"{_process.Id}"]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
        Assert.Equal("stopped", await _pause.StandardOutput.ReadLineAsync());
    }

    /// <summary>SIGCONT.</summary>
    public async Task ResumeAsync()
    {
        await _pause!.StandardInput.WriteLineAsync("go");
        await _pause.StandardInput.FlushAsync();
        await _pause.WaitForExitAsync();
        _pause.Dispose();
        _pause = null;
    }

    /// <summary>Stops cleanly, or is found dead.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_pause is not null)
            await ResumeAsync();
        _process.StandardInput.Close();
        await _process.WaitForExitAsync();
        await _reading;
        _process.Dispose();
    }

    private async Task ReadLogAsync()
    {
        while (await _process.StandardError.ReadLineAsync() is { } line)
            _log.Enqueue(line);
    }
}
