using System.Globalization;
using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Destinations;

/// <summary>
/// All statements on the tables of a dataset in a SQLite destination. What a sync brings stands in <c>temp.incoming</c>, what it changes in
/// <c>temp.changed</c>; tables, history and outbox are written from there. Parameters are named as in <see cref="DatasetSql"/>.
/// </summary>
internal sealed class SqliteDestinationSql(Dataset dataset, DestinationOptions options)
{
    private const string OfIntegration = "organization_id = $org and connected_integration_id = $integration";

    private readonly string _table = Dataset.Quote(dataset.Name);
    private readonly string _columns = dataset.Each("{0}");

    /// <summary>The last number given out in the outbox, for a stream whose row is lost.</summary>
    public string LastChangeId => $"select coalesce(max(change_id), 0) from {Changes} where {OfIntegration}";

    /// <summary>Makes the tables of the sync.</summary>
    public string CreateIncoming =>
        $"""
        {DropIncoming};
        create temp table incoming (external_id text primary key, id text not null, deleted integer not null,
          {dataset.Each(column => $"{Dataset.Quote(column.Name)} {column.SqliteType}")}) without rowid;
        create temp table changed (external_id text primary key, change_type text not null, before text, after text) without rowid
        """;

    /// <summary>Drops them.</summary>
    public static string DropIncoming => "drop table if exists temp.incoming; drop table if exists temp.changed";

    /// <summary>Takes one change; <c>$value0</c>… are the columns.</summary>
    public string InsertIncoming =>
        $"insert into temp.incoming values ($external_id, $id, $deleted, {string.Join(", ", dataset.Columns.Select((_, i) => $"$value{i}"))})";

    /// <summary>Counts the rows of an integration whose records are there.</summary>
    public string Count => $"select count(*) from {_table} where {OfIntegration} and deleted_at is null";

    /// <summary>Counts the rows of all integrations whose records are there.</summary>
    public string CountByIntegration =>
        $"""
        select organization_id, connected_integration_id, count(*) from {_table} where deleted_at is null
        group by organization_id, connected_integration_id
        """;

    /// <summary>Finds what is to be changed; rows that do not differ are not.</summary>
    public string FindChanged =>
        $"""
        insert into temp.changed (external_id, change_type, before, after)
        select c.external_id,
          case when u.external_id is null then 'INSERT' when c.deleted then 'DELETE' when u.deleted_at is not null then 'RESTORE' else 'UPDATE' end,
          case when c.deleted then {All("u")} when u.external_id is not null then {Differing("u")} end,
          case when c.deleted then null when u.external_id is not null then {Differing("c")} else {All("c")} end
        from temp.incoming c
        left join {_table} u on u.organization_id = $org and u.connected_integration_id = $integration and u.external_id = c.external_id
        where case when u.external_id is null or u.deleted_at is not null then not c.deleted
          else c.deleted or u.id is not c.id or {dataset.Each("u.{0} is not c.{0}", " or ")} end
        """;

    /// <summary>Counts the rows that a full load did not bring.</summary>
    public string CountSurplus => $"select count(*) {FromSurplus}";

    /// <summary>Finds them.</summary>
    public string FindSurplus => $"insert into temp.changed (external_id, change_type, before) select u.external_id, 'DELETE', {All("u")} {FromSurplus}";

    /// <summary>Deletes the rows whose records are gone.</summary>
    public string Remove =>
        $"""
        {(options.DeleteMode == DeleteMode.Hard ? $"delete from {_table}" : $"update {_table} set deleted_at = $now, last_seq = $seq, updated_at = $now")}
        where {OfIntegration} and external_id in (select external_id from temp.changed where change_type = 'DELETE')
        """;

