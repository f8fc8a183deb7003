namespace Elt.Pipelines.Warehouse;

/// <summary>
/// All statements on the warehouse tables of a dataset. Parameters: <c>$org</c>, <c>$integration</c>, <c>$run</c> (workflow id),
/// <c>$now</c>. Every statement names the tenant first, as the keys do.
/// </summary>
internal sealed class DatasetSql(Dataset dataset)
{
    private const string OfRun = "organization_id = $org and connected_integration_id = $integration and workflow_id = $run";
    private const string OfIntegration = "organization_id = $org and connected_integration_id = $integration";

    private readonly string _staging = Dataset.Quote(dataset.Name + "_staging");
    private readonly string _cdc = Dataset.Quote(dataset.Name + "_cdc");
    private readonly string _missing = Dataset.Quote(dataset.Name + "_missing");
    private readonly string _tombstones = Dataset.Quote(dataset.Name + "_tombstones");
    private readonly string _latest = Dataset.Quote(dataset.Name + "_latest");
    private readonly string _columns = dataset.Each("{0}");

    /// <summary>Whether a record of latest is missing only when the run has seen it as gone, because what it has not seen proves nothing. Default no.</summary>
    public bool OnlySeenAsGone { get; init; }

    /// <summary>When the record was changed that a run has staged and that was changed last; NULL when none says.</summary>
    public string LastChanged => $"select max(updated_at) from {_staging} where {OfRun}";

    /// <summary>Stages one row; <c>$value0</c>… are the columns.</summary>
    public string InsertStaged =>
        $"""
        insert into {_staging} (organization_id, connected_integration_id, workflow_id, page, ordinal, id, external_id, state, updated_at, {_columns}, created_at)
        values ($org, $integration, $run, $page, $ordinal, $id, $external_id, $state, $updated_at, {string.Join(", ", dataset.Columns.Select((_, i) => $"$value{i}"))}, $now)
        """;

    /// <summary>Counts the rows of a run with different keys.</summary>
    public string CountStagedKeys => $"select count(distinct external_id) from {_staging} where {OfRun}";

    /// <summary>Deletes what a run has staged.</summary>
    public string DeleteStaged => $"delete from {_staging} where {OfRun}";

    /// <summary>A table of the keys that a run has seen, each with the page and row that count, how often it came, and what became of the record.</summary>
    public const string CreateSeen =
        """
        drop table if exists temp.seen;
        create temp table seen (
          external_id text primary key, page integer not null, ordinal integer not null, state text not null, rows integer not null) without rowid
        """;

    /// <summary>Drops the table of keys.</summary>
    public const string DropSeen = "drop table temp.seen";

    /// <summary>Fills the table of keys. One pass in key order of staging; the last row of a key wins.</summary>
    public string FillSeen =>
        $"""
        insert into temp.seen (external_id, page, ordinal, state, rows)
        select external_id, page, ordinal, state, 1 from {_staging} where {OfRun} order by page, ordinal
        on conflict (external_id) do update set page = excluded.page, ordinal = excluded.ordinal, state = excluded.state, rows = seen.rows + 1
        """;

    /// <summary>Counts the keys that came more than once.</summary>
    public const string CountRepeated = "select count(*) from temp.seen where rows > 1";

    /// <summary>Picks the row that counts for each key that came more than once: the one that was changed last, where all say so, else the last.</summary>
    public string PickAmongRepeated =>
        $"""
        update temp.seen set page = picked.page, ordinal = picked.ordinal, state = picked.state
        from (
          select external_id, page, ordinal, state,
            row_number() over (partition by external_id order by case when dated = rows then updated_at end desc, page desc, ordinal desc) as place
          from (
            select s.external_id, s.page, s.ordinal, s.state, s.updated_at, k.rows, count(s.updated_at) over (partition by s.external_id) as dated
            {FromRepeated})) picked
        where picked.place = 1 and picked.external_id = seen.external_id
        """;

    /// <summary>Counts the keys whose rows differ.</summary>
    public string CountDuplicates =>
        $"""
        select count(distinct s.external_id)
        {FromRepeated}
        cross join {_staging} p
          on p.organization_id = $org and p.connected_integration_id = $integration and p.workflow_id = $run and p.page = k.page and p.ordinal = k.ordinal
        where s.state <> p.state or {dataset.Each(column => Differs(column, "s", "p"), " or ")}
        """;

    /// <summary>Counts the pages of a run that begin with a lower key than the page before: none where keys come in their order.</summary>
    public string CountFallingKeys =>
        $"""
        select count(*) from (
          select s.external_id < lag(s.external_id) over (order by s.page) as falls
          from extract_pages p
          cross join {_staging} s
            on s.organization_id = $org and s.connected_integration_id = $integration and s.workflow_id = $run and s.page = p.page and s.ordinal = 0
          where p.organization_id = $org and p.connected_integration_id = $integration and p.workflow_id = $run)
        where falls
        """;

