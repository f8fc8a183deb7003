using System.Runtime.CompilerServices;
using Elt.Durable.Execution;
using Elt.Durable.Journal;

namespace Elt.Durable.Streams;

/// <summary>
/// Follows what a run publishes, from any process: asks the journal again and again, less and less often while nothing comes. The end of a run in this
/// process is noticed at once.
/// </summary>
internal sealed class StreamTail(IJournal journal, CompletionHub completions, TimeProvider time)
{
    private const int PageSize = 100;
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(1);

    public async Task<string> GetEventAsync(string runId, string name, TimeSpan? timeout, CancellationToken ct)
    {
        var began = time.GetTimestamp();
        for (var pause = FirstPause; ; pause = Longer(pause))
        {
            using var end = completions.Watch(runId);
            var state = await journal.Streams.FindEventAsync(runId, name, waiter: null, ct).ConfigureAwait(false) ?? throw UnknownRunException.For(runId);
            if (state.Value is { } value)
                return value;
            if (state.RunIsOver)
                throw EventNotSetException.For(runId, name);
            var remaining = timeout - time.GetElapsedTime(began) ?? TimeSpan.MaxValue;
            if (remaining <= TimeSpan.Zero)
                throw WaitTimeoutException.For($"event '{name}' of run '{runId}'", timeout!.Value);
            await end.WaitAsync(remaining < pause ? remaining : pause, time, ct).ConfigureAwait(false);
        }
    }

    public async IAsyncEnumerable<string> ReadAsync(string runId, string stream, long fromPosition, [EnumeratorCancellation] CancellationToken ct)
    {
        for (var pause = FirstPause; ;)
        {
            using var end = completions.Watch(runId);
            var page = await journal.Streams.ReadAsync(runId, stream, fromPosition, PageSize, ct).ConfigureAwait(false) ?? throw UnknownRunException.For(runId);
            foreach (var (position, value) in page.Entries)
            {
                yield return value;
                fromPosition = position + 1;
            }
            if (page.RunIsOver && page.Entries.Count < PageSize)
                yield break;
            pause = page.Entries.Count > 0 ? FirstPause : Longer(pause);
            if (page.Entries.Count < PageSize)
                await end.WaitAsync(pause, time, ct).ConfigureAwait(false);
        }
    }

    private static TimeSpan Longer(TimeSpan pause) => pause * 1.5 < MaxPause ? pause * 1.5 : MaxPause;
}
