using Elt.Pipelines.Integrations;

namespace Elt.Pipelines.Warehouse;

/// <summary>Rows of one integration in each table.</summary>
public sealed record IntegrationCounts(
    string OrganizationId, string ConnectedIntegrationId, long UsersStaging, long UsersCdc, long UsersLatest, long DestinationUsers);

/// <summary>Rows in all tables.</summary>
/// <param name="ConnectedIntegrations">Rows of <c>connected_integrations</c>.</param>
/// <param name="Integrations">Rows by integration; also of integrations that are not connected any more.</param>
public sealed record TableCounts(long ConnectedIntegrations, IReadOnlyList<IntegrationCounts> Integrations)
{
    /// <summary>Rows of <c>users_staging</c>.</summary>
    public long UsersStaging => Integrations.Sum(i => i.UsersStaging);

    /// <summary>Rows of <c>users_cdc</c>.</summary>
    public long UsersCdc => Integrations.Sum(i => i.UsersCdc);

    /// <summary>Rows of <c>users_latest</c>.</summary>
    public long UsersLatest => Integrations.Sum(i => i.UsersLatest);

    /// <summary>Rows of the destination's <c>users</c>.</summary>
    public long DestinationUsers => Integrations.Sum(i => i.DestinationUsers);

    /// <summary>Staging, changes and latest of each integration in the warehouse, from one snapshot.</summary>
    internal static Dictionary<IntegrationKey, long[]> ReadWarehouse(WarehouseFile warehouse)
    {
        using var connection = warehouse.Database.OpenRead();
        using var command = connection.Command(new DatasetSql(Dataset.Users).CountRows);
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
