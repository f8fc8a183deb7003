using System.Diagnostics;
using Elt.Pipelines.Sources;
using Microsoft.Extensions.Logging;

namespace Elt.Pipelines.Faults;

/// <summary>Lets things fail as <see cref="FaultOptions"/> says.</summary>
/// <param name="options">What fails, and how often.</param>
/// <param name="random">Decides; guarded here.</param>
/// <param name="kill">Kills the process at once.</param>
/// <param name="logger">Says so before.</param>
internal sealed class FaultInjection(FaultOptions options, Random random, Action kill, ILogger<FaultInjection> logger)
{
    private readonly Lock _gate = new();

    /// <summary>Fails like a source that cannot be reached.</summary>
    public void BeforeRequest()
    {
        if (Strikes(options.ApiFailureRate))
            throw new SourceException(SourceErrorClass.Network, "Injected failure: the source cannot be reached.");
    }

    /// <summary>Fails like a database that goes away before the commit.</summary>
    public void BeforeCommit()
    {
        if (Strikes(options.DatabaseFailureRate))
            throw new IOException("Injected failure: the warehouse went away before the commit.");
    }

    /// <summary>Kills the process as a power failure would: no handler runs, nothing is flushed.</summary>
    public void BatchFinished(int batch)
    {
        if (batch < options.CrashAfterBatch || !(IsFirstCrash() || Strikes(options.CrashRate)))
            return;
        Log.Crashing(logger, batch);
        kill();
        throw new UnreachableException("The process has been killed.");
    }

    // Creating the file decides: of two batches only one creates it, and after the restart it is there.
    private bool IsFirstCrash()
    {
        if (options.CrashOnceMarker is not { } marker || File.Exists(marker))
            return false;
        try
        {
            File.Open(marker, FileMode.CreateNew).Dispose();
            return true;
        }
        catch (IOException) when (File.Exists(marker))
        {
            return false;
        }
    }

    private bool Strikes(double rate)
    {
        if (rate <= 0)
            return false;
        lock (_gate)
            return random.NextDouble() < rate;
    }
}
