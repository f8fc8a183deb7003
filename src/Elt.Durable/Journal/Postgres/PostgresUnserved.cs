namespace Elt.Durable.Journal.Postgres;

/// <summary>Finds the workflow versions that due runs wait for in vain.</summary>
internal static class PostgresUnserved
{
    /// <summary>Runs that no worker takes become those that are due longest: so only these are looked at, however many are due after them.</summary>
    private const string Find =
        """
        with due as (
          (select workflow, version, due_at from durable.runs
           where due_at <= coalesce($1, now()) and (queue is null or status = 'WAITING') order by due_at limit 1000)
          union all
          (select head.workflow, head.version, head.due_at from durable.queues q cross join lateral (
             select r.workflow, r.version, r.due_at from durable.runs r
             where r.queue = q.name and r.status = 'ENQUEUED' and r.due_at <= coalesce($1, now()) order by r.due_at limit 1000) head))
        select workflow, version, count(*), min(due_at) from due
        where not exists (
          select from durable.workers w
          where w.lease_until >= coalesce($1, now()) and not w.gone and (w.workflows is null or due.workflow || ' ' || due.version = any (w.workflows)))
        group by workflow, version order by workflow, version
        """;

    public static Task<IReadOnlyList<UnservedWorkflow>> FindAsync(PostgresStore store, CancellationToken ct) =>
        store.QueryAsync(Find, [], r => new UnservedWorkflow(r.GetString(0), r.GetInt32(1), r.GetInt64(2), r.Time(3)), ct);
}
