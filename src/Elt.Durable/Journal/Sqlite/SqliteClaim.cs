using System.Text.Json;

namespace Elt.Durable.Journal.Sqlite;

/// <summary>Takes due runs, within the limits of their queues.</summary>
internal static class SqliteClaim
{
    private const string IsMine = "exists (select 1 from json_each($2) w where json_extract(w.value, '$[0]') = workflow and json_extract(w.value, '$[1]') = version)";

    /// <summary>Looks whether a claim or a recovery would find anything.</summary>
    public static Prospect Probe(SqliteStatements journal, ClaimRequest request, long now)
    {
        var workflows = Workflows(request);
        var isDue = journal.Query(
            $"""
            select exists (select 1 from runs where due_at <= $1 and (queue is null or status = 'WAITING') and {IsMine})
              or exists (select 1 from json_each($3) q where exists (
                select 1 from runs where queue = q.value and status = 'ENQUEUED' and due_at <= $1 and {IsMine}))
            """,
            r => r.GetBoolean(0), now, workflows, SqliteStore.JsonArray(request.Queues))[0];
        var next = journal.Query(
            """
            select min(due_at) from (
              select min(due_at) as due_at from runs where due_at > $1 and (queue is null or status = 'WAITING')
              union all select min(lease_until) from workers where lease_until >= $1 and id <> $2)
            """,
            r => r.TimeOrNull(0), now, request.WorkerId)[0];
        var workersAreGone = journal.Query("select exists (select 1 from workers where lease_until < $1)", r => r.GetBoolean(0), now)[0];
        var deadline = journal.Query("select min(deadline_at) from runs where deadline_at is not null and completed_at is null", r => r.TimeOrNull(0))[0];
        return new Prospect(isDue, workersAreGone, next, deadline);
    }

    public static IReadOnlyList<ClaimedRun> Claim(SqliteStatements journal, ClaimRequest request, long now)
    {
        if (journal.Query("select 1 from workers where id = $1", r => r.GetInt32(0), request.WorkerId).Count == 0)
            return [];
        var workflows = Workflows(request);
        var due = journal.Query(
            $"select id from runs where due_at <= $1 and (queue is null or status = 'WAITING') and {IsMine} order by due_at limit $3",
            r => r.GetString(0), now, workflows, request.Limit);
        foreach (var queue in request.Queues)
            due.AddRange(DueInQueue(journal, request, queue, workflows, now));
        return [.. due.Take(request.Limit).Select(id => Take(journal, request.WorkerId, id, now))];
    }

    private static List<string> DueInQueue(SqliteStatements journal, ClaimRequest request, string queue, string workflows, long now)
    {
        var room = journal.Query(
            """
            select min($3,
              coalesce(q.concurrency - (select count(*) from runs where queue = q.name and status in ('RUNNING', 'WAITING')), $3),
              coalesce(q.worker_concurrency - (select count(*) from runs where queue = q.name and status in ('RUNNING', 'WAITING') and owner = $2), $3))
            from queues q where q.name = $1
            """,
            r => r.GetInt32(0), queue, request.WorkerId, request.Limit).FirstOrDefault();
        return room <= 0
            ? []
            : journal.Query(
                $"select id from runs where queue = $3 and status = 'ENQUEUED' and due_at <= $1 and {IsMine} order by priority, due_at, id limit $4",
                r => r.GetString(0), now, workflows, queue, room);
    }

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

    private static string Workflows(ClaimRequest request) => JsonSerializer.Serialize(request.Workflows.Select(w => new object[] { w.Name, w.Version }));
}
