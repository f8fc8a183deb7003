using Elt.Durable.Execution;
using Elt.Durable.Journal;
using Microsoft.Extensions.Logging;

namespace Elt.Durable.Control;

/// <summary>Cancels runs that are past their deadline, in whatever state they are. Costs nothing while no run has one.</summary>
internal sealed class Overdue(IJournal journal, CompletionHub completions, JournalClock clock, ILogger<Overdue> logger)
{
    private const int Batch = 500;

    private readonly Lock _gate = new();
    private DateTimeOffset _next = DateTimeOffset.MaxValue;

    /// <summary>The earliest deadline of a live run, as far as is known.</summary>
    public DateTimeOffset Next
    {
        get
        {
            lock (_gate)
                return _next;
        }
    }

    /// <summary>Says that a run has a deadline. Returns whether it is the earliest now.</summary>
    public bool Expect(DateTimeOffset? deadline)
    {
        lock (_gate)
        {
            if (deadline is null || deadline >= _next)
                return false;
            _next = deadline.Value;
            return true;
        }
    }

    /// <summary>Cancels what is overdue, if anything can be. Returns whether something was.</summary>
    public async Task<bool> CancelAsync(CancellationToken ct)
    {
        if (clock.Now < Next)
            return false;
        // Said first: whoever begins a run meanwhile says so afterwards.
        lock (_gate)
            _next = DateTimeOffset.MaxValue;
        try
        {
            var (cancelled, next) = await journal.Control.CancelOverdueAsync(Batch, ct).ConfigureAwait(false);
            Expect(next);
            if (cancelled.RunIds.Count == 0)
                return false;
            Log.RunsOverdue(logger, cancelled.RunIds.Count, cancelled.RunIds[0]);
            completions.Ended(cancelled);
            return true;
        }
        catch
        {
            Expect(clock.Now);
            throw;
        }
    }
}