    /// <summary>Detects inserts and updates, in the order of the keys, whatever that of the pages is: keys, then their staged row, then latest.</summary>
    public string InsertChanges => InsertChangesOf(
        $"""
        temp.seen k
        cross join {_staging} s
          on s.organization_id = $org and s.connected_integration_id = $integration and s.workflow_id = $run and s.page = k.page and s.ordinal = k.ordinal
        """,
        "k.state = 'present'");

    /// <summary>Detects the same of a run of which each staged row counts and keys come in their order: one search less for each row.</summary>
    public string InsertChangesAsStaged => InsertChangesOf(
        $"{_staging} s", "s.organization_id = $org and s.connected_integration_id = $integration and s.workflow_id = $run and s.state = 'present'");

    /// <summary>Counts the seen keys.</summary>
    public const string CountSeen = "select count(*) from temp.seen";

    /// <summary>Counts the seen keys of records that are not present, by what became of them. Columns: state, keys.</summary>
    public const string CountOthers = "select state, count(*) from temp.seen where state <> 'present' group by state";

    /// <summary>
    /// Takes from the table of keys what a backfill leaves alone: records that are gone, those that are not proven to be as new as the row that latest has, and those that
    /// were deleted since they were changed.
    /// </summary>
    public string LeaveAlone =>
        $"""
        delete from temp.seen where external_id in (
          select k.external_id
          from temp.seen k
          cross join {_staging} s
            on s.organization_id = $org and s.connected_integration_id = $integration and s.workflow_id = $run and s.page = k.page and s.ordinal = k.ordinal
          left join {_latest} l
            on l.organization_id = $org and l.connected_integration_id = $integration and l.external_id = k.external_id
          left join {_tombstones} t
            on t.organization_id = $org and t.connected_integration_id = $integration and t.id = s.id
          where k.state not in ('present', 'quarantined')
            or (l.external_id is not null and (s.updated_at >= l.updated_at) is not true)
            or (l.external_id is null and t.id is not null and (s.updated_at > t.deleted_at) is not true))
        """;

    /// <summary>Counts the records of latest that the run has not seen, or seen as gone.</summary>
    public string CountMissing => $"select count(*) {FromMissing}";

    /// <summary>Counts the records of <see cref="CountMissing"/> that are not among those of the hold <c>$hold</c>.</summary>
    public string CountMissingOutsideHold =>
        $"""
        select count(*) {FromMissing}
          and not exists (
            select 1 from delete_hold_records h
            where h.organization_id = $org and h.connected_integration_id = $integration and h.hold = $hold and h.external_id = l.external_id)
        """;

    /// <summary>The records of <see cref="CountMissing"/> that are among those of the hold <c>h</c>, and that the run does not delete.</summary>
    public string SelectUndeletedOfHold =>
        $"""
        select 1 {FromMissing}
          and exists (
            select 1 from delete_hold_records r
            where r.organization_id = $org and r.connected_integration_id = $integration and r.hold = h.hold and r.external_id = l.external_id)
          and not exists (
            select 1 from {_cdc} c
            where c.organization_id = $org and c.connected_integration_id = $integration and c.workflow_id = $run and c.external_id = l.external_id)
        """;

    /// <summary>Keeps the keys of the records of <see cref="CountMissing"/> as those of the hold <c>$hold</c>.</summary>
    public string InsertHeldRecords =>
        $"""
        insert into delete_hold_records (organization_id, connected_integration_id, hold, external_id)
        select $org, $integration, $hold, l.external_id {FromMissing}
        """;

    /// <summary>Forgets which records were missing so far, of those that this run has seen and those that are deleted.</summary>
    public string ForgetMissing =>
        $"""
        delete from {_missing}
        where {OfIntegration} and (
          external_id in (select external_id from temp.seen)
          or external_id not in (select external_id from {_latest} where {OfIntegration}))
        """;

    /// <summary>Remembers which records of latest this run, numbered <c>$seq</c>, has not seen; once per run.</summary>
    public string RememberMissing =>
        $"""
        insert into {_missing} (organization_id, connected_integration_id, external_id, runs, last_seq)
        select $org, $integration, l.external_id, 1, $seq from {_latest} l
        where l.organization_id = $org and l.connected_integration_id = $integration
          and not exists (select 1 from temp.seen k where k.external_id = l.external_id)
        on conflict (organization_id, connected_integration_id, external_id) do update
          set runs = runs + (last_seq < excluded.last_seq), last_seq = excluded.last_seq
        """;

