using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Quality;

/// <summary>
/// The statements that judge a run's staged rows all at once. They work on the rows that count, which <c>temp.seen</c> names. A field is a column, or a JSON
/// Pointer into the attributes; the pointer's path is the parameter <c>$path</c>.
/// </summary>
internal sealed class QualitySql(Dataset dataset)
{
    /// <summary>From this place on failures are those of rules that need all rows.</summary>
    public const int FirstPlace = 100_000;

    private const string OfRun = "organization_id = $org and connected_integration_id = $integration and workflow_id = $run";

    private readonly string _staging = Dataset.Quote(dataset.Name + "_staging");
    private readonly string _latest = Dataset.Quote(dataset.Name + "_latest");

    /// <summary>A table for the values that a rule goes by.</summary>
    public const string CreateValues =
        """
        drop table if exists temp.quality_values;
        create temp table quality_values (value text primary key) without rowid
        """;

    /// <summary>Deletes what a run has noted beside its staged rows.</summary>
    public const string DeleteStaged = $"delete from quality_failures where {OfRun}; delete from staged_raw where {OfRun}";

    /// <summary>Notes that a row fails a rule.</summary>
    public const string InsertFailure =
        """
        insert into quality_failures (organization_id, connected_integration_id, workflow_id, page, ordinal, place, external_id, rule, field, kind, severity, action, message)
        values ($org, $integration, $run, $page, $ordinal, $place, $external_id, $rule, $field, $kind, $severity, $action, $message)
        """;

    /// <summary>The path of a pointer for SQLite's functions on JSON; parts hold no quotation marks.</summary>
    public static string Path(string pointer) => string.Concat(JsonPointer.Parts(pointer).Select(part => part.All(char.IsAsciiDigit) ? $"[{part}]" : $".\"{part}\"").Prepend("$"));

    /// <summary>Collects the values of a field that several rows have.</summary>
    public string CollectRepeated(string field) =>
        $"""
        insert into temp.quality_values (value)
        select v from (select {Value("s", field)} as v {FromRows}) where v is not null group by v having count(*) > 1
        """;

    /// <summary>Collects the values that references may name, of the run and of latest: keys, or those of a field.</summary>
    public string CollectTargets(string? field) =>
        $"""
        insert or ignore into temp.quality_values (value)
        select v from (
          select {(field is null ? "k.external_id" : Value("s", field))} as v {FromRows}
          union all
          select {(field is null ? "l.external_id" : Value("l", field))} from {_latest} l
          where l.organization_id = $org and l.connected_integration_id = $integration)
        where v is not null
        """;

    /// <summary>Notes the rows whose value of a field is, or is not, among those collected.</summary>
    public string InsertFailures(string field, bool among) =>
        $"""
        insert into quality_failures (organization_id, connected_integration_id, workflow_id, page, ordinal, place, external_id, rule, field, kind, severity, action, message)
        select $org, $integration, $run, page, ordinal, $place, external_id, $rule, $field, $kind, $severity, $action, $message
        from (select k.page, k.ordinal, k.external_id, {Value("s", field)} as v {FromRows})
        where v is not null and v {(among ? "in" : "not in")} (select value from temp.quality_values)
        """;

    /// <summary>Puts <c>$value</c> into a column of the rows that fail the rule at <c>$place</c>.</summary>
    public string ReplaceValues(string column) => $"update {_staging} as s set {Dataset.Quote(column)} = $value {FromFailing} and f.place = $place";

    /// <summary>Quarantines the rows that fail a rule that needs all rows and says so.</summary>
    public string MarkQuarantined => $"update {_staging} as s set state = 'quarantined' {FromFailing} and f.place >= {FirstPlace} and f.action in ('quarantine', 'fail_run')";

    /// <summary>Counts rows, and those of them that lack a field. Columns: rows, missing.</summary>
    public string CountMissingValues(string field) => $"select count(*), coalesce(sum({Value("s", field)} is null), 0) {FromRows}";

