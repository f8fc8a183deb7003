using Elt.Pipelines.Integrations;

namespace Elt.Pipelines.Warehouse;

/// <summary>Rows of one integration in the tables of one dataset.</summary>
/// <param name="Dataset">Name of the dataset.</param>
/// <param name="OrganizationId">The tenant.</param>
/// <param name="ConnectedIntegrationId">The integration.</param>
/// <param name="Staging">Rows of <c>name_staging</c>.</param>
/// <param name="Cdc">Rows of <c>name_cdc</c>.</param>
/// <param name="Latest">Rows of <c>name_latest</c>.</param>
/// <param name="Destination">Rows of the destination's table <c>name</c>.</param>
public sealed record IntegrationCounts(
    string Dataset, string OrganizationId, string ConnectedIntegrationId, long Staging, long Cdc, long Latest, long Destination)
{
    internal bool IsEmpty => (Staging, Cdc, Latest, Destination) == (0, 0, 0, 0);

    internal IntegrationKey Key => new(OrganizationId, ConnectedIntegrationId);
}

/// <summary>Rows in all tables.</summary>
/// <param name="ConnectedIntegrations">Rows of <c>connected_integrations</c>.</param>
/// <param name="Integrations">
/// Rows by dataset and integration; also of integrations that are not connected any more. One that has no rows at all stands under each dataset.
/// </param>
public sealed record TableCounts(long ConnectedIntegrations, IReadOnlyList<IntegrationCounts> Integrations)
{
    /// <summary>Staging, changes and latest of a dataset for each integration in the warehouse, from one snapshot.</summary>
    internal static Dictionary<IntegrationKey, long[]> ReadWarehouse(WarehouseFile warehouse, Dataset dataset)
    {
        using var connection = warehouse.Database.OpenRead();
        using var command = connection.Command(new DatasetSql(dataset).CountRows);
        using var row = command.ExecuteReader();
        var counts = new Dictionary<IntegrationKey, long[]>();
        while (row.Read())
        {
            var key = new IntegrationKey(row.GetString(0), row.GetString(1));
            if (!counts.TryGetValue(key, out var tables))
                counts[key] = tables = [0, 0, 0];
            tables[row.GetInt32(2)] = row.GetInt64(3);
        }
        return counts;
    }
}
