using Elt.Durable.Journal;
using Elt.Durable.Journal.Sqlite;

namespace Elt.Durable.Queues;

/// <summary>Chooses the runs that a queue's limits and the turns of its keys allow. The one writer of the journal calls it.</summary>
internal static class SqliteQueueClaim
{
    /// <summary>When the rate limit of queue <c>q</c> allows the next start: a period after the n-th last one; nothing when fewer were counted.</summary>
    public const string NextStart =
        """
        (select s.started_at + q.rate_period
         from (select started_at, row_number() over (order by started_at desc) as nth from queue_starts where queue = q.name) s where s.nth = q.rate_runs)
        """;

    // Without statistics SQLite prefers any index that begins with the queue, also one of all runs that ever were in it.
    private const string RunsUnderWay = "runs r indexed by runs_in_queue";
    private const string RunsWaiting = "runs indexed by runs_queued";

    private const string IsWaiting = $"queue = $2 and status = 'ENQUEUED' and due_at <= $1 and {SqliteClaim.IsMine}";

    /// <summary>Due runs of a queue, in the order in which they begin.</summary>
    public static List<string> Choose(SqliteStatements journal, ClaimRequest request, string queue, int limit, long now)
    {
        var parked = journal.Query(
            $"""
            select id from {RunsUnderWay} where queue = $2 and status in ('RUNNING', 'WAITING') and status = 'WAITING' and due_at <= $1 and {SqliteClaim.IsMine} and {SqliteClaim.HasWorkerLimit}
            order by due_at limit coalesce((
              select max(0, min($4, worker_concurrency - (select count(*) from {RunsUnderWay} where queue = $2 and status in ('RUNNING', 'WAITING') and owner = $5)))
              from queues where name = $2), 0)
            """,
            r => r.GetString(0), now, queue, SqliteClaim.Workflows(request), limit, request.WorkerId);
        var room = Room(journal, request, queue, limit - parked.Count, parked.Count, now);
        if (room > 0)
            parked.AddRange(Begin(journal, request, queue, room, now));
        return parked;
    }

    private static int Room(SqliteStatements journal, ClaimRequest request, string queue, int limit, int parked, long now) => journal.Query(
        $"""
        select min($3,
          coalesce(q.concurrency - (select count(*) from {RunsUnderWay} where queue = q.name and status in ('RUNNING', 'WAITING')), $3),
          coalesce(q.worker_concurrency - $4 - (select count(*) from {RunsUnderWay} where queue = q.name and status in ('RUNNING', 'WAITING') and owner = $2), $3),
          coalesce(q.rate_runs - (select count(*) from queue_starts where queue = q.name and started_at > $5 - q.rate_period), $3))
        from queues q where q.name = $1 and not q.paused
        """,
        r => r.GetInt32(0), queue, request.WorkerId, limit, parked, now).FirstOrDefault();

    private static IEnumerable<string> Begin(SqliteStatements journal, ClaimRequest request, string queue, int room, long now)
    {
        var heads = Heads(journal, request, queue, room, now);
        var chosen = heads
            .SelectMany(head => Waiting(journal, request, queue, head, AtMost(head), now))
            .OrderBy(w => w.Priority).ThenBy(w => w.Nth).ThenBy(w => w.Head.Turn).ThenBy(w => w.Head.Key, StringComparer.Ordinal)
            .Take(room).ToList();
        if (HasKeys(journal, queue))
            Serve(journal, queue, chosen.Select(w => w.Head.Key).Reverse().Distinct().Reverse());
        journal.Run("delete from queue_starts where queue = $1 and started_at <= $2 - (select rate_period from queues where name = $1)", queue, now);
        foreach (var _ in chosen)
            journal.Run("insert into queue_starts (queue, started_at) select name, $2 from queues where name = $1 and rate_runs is not null", queue, now);
        return chosen.Select(w => w.Id);

        // The first run of every key of at most this priority goes before the second of this one.
        int AtMost(KeyHead head) => Math.Min(head.Room, room - heads.Count(h => h.Priority <= head.Priority) + 1);
    }

    private static bool HasKeys(SqliteStatements journal, string queue) => journal.Query(
        "select exists (select 1 from runs where queue = $1 and status = 'ENQUEUED' and coalesce(queue_key, '') > '')", r => r.GetBoolean(0), queue)[0];

    /// <summary>The keys whose first run is next. A loose scan finds the keys that wait: one descent of the index for each.</summary>
    private static List<KeyHead> Heads(SqliteStatements journal, ClaimRequest request, string queue, int room, long now) => journal.Query(
        $"""
        with recursive keys(key) as (
          select (select coalesce(queue_key, '') from runs where queue = $2 and status = 'ENQUEUED' order by coalesce(queue_key, '') limit 1)
          union all
          select (select coalesce(queue_key, '') from runs where queue = $2 and status = 'ENQUEUED' and coalesce(queue_key, '') > key
                  order by coalesce(queue_key, '') limit 1)
          from keys where key is not null)
        select key, turn, free, priority from (
          select key,
            coalesce((select turn from queue_keys where queue = $2 and key = keys.key), 0) as turn,
            case when key = '' or q.key_concurrency is null then $4 else min($4, q.key_concurrency - (
              select count(*) from runs where queue = $2 and coalesce(queue_key, '') = keys.key and status in ('RUNNING', 'WAITING'))) end as free,
            (select priority from runs where coalesce(queue_key, '') = keys.key and {IsWaiting} order by priority, due_at, id limit 1) as priority
          from keys, queues q where key is not null and q.name = $2)
        where free > 0 and priority is not null
        order by priority, turn, key limit $4
        """,
        r => new KeyHead(r.GetString(0), r.GetInt64(1), r.GetInt32(2), r.GetInt32(3)), now, queue, SqliteClaim.Workflows(request), room);

    private static IEnumerable<Candidate> Waiting(SqliteStatements journal, ClaimRequest request, string queue, KeyHead head, int limit, long now) => journal.Query(
        $"select id, priority from {RunsWaiting} where coalesce(queue_key, '') = $4 and {IsWaiting} order by priority, due_at, id limit $5",
        r => (Id: r.GetString(0), Priority: r.GetInt32(1)), now, queue, SqliteClaim.Workflows(request), head.Key, limit)
        .Select((run, nth) => new Candidate(run.Id, run.Priority, nth, head));

    private static void Serve(SqliteStatements journal, string queue, IEnumerable<string> keys)
    {
        foreach (var key in keys)
            journal.Run(
                """
                insert into queue_keys (queue, key, turn) values ($1, $2, 1 + coalesce((select max(turn) from queue_keys where queue = $1), 0))
                on conflict do update set turn = excluded.turn
                """,
                queue, key);
    }

    private sealed record KeyHead(string Key, long Turn, int Room, int Priority);

    private sealed record Candidate(string Id, int Priority, int Nth, KeyHead Head);
}