    /// <summary>When the row that was changed last was changed.</summary>
    public string NewestChange => $"select max(s.updated_at) {FromRows}";

    /// <summary>The number of records of the last run before <c>$seq</c> that read all of them and was applied.</summary>
    public const string RecordsBefore =
        """
        select q.records from pipeline_runs r
        join quality_runs q on q.organization_id = r.organization_id and q.connected_integration_id = r.connected_integration_id and q.run_seq = r.run_seq
        where r.organization_id = $org and r.connected_integration_id = $integration and r.run_seq < $seq and r.state = 'applied' and r.kind = 'run'
          and not exists (
            select 1 from run_readings c
            where c.organization_id = r.organization_id and c.connected_integration_id = r.connected_integration_id and c.workflow_id = r.workflow_id
              and c.mode = 'incremental')
        order by r.run_seq desc limit 1
        """;

    /// <summary>Records the rules that rows fail, with keys of the first five each.</summary>
    public const string InsertIssues =
        $"""
        insert into quality_issues (organization_id, connected_integration_id, workflow_id, rule, field, kind, severity, action, records, sample, message)
        select $org, $integration, $run, rule, field, kind, severity, action, count(*),
          json_group_array(external_id) filter (where number <= 5 and external_id is not null), min(message)
        from (
          select rule, coalesce(field, '') as field, kind, severity, action, external_id, message,
            row_number() over (partition by rule, field order by external_id is null, external_id) as number
          {FromCounted})
        group by rule, field
        """;

    /// <summary>
    /// Counts the records that fail rules. Columns: those not valid, those in quarantine; of those not valid the ones that are not complete, malformed, repeated.
    /// </summary>
    public const string CountFailing =
        $"""
        select coalesce(sum(invalid), 0), coalesce(sum(quarantined), 0), coalesce(sum(incomplete), 0), coalesce(sum(malformed), 0), coalesce(sum(repeated), 0)
        from (
          select max(lowers) as invalid, max(action in ('quarantine', 'fail_run')) as quarantined, max(lowers and kind in ('key', 'required')) as incomplete,
            max(lowers and kind not in ('key', 'required', 'unique')) as malformed, max(lowers and kind = 'unique') as repeated
          from (select *, severity in ('error', 'critical') as lowers {FromCounted})
          group by page, ordinal)
        """;

    /// <summary>What error and critical rules on the run as a whole have found. Columns: records that lack a value, whether the number is wrong, whether nothing has changed lately.</summary>
    public const string FailingRun =
        $"""
        select coalesce(max(records) filter (where kind = 'null_rate'), 0), coalesce(max(kind = 'row_count'), 0), coalesce(max(kind = 'freshness'), 0)
        from quality_issues where {OfRun} and severity in ('error', 'critical')
        """;

    // Of records with one key only the one that counts.
    private const string FromCounted =
        """
        from quality_failures f
        where f.organization_id = $org and f.connected_integration_id = $integration and f.workflow_id = $run
          and (f.external_id is null
            or exists (select 1 from temp.seen k where k.external_id = f.external_id and k.page = f.page and k.ordinal = f.ordinal))
        """;

    private string FromRows =>
        $"""
        from temp.seen k
        cross join {_staging} s
          on s.organization_id = $org and s.connected_integration_id = $integration and s.workflow_id = $run and s.page = k.page and s.ordinal = k.ordinal
        where k.state in ('present', 'quarantined')
        """;

    private static string FromFailing =>
        """
        from quality_failures f
        where f.organization_id = $org and f.connected_integration_id = $integration and f.workflow_id = $run
          and s.organization_id = $org and s.connected_integration_id = $integration and s.workflow_id = $run
          and s.page = f.page and s.ordinal = f.ordinal
        """;

    private string Value(string table, string field) => field.StartsWith('/')
        ? $"cast(json_extract({table}.{Dataset.Quote(dataset.Columns.First(column => column.Kind == ColumnKind.RemainingMembers).Name)}, $path) as text)"
        : $"{table}.{Dataset.Quote(field)}";
}