    /// <summary>Writes the other rows.</summary>
    public string Upsert =>
        $"""
        insert into {_table} (organization_id, connected_integration_id, external_id, id, {_columns}, last_seq, updated_at)
        select $org, $integration, c.external_id, c.id, {dataset.Each("c.{0}")}, $seq, $now
        from temp.changed x cross join temp.incoming c on c.external_id = x.external_id
        where x.change_type <> 'DELETE'
        on conflict (organization_id, connected_integration_id, external_id) do update
          set id = excluded.id, {dataset.Each("{0} = excluded.{0}")}, deleted_at = null, last_seq = excluded.last_seq, updated_at = excluded.updated_at
        """;

    /// <summary>Tells of the changes in the outbox.</summary>
    public string Tell =>
        $"""
        insert into {Changes} (organization_id, connected_integration_id, change_id, run_id, external_id, change_type, before, after, occurred_at)
        select $org, $integration, $last_change + row_number() over (order by external_id), $run, external_id, change_type, before, after, $now
        from temp.changed
        """;

    /// <summary>Closes the current versions that are not in step with their rows.</summary>
    /// <param name="everything">All rows of the integration, instead of those that the sync changes.</param>
    public string CloseVersions(bool everything) =>
        $"""
        update {History} as h set valid_to = max($now, h.valid_from), is_current = 0
        where {OfScope("h", everything)} and h.is_current = 1 and not exists (
          select 1 from {_table} u
          where u.organization_id = $org and u.connected_integration_id = $integration and u.external_id = h.external_id and u.deleted_at is null
            and u.id is h.id and {dataset.Each("u.{0} is h.{0}", " and ")})
        """;

    /// <summary>Opens a version for each row that has no current one.</summary>
    /// <param name="everything">All rows of the integration, instead of those that the sync changes.</param>
    public string OpenVersions(bool everything) =>
        $"""
        insert into {History} (organization_id, connected_integration_id, external_id, version, id, {_columns}, valid_from, run_id)
        select u.organization_id, u.connected_integration_id, u.external_id, coalesce(h.version, 0) + 1, u.id, {dataset.Each("u.{0}")},
          max($now, coalesce(h.valid_to, $now)), $run
        from {_table} u
        left join {History} h
          on h.organization_id = $org and h.connected_integration_id = $integration and h.external_id = u.external_id
          and h.version = (
            select max(v.version) from {History} v
            where v.organization_id = $org and v.connected_integration_id = $integration and v.external_id = u.external_id)
        where {OfScope("u", everything)} and u.deleted_at is null and h.is_current is not 1
        """;

    private string Changes => Dataset.Quote(dataset.Name + "_changes");

    private string History => Dataset.Quote(dataset.Name + "_history");

    private string FromSurplus =>
        $"from {_table} u where {OfIntegration} and u.deleted_at is null and u.external_id not in (select external_id from temp.incoming)";

    private static string OfScope(string alias, bool everything) =>
        $"{alias}.organization_id = $org and {alias}.connected_integration_id = $integration"
        + (everything ? "" : $" and {alias}.external_id in (select external_id from temp.changed)");

    private string All(string alias) => Json(alias, "{0}");

    private string Differing(string alias) => Json(alias, "case when u.{1} is not c.{1} then {0} else '' end");

    // {0} a member and a comma, {1} its column.
    private string Json(string alias, string format)
    {
        var members = dataset.Columns.Select(column =>
        {
            var value = $"{alias}.{Dataset.Quote(column.Name)}";
            var json = column.Kind switch
            {
                ColumnKind.Text or ColumnKind.Timestamp => $"json_quote({value})",
                ColumnKind.Boolean => $"case {value} when 1 then 'true' when 0 then 'false' else 'null' end",
                _ => $"coalesce({value}, 'null')",
            };
            return string.Format(CultureInfo.InvariantCulture, format, $"'\"{column.Name}\":' || {json} || ','", Dataset.Quote(column.Name));
        });
        return $"'{{' || rtrim({string.Join(" || ", members)}, ',') || '}}'";
    }
}
