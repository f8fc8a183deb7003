using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Elt.Durable.Journal;

/// <summary>
/// The one way into the journal: writes of all runs of the process are gathered into one transaction each time the one before is durable
/// (group commit). A waiter continues only after its own commit. When idle, a single write goes straight through.
/// </summary>
internal sealed class JournalWriter : IAsyncDisposable
{
    private const int MaxWrites = 1000;
    private const int MaxWeight = 4 * 1024 * 1024;

    private readonly IJournal _journal;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly Channel<JournalWrite> _channel = Channel.CreateUnbounded<JournalWrite>(new() { SingleReader = true });
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;

    public JournalWriter(IJournal journal, TimeProvider time, ILogger<JournalWriter> logger)
    {
        _journal = journal;
        _time = time;
        _logger = logger;
        _loop = Task.Run(RunAsync);
    }

    /// <summary>The worker in whose name owned writes are made; a new one after a lost lease.</summary>
    public string WorkerId { get; set; } = "";

    /// <summary>Hands a write in and waits until it is durable or refused.</summary>
    public async Task<TWrite> CommitAsync<TWrite>(TWrite write)
        where TWrite : JournalWrite
    {
        if (!_channel.Writer.TryWrite(write))
            throw new ObjectDisposedException(nameof(JournalWriter), "The engine has stopped; nothing more is written.");
        await write.Committed.ConfigureAwait(false);
        return write;
    }

    public async ValueTask DisposeAsync()
    {
        _channel.Writer.TryComplete();
        await _stop.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        var batch = new List<JournalWrite>(MaxWrites);
        while (await _channel.Reader.WaitToReadAsync().ConfigureAwait(false))
        {
            batch.Clear();
            for (var weight = 0; batch.Count < MaxWrites && weight < MaxWeight && _channel.Reader.TryRead(out var write); weight += write.Weight)
                batch.Add(write);
            await CommitBatchAsync(batch).ConfigureAwait(false);
        }
    }

    private async Task CommitBatchAsync(IReadOnlyList<JournalWrite> batch)
    {
        try
        {
            await CommitThroughOutagesAsync(batch).ConfigureAwait(false);
        }
        catch (Exception e) when (batch.Count == 1)
        {
            batch[0].Fail(e);
            return;
        }
        catch (Exception e)
        {
            // One of them cannot be written. Alone, each either goes through or fails its own run only.
            Log.BatchSplit(_logger, batch.Count, e.Message);
            foreach (var write in batch)
                await CommitBatchAsync([write]).ConfigureAwait(false);
            return;
        }
        foreach (var write in batch)
            write.Complete();
    }

    private async Task CommitThroughOutagesAsync(IReadOnlyList<JournalWrite> batch)
    {
        for (var pause = TimeSpan.FromMilliseconds(50); ; pause = pause.TotalSeconds < 1 ? pause * 2 : pause)
        {
            try
            {
                await _journal.CommitAsync(WorkerId, batch, CancellationToken.None).ConfigureAwait(false);
                return;
            }
            catch (Exception e) when (RetryPolicy.IsTransientDatabaseError(e) && !_stop.IsCancellationRequested)
            {
                Log.JournalUnavailable(_logger, e.Message);
                await Task.Delay(pause, _time, CancellationToken.None).ConfigureAwait(false);
            }
        }
    }
}
