using Elt.Durable.Journal;
using Elt.Durable.Journal.Postgres;

namespace Elt.Durable.Control;

/// <summary>
/// Ends runs and their descendants in one transaction. The rows of the workers that own any of them are locked first, so that each commit in flight
/// either lands before, and is found, or sees that its run has ended. A run that another worker takes, or has children under, meanwhile is
/// found by looking once more before the commit; then all begins anew.
/// </summary>
internal sealed class PostgresCancel(PostgresStore store)
{
    private static readonly TimeSpan MaxPause = TimeSpan.FromMilliseconds(100);

    // $2 the runs asked for, $3 whether to cascade, $4 whether only overdue ones of them count, $5 those cancelled in this transaction already.
    private const string Tree =
        """
        with recursive tree as (
          select id, owner from durable.runs
          where id = any ($2) and (completed_at is null and (not $4 or deadline_at <= coalesce($1, now())) or id = any ($5))
          union
          select c.id, c.owner from tree t join durable.runs c on c.parent_id = t.id where $3)
        """;

    private const string LockOwners = $"{Tree} select id from durable.workers where id in (select owner from tree) order by id for update";

    // Rows that somebody else holds are left for the next round: waiting for them here could close a circle.
    private const string End =
        $"""
        {Tree},
        mine as (
          select r.id from tree t join durable.runs r on r.id = t.id
          where r.completed_at is null and (r.owner is null or r.owner = any ($6) or not exists (select from durable.workers w where w.id = r.owner))
          order by r.id for no key update of r skip locked)
        update durable.runs r set status = 'CANCELLED', owner = null, delayed_until = case when r.status = 'ENQUEUED' and r.started_at is null then r.due_at end,
          due_at = null, error = $7, completed_at = coalesce($1, now())
        from mine where r.id = mine.id
        returning r.id, r.parent_id, r.completed_at
        """;

    private const string FindLeftOver = $"{Tree} select exists (select from tree t join durable.runs r on r.id = t.id where r.completed_at is null)";

    // Parents that were cancelled themselves are not told: resumed, they find their children as they are then.
    private const string TellParents =
        """
        insert into durable.steps (run_id, key, kind, status, epoch, attempts, started_at, completed_at, result, error)
        select r.parent_id, substr(r.id, length(r.parent_id) + 2), 'CHILD', r.status, 0, 1, r.created_at, r.completed_at, null, r.error
        from durable.runs r join durable.runs p on p.id = r.parent_id and p.completed_at is null where r.id = any ($2)
        on conflict do nothing
        """;

    public async Task<Cancelled> CancelAsync(Cancellation request, CancellationToken ct)
    {
        for (var pause = TimeSpan.FromMilliseconds(1); request.RunIds.Count > 0; pause = pause * 2 < MaxPause ? pause * 2 : MaxPause)
        {
            if (await PostgresStore.OutOfDeadlockAsync(() => TryCancelAsync(request, ct)).ConfigureAwait(false) is { } cancelled)
                return cancelled;
            await Task.Delay(pause, TimeProvider.System, ct).ConfigureAwait(false);
        }
        return request.Of([], default);
    }

    /// <summary>One round; <see langword="null"/> when not all that live could be ended, and so none was.</summary>
    private async Task<Cancelled?> TryCancelAsync(Cancellation request, CancellationToken ct)
    {
        await using var connection = await store.DataSource.OpenConnectionAsync(ct).ConfigureAwait(false);
        await using var transaction = await connection.BeginTransactionAsync(ct).ConfigureAwait(false);
        string[] ids = [.. request.RunIds];
        object?[] tree = [ids, request.Cascade, request.OverdueOnly, Array.Empty<string>()];
        var owners = await store.QueryAsync(connection, LockOwners, tree, r => r.GetString(0), ct).ConfigureAwait(false);
        var ended = await store.QueryAsync(
            connection, End, [.. tree, owners.ToArray(), ErrorJson.Write(request.Reason)], r => (Id: r.GetString(0), ParentId: r.TextOrNull(1), At: r.Time(2)), ct).ConfigureAwait(false);
        string[] cancelled = [.. ended.Select(e => e.Id)];
        var leftOver = await store.QueryAsync(connection, FindLeftOver, [ids, request.Cascade, request.OverdueOnly, cancelled], r => r.GetBoolean(0), ct).ConfigureAwait(false);
        if (leftOver[0])
            return null;
        if (cancelled.Length == 0)
            return request.Of([], default);
        await store.RunAsync(connection, PostgresJournal.NewTaking, [owners.ToArray()], ct).ConfigureAwait(false);
        await store.RunAsync(connection, TellParents, [cancelled], ct).ConfigureAwait(false);
        string[] parents = [.. ended.Select(e => e.ParentId).OfType<string>()];
        await store.RunAsync(connection, PostgresWakes.Wake, [null, cancelled, parents, Array.Empty<string>()], ct).ConfigureAwait(false);
        // The executors of these shall look, and places in queues are free.
        await store.RunAsync(connection, PostgresHints.NotifyWoken, [], ct).ConfigureAwait(false);
        await store.RunAsync(connection, PostgresHints.NotifyWork, [], ct).ConfigureAwait(false);
        await transaction.CommitAsync(ct).ConfigureAwait(false);
        return request.Of(cancelled, ended[0].At);
    }
}