    /// <summary>
    /// Detects deletes, with the values that the records had: those of latest that the run has seen as gone; of those that it has not seen all when
    /// <c>$proven</c>, else the ones that the run before has missed too, or that the source does not have when it is asked for them.
    /// </summary>
    public string InsertDeletes =>
        $"""
        insert into {_cdc} (organization_id, connected_integration_id, workflow_id, external_id, id, {_columns}, change_type, detected_at)
        select l.organization_id, l.connected_integration_id, $run, l.external_id, l.id, {dataset.Each("l.{0}")}, 'DELETE', $now
        {FromMissing}
          and ($proven
            or exists (select 1 from temp.seen k where k.external_id = l.external_id)
            or exists (
              select 1 from {_missing} m
              where m.organization_id = $org and m.connected_integration_id = $integration and m.external_id = l.external_id and m.runs > 1)
            or l.external_id in (select external_id from record_confirmations where {OfRun} and answer = 'gone'))
        """;

    /// <summary>Chooses <c>$max</c> records to ask the source for, of those that the run has not seen: the ones first that have been missing longest.</summary>
    public string ChooseMissing =>
        $"""
        insert into record_confirmations (organization_id, connected_integration_id, workflow_id, place, external_id)
        select $org, $integration, $run, row_number() over (order by runs desc, external_id), external_id
        from (
          select l.external_id, (
            select m.runs from {_missing} m
            where m.organization_id = $org and m.connected_integration_id = $integration and m.external_id = l.external_id) as runs
          {FromMissing} and not exists (select 1 from temp.seen k where k.external_id = l.external_id)
          order by runs desc, l.external_id limit $max)
        """;

    /// <summary>Chooses, as the first, one that the run has seen.</summary>
    public const string ChooseSeen =
        """
        insert into record_confirmations (organization_id, connected_integration_id, workflow_id, place, external_id)
        select $org, $integration, $run, 0, external_id from temp.seen where state = 'present' order by external_id limit 1
        """;

    /// <summary>Lets the records count as seen that the source has when it is asked for them; they stay as they are.</summary>
    public const string SeeConfirmed =
        $"""
        insert into temp.seen (external_id, page, ordinal, state, rows)
        select external_id, 0, 0, 'confirmed', 0 from record_confirmations where {OfRun} and answer = 'there'
        on conflict (external_id) do nothing
        """;

    /// <summary>Takes back what was detected for a run.</summary>
    public string DeleteChanges => $"delete from {_cdc} where {OfRun}";

    /// <summary>Counts a run's changes by type. Columns: type, changes, those of them that bring a record back.</summary>
    public string CountChanges => $"select change_type, count(*), sum(resurrected) from {_cdc} where {OfRun} group by change_type";

    /// <summary>The first <c>$limit</c> changes of each type that a run has detected, and of the deletes that it holds. Columns: type, external_id, changed_fields.</summary>
    public string SampleChanges =>
        $"""
        select change_type, external_id, changed_fields
        from (
          select change_type, external_id, changed_fields, row_number() over (partition by change_type order by external_id) as place
          from {_cdc} where {OfRun})
        where place <= $limit
        union all
        select 'HELD', external_id, null
        from (
          select r.external_id from delete_holds h join delete_hold_records r using (organization_id, connected_integration_id, hold)
          where {OfRun} and h.state = 'open' order by r.external_id limit $limit)
        """;

    /// <summary>Counts the records of latest.</summary>
    public string CountLatest => $"select count(*) from {_latest} where {OfIntegration}";

    /// <summary>Applies a run's inserts and updates to latest.</summary>
    public string ApplyUpserts =>
        $"""
        insert into {_latest} (organization_id, connected_integration_id, external_id, id, {_columns}, updated_at, last_updated)
        select organization_id, connected_integration_id, external_id, id, {_columns}, updated_at, $now
        from {_cdc} where {OfRun} and change_type <> 'DELETE'
        on conflict (organization_id, connected_integration_id, external_id) do update
          set {dataset.Each("{0} = excluded.{0}")}, updated_at = excluded.updated_at, last_updated = excluded.last_updated
        """;

    /// <summary>
    /// Follows, in latest, when the records were changed that came with the values that latest has. It inserts nothing: each row meets the one that it comes from.
    /// </summary>
    public string FollowUpdatedAt =>
        $"""
        insert into {_latest} (organization_id, connected_integration_id, external_id, id, last_updated, updated_at)
        select $org, $integration, l.external_id, l.id, l.last_updated, s.updated_at
        from {_staging} s
        cross join {_latest} l
          on l.organization_id = $org and l.connected_integration_id = $integration and l.external_id = s.external_id
        where s.organization_id = $org and s.connected_integration_id = $integration and s.workflow_id = $run
          and s.state = 'present' and s.updated_at > coalesce(l.updated_at, '')
        on conflict (organization_id, connected_integration_id, external_id) do update
          set updated_at = excluded.updated_at where updated_at is null or updated_at < excluded.updated_at
        """;

