using System.Text.Json;
using Elt.Durable.Queues;

namespace Elt.Durable.Journal.Sqlite;

/// <summary>Takes due runs: those without queue and parked ones at once, those of queues as far as the queue's limits allow.</summary>
internal sealed class SqliteClaim
{
    /// <summary>The worker can execute the run; parameter 3 is what it can.</summary>
    public const string IsMine = "exists (select 1 from json_each($3) w where json_extract(w.value, '$[0]') = workflow and json_extract(w.value, '$[1]') = version)";

    /// <summary>A worker's limit also holds for parked runs that go on.</summary>
    public const string HasWorkerLimit = "exists (select 1 from queues q where q.name = r.queue and q.worker_concurrency is not null)";

    private int _turn;

    /// <summary>Looks whether a claim or a recovery would find anything.</summary>
    public static Prospect Probe(SqliteStatements journal, ClaimRequest request, long now)
    {
        var queues = SqliteStore.JsonArray(request.Queues);
        var direct = journal.Query(
            $"select exists (select 1 from runs where due_at <= $1 and (queue is null or status = 'WAITING') and {IsMine} and $2 is not null)",
            r => r.GetBoolean(0), now, queues, Workflows(request))[0];
        var starts = journal.Query(
            $"""
            select {SqliteQueueClaim.NextStart} from queues q
            where q.name in (select value from json_each($2)) and not q.paused
              and exists (select 1 from runs where queue = q.name and status = 'ENQUEUED' and due_at <= $1 and {IsMine})
            """,
            r => r.TimeOrNull(0), now, queues, Workflows(request));
        var next = journal.Query(
            """
            select min(due_at) from (
              select min(due_at) as due_at from runs where due_at > $1 and (queue is null or status = 'WAITING')
              union all select (select min(due_at) from runs where queue = q.name and status = 'ENQUEUED' and due_at > $1)
                from queues q where q.name in (select value from json_each($3)) and not q.paused
              union all select min(lease_until) from workers where lease_until >= $1 and id <> $2)
            """,
            r => r.TimeOrNull(0), now, request.WorkerId, queues)[0];
        var workersAreGone = journal.Query("select exists (select 1 from workers where lease_until < $1)", r => r.GetBoolean(0), now)[0];
        var deadline = journal.Query("select min(deadline_at) from runs where deadline_at is not null and completed_at is null", r => r.TimeOrNull(0))[0];
        return new Prospect(
            direct || starts.Exists(s => s is null || s <= SqliteStore.Time(now)),
            workersAreGone,
            starts.Where(s => s > SqliteStore.Time(now)).Append(next).Min(),
            deadline);
    }

    public ClaimResult Claim(SqliteStatements journal, ClaimRequest request, long now)
    {
        if (!journal.Any("select 1 from workers where id = $1", request.WorkerId))
            return new ClaimResult([], null);
        var due = journal.Query(
            $"""
            select id from runs r where due_at <= $1 and (queue is null or status = 'WAITING') and {IsMine} and (queue is null or not {HasWorkerLimit})
            order by due_at limit $2
            """,
            r => r.GetString(0), now, request.Limit, Workflows(request));
        // Each queue is asked first in its turn, so that none waits for the backlog of another.
        var first = request.Queues.Count > 0 ? _turn++ % request.Queues.Count : 0;
        foreach (var queue in request.Queues.Skip(first).Concat(request.Queues.Take(first)))
        {
            if (due.Count < request.Limit)
                due.AddRange(SqliteQueueClaim.Choose(journal, request, queue, request.Limit - due.Count, now));
        }
        var nextStart = journal.Query(
            $"select min({SqliteQueueClaim.NextStart}) from queues q where q.name in (select value from json_each($1))",
            r => r.TimeOrNull(0), SqliteStore.JsonArray(request.Queues))[0];
        return new ClaimResult([.. due.Select(id => Take(journal, request.WorkerId, id, now))], nextStart);
    }

    public static string Workflows(ClaimRequest request) => JsonSerializer.Serialize(request.Workflows.Select(w => new object[] { w.Name, w.Version }));

    private static ClaimedRun Take(SqliteStatements journal, string workerId, string id, long now)
    {
        journal.Run(
            "update runs set status = 'RUNNING', owner = $1, epoch = epoch + 1, due_at = null, started_at = coalesce(started_at, $3) where id = $2",
            workerId, id, now);
        return journal.Query(
            "select id, workflow, version, input, epoch, recoveries, wake_count, parent_id, created_at, queue, deadline_at from runs where id = $1",
            r => new ClaimedRun
            {
                Id = r.GetString(0),
                Workflow = r.GetString(1),
                Version = r.GetInt32(2),
                Input = r.GetString(3),
                Epoch = r.GetInt64(4),
                Recoveries = r.GetInt32(5),
                WakeCount = r.GetInt64(6),
                ParentId = r.TextOrNull(7),
                CreatedAt = r.Time(8),
                Queue = r.TextOrNull(9),
                DeadlineAt = r.TimeOrNull(10),
            },
            id)[0];
    }
}
