using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Destinations;

/// <summary>All statements on the tables of a dataset in a SQLite destination. Parameters are named as in <see cref="DatasetSql"/>.</summary>
internal sealed class SqliteDestinationSql(Dataset dataset)
{
    private const string OfIntegration = "organization_id = $org and connected_integration_id = $integration";

    private readonly string _table = Dataset.Quote(dataset.Name);
    private readonly string _columns = dataset.Each("{0}");

    /// <summary>A table of the keys that a full load has brought.</summary>
    public const string CreateLoaded =
        "drop table if exists temp.loaded; create temp table loaded (external_id text primary key) without rowid";

    /// <summary>Adds a key.</summary>
    public const string InsertLoaded = "insert into temp.loaded (external_id) values ($external_id)";

    /// <summary>Drops the table of keys.</summary>
    public const string DropLoaded = "drop table temp.loaded";

    /// <summary>Counts the rows of an integration.</summary>
    public string Count => $"select count(*) from {_table} where {OfIntegration}";

    /// <summary>Counts the rows of all integrations.</summary>
    public string CountByIntegration =>
        $"select organization_id, connected_integration_id, count(*) from {_table} group by organization_id, connected_integration_id";

    /// <summary>Inserts or updates one row; a row that does not differ is not written.</summary>
    public string Upsert =>
        $"""
        insert into {_table} as u (organization_id, connected_integration_id, external_id, id, {_columns}, last_seq, updated_at)
        values ($org, $integration, $external_id, $id, {string.Join(", ", dataset.Columns.Select((_, i) => $"$value{i}"))}, $seq, $now)
        on conflict (organization_id, connected_integration_id, external_id) do update
          set id = excluded.id, {dataset.Each("{0} = excluded.{0}")}, last_seq = excluded.last_seq, updated_at = excluded.updated_at
          where u.id is not excluded.id or {dataset.Each("u.{0} is not excluded.{0}", " or ")}
        """;

    /// <summary>Deletes one row.</summary>
    public string Delete => $"delete from {_table} where {OfIntegration} and external_id = $external_id";

    /// <summary>Counts the rows that a full load did not bring.</summary>
    public string CountSurplus => $"select count(*) {FromSurplus}";

    /// <summary>Deletes the rows that a full load did not bring.</summary>
    public string DeleteSurplus => $"delete {FromSurplus}";

    private string FromSurplus => $"from {_table} where {OfIntegration} and external_id not in (select external_id from temp.loaded)";
}
