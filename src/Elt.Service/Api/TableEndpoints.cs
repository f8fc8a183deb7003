using Elt.Pipelines;
using Elt.Pipelines.Warehouse;

namespace Elt.Service.Api;

/// <summary>Counts the rows of all tables, by integration.</summary>
internal static class TableEndpoints
{
    private static readonly (string Table, Func<IntegrationCounts, long> Rows)[] Tables =
    [
        ("users_staging", counts => counts.UsersStaging),
        ("users_cdc", counts => counts.UsersCdc),
        ("users_latest", counts => counts.UsersLatest),
        ("destination.users", counts => counts.DestinationUsers),
    ];

    public static void MapTables(this IEndpointRouteBuilder routes) => routes.MapGet(ApiPath.Tables, CountAsync);

    private static async Task<TableList> CountAsync(PipelineDatabases databases, CancellationToken ct)
    {
        var counts = await databases.CountTablesAsync(ct);
        return new TableList(
        [
            new TableView("connected_integrations", null, null, counts.ConnectedIntegrations),
            .. Tables.SelectMany(table => counts.Integrations.Select(
                integration => new TableView(table.Table, integration.OrganizationId, integration.ConnectedIntegrationId, table.Rows(integration)))),
        ]);
    }
}
