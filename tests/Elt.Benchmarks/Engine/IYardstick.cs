using System.Threading.Channels;

namespace Elt.Benchmarks.Engine;

/// <summary>The bare database doing what the engine does, and its own figures of what was done.</summary>
internal interface IYardstick : IAsyncDisposable
{
    /// <summary>Chooses the journal on this database.</summary>
    void Use(Durable.DurableBuilder durable);

    /// <summary>
    /// Empties a channel full of step rows into the database, in one loop, up to a thousand rows per statement and commit (on SQLite per transaction),
    /// and returns rows per second.
    /// </summary>
    Task<double> BatchRowsPerSecondAsync(int rows, CancellationToken ct);

    /// <summary>Inserts step rows one by one with a prepared statement, each its own commit, and returns the median in milliseconds.</summary>
    Task<double> SingleMedianAsync(int rows, CancellationToken ct);

    /// <summary>Commits that wrote and bytes of write-ahead log so far; null where the database does not say.</summary>
    Task<(long Commits, long WalBytes)?> ActivityAsync(CancellationToken ct);
}

/// <summary>A step as the engine records it: <c>durable.steps</c> has the same columns.</summary>
internal sealed record StepRow(
    string RunId, string Key, string Kind, string Status, long Epoch, int Attempts, DateTime StartedAt, DateTime CompletedAt, string? Result, string? Error)
{
    public const int PerCommit = 1000;

    /// <summary>A channel that holds ten steps of each of so many runs of their own, and no more to come.</summary>
    public static ChannelReader<StepRow> Channel(int rows)
    {
        var channel = System.Threading.Channels.Channel.CreateUnbounded<StepRow>(new() { SingleReader = true });
        var now = TimeProvider.System.GetUtcNow();
        var run = "";
        for (var i = 0; i < rows; i++)
        {
            run = i % 10 == 0 ? Guid.CreateVersion7(now).ToString() : run;
            channel.Writer.TryWrite(new(run, $"step#{i % 10}", "STEP", "SUCCESS", 1, 1, now.UtcDateTime, now.AddTicks(i).UtcDateTime, "1", null));
        }
        channel.Writer.Complete();
        return channel.Reader;
    }
}
