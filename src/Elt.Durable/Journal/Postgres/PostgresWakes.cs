using static Elt.Durable.Journal.Postgres.Columns;

namespace Elt.Durable.Journal.Postgres;

/// <summary>Wakes runs in the transaction that brings what they wait for.</summary>
internal static class PostgresWakes
{
    /// <summary>
    /// Parameter 2: the worker, or null. 3: runs that ended or set events, whose waiters are woken. 4: parents, once for each child that ended. 5: runs that got
    /// messages. A parent counts one wake-up for each child, as the worker that executes both counts them. The two booleans are what this process is to look at:
    /// parked runs, and executed ones apart from parents, which get their children's outcomes directly. The runs are looked up by arrays: a join alone was
    /// planned, while the table was empty, as a walk through all of it. The times come from a join: a subquery is asked anew, of nobody, for a row that
    /// changed meanwhile.
    /// </summary>
    public const string Wake =
        """
        with waiters as (delete from durable.event_waiters where run_id = any ($3) returning waiting_run as id),
        told as (
          select id, count(*) as times from (select id from waiters union all select unnest($4::text[]) union all select unnest($5::text[])) as t group by id),
        targets as (
          select id from durable.runs where id = any (array(select id from told)) and status in ('RUNNING', 'WAITING', 'ENQUEUED') order by id for no key update),
        woken as (
          update durable.runs r set wake_count = wake_count + t.times, due_at = case when r.status = 'WAITING' then coalesce($1, now()) else r.due_at end
          from told t where r.id = t.id and r.id = any (array(select id from targets)) returning r.id, r.status, r.owner)
        select case when bool_or(status = 'WAITING') then pg_notify('durable_work', 'due') end,
          case when bool_or(owner is distinct from $2 and owner is not null) then pg_notify('durable_work', 'woken') end,
          coalesce(bool_or(status = 'WAITING'), false),
          coalesce(bool_or(owner = $2 and (id = any ($5) or id in (select id from waiters))), false)
        from woken
        """;

    /// <summary>Adds to a commit that it wakes whom its ends, messages and events concern.</summary>
    public static void Add(Statements statements, List<EndWrite> ends, List<string> receivers, List<string> setters) => statements.Add(
        Wake,
        Text([.. ends.Select(w => w.Run.Id), .. setters], id => id),
        Text(ends.FindAll(w => w.ParentId is not null), w => w.ParentId),
        Text(receivers, id => id));

    public static JournalHint Hint(bool parkedAreDue, bool executedAreWoken) =>
        (parkedAreDue ? JournalHint.WorkIsDue : JournalHint.None) | (executedAreWoken ? JournalHint.RunsAreWoken : JournalHint.None);
}