    /// <summary>Applies a run's deletes to latest.</summary>
    public string ApplyDeletes =>
        $"""
        delete from {_latest}
        where {OfIntegration} and external_id in (select external_id from {_cdc} where {OfRun} and change_type = 'DELETE')
        """;

    /// <summary>Forgets that the records were deleted that a run has brought back: only those had a tombstone when the run was compared, and nobody else has written since.</summary>
    public string ForgetTombstones =>
        $"delete from {_tombstones} where {OfIntegration} and id in (select id from {_cdc} where {OfRun} and change_type = 'INSERT' and resurrected = 1)";

    /// <summary>Remembers, by their ids alone, the records that a run has deleted.</summary>
    public string RememberTombstones =>
        $"""
        insert into {_tombstones} (organization_id, connected_integration_id, id, deleted_at)
        select organization_id, connected_integration_id, id, $now from {_cdc} where {OfRun} and change_type = 'DELETE'
        on conflict (organization_id, connected_integration_id, id) do nothing
        """;

    /// <summary>
    /// What changed for each key in the applied runs after <c>$after</c> up to <c>$upto</c>: the last change counts.
    /// Columns: external_id, id, deleted, then the dataset's.
    /// </summary>
    public string ReadChanges =>
        $"""
        select external_id, id, deleted, {_columns}
        from (
          select c.external_id, c.id, c.change_type = 'DELETE' as deleted, {dataset.Each("c.{0}")},
            row_number() over (partition by c.external_id order by r.run_seq desc) as "runs ago"
          from pipeline_runs r
          cross join {_cdc} c
            on c.organization_id = $org and c.connected_integration_id = $integration and c.workflow_id = r.workflow_id
          where r.organization_id = $org and r.connected_integration_id = $integration
            and r.run_seq > $after and r.run_seq <= $upto and r.state = 'applied')
        where "runs ago" = 1
        """;

    /// <summary>All records of latest, in the columns of <see cref="ReadChanges"/>.</summary>
    public string ReadLatest => $"select external_id, id, 0, {_columns} from {_latest} where {OfIntegration}";

    /// <summary>Rows per integration of the three tables. Columns: organization, integration, which table, rows.</summary>
    public string CountRows => string.Join(" union all ", new[] { _staging, _cdc, _latest }.Select((table, i) =>
        $"select organization_id, connected_integration_id, {i}, count(*) from {table} group by organization_id, connected_integration_id"));

    private string FromRepeated =>
        $"""
        from {_staging} s
        cross join temp.seen k on s.organization_id = $org and s.connected_integration_id = $integration and s.workflow_id = $run
          and k.external_id = s.external_id and k.rows > 1
        """;

    private string FromMissing => OnlySeenAsGone
        ? $"""
        from temp.seen g
        cross join {_latest} l
          on l.organization_id = $org and l.connected_integration_id = $integration and l.external_id = g.external_id
        where g.state not in ('present', 'quarantined')
        """
        : $"""
        from {_latest} l
        where l.organization_id = $org and l.connected_integration_id = $integration
          and not exists (select 1 from temp.seen k where k.external_id = l.external_id and k.state in ('present', 'quarantined', 'confirmed'))
        """;

    // IS NOT compares null-safely, same_text as SqliteText does.
    private string InsertChangesOf(string rows, string condition) =>
        $"""
        insert into {_cdc} (organization_id, connected_integration_id, workflow_id, external_id, id, {_columns}, updated_at, change_type, changed_fields, resurrected, detected_at)
        select s.organization_id, s.connected_integration_id, s.workflow_id, s.external_id, s.id, {dataset.Each("s.{0}")}, s.updated_at,
          case when l.external_id is null then 'INSERT' else 'UPDATE' end,
          case when l.external_id is not null then rtrim({ChangedFields()}, ',') end,
          l.external_id is null and exists (
            select 1 from {_tombstones} t where t.organization_id = $org and t.connected_integration_id = $integration and t.id = s.id),
          $now
        from {rows}
        left join {_latest} l
          on l.organization_id = $org and l.connected_integration_id = $integration and l.external_id = s.external_id
        where {condition} and (l.external_id is null or {dataset.Each(column => Differs(column, "s", "l"), " or ")})
        """;

    private string ChangedFields() => dataset.Each(column => $"case when {Differs(column, "s", "l")} then '{column.Name},' else '' end", " || ");

    // Bytes first: only texts that differ in them, which are few, are worth a call.
    private static string Differs(DatasetColumn column, string left, string right)
    {
        (left, right) = ($"{left}.{Dataset.Quote(column.Name)}", $"{right}.{Dataset.Quote(column.Name)}");
        return column.IsText ? $"({left} is not {right} and not same_text({left}, {right}))" : $"{left} is not {right}";
    }
}
