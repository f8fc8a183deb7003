using Elt.Pipelines;
using Elt.Pipelines.Warehouse;

namespace Elt.Service.Api;

/// <summary>Lists the datasets, and counts the rows of all tables, by integration.</summary>
internal static class TableEndpoints
{
    private static readonly (string Format, Func<IntegrationCounts, long> Rows)[] Tables =
    [
        ("{0}_staging", counts => counts.Staging),
        ("{0}_cdc", counts => counts.Cdc),
        ("{0}_latest", counts => counts.Latest),
        ("destination.{0}", counts => counts.Destination),
    ];

    public static void MapTables(this IEndpointRouteBuilder routes)
    {
        routes.MapGet(ApiPath.Tables, CountAsync);
        routes.MapGet(ApiPath.Datasets, (PipelineDatabases databases) => new DatasetList(
            [.. databases.Datasets.Select(dataset => new DatasetView(
                dataset.Name, dataset.Key, [.. dataset.Columns.Select(column => new DatasetColumnView(column.Name, column.Type))]))]));
    }

    private static async Task<TableList> CountAsync(PipelineDatabases databases, CancellationToken ct)
    {
        var counts = await databases.CountTablesAsync(ct);
        return new TableList(
        [
            new TableView("connected_integrations", null, null, counts.ConnectedIntegrations),
            .. counts.Integrations.GroupBy(integration => integration.Dataset).SelectMany(dataset => Tables.SelectMany(table => dataset.Select(
                integration => new TableView(
                    table.Format.Replace("{0}", dataset.Key, StringComparison.Ordinal),
                    integration.OrganizationId, integration.ConnectedIntegrationId, table.Rows(integration))))),
        ]);
    }
}
