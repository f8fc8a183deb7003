using Elt.Durable.Journal;

namespace Elt.Durable.Tests.Suite;

internal static class JournalExtensions
{
    /// <summary>Registers a worker that executes nothing by itself.</summary>
    public static Task<DateTimeOffset> RegisterWorkerAsync(this IJournal journal, string workerId, TimeSpan lease, CancellationToken ct) =>
        journal.RegisterWorkerAsync(workerId, lease, [], ct);
}
