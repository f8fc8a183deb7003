using System.Text.Json;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Sources.Manifests;

namespace Elt.Service.Api;

/// <summary>Lists, adds and replaces connected integrations.</summary>
internal static class IntegrationEndpoints
{
    public static void MapIntegrations(this IEndpointRouteBuilder routes)
    {
        routes.MapGet(ApiPath.Integrations, ListAsync);
        routes.MapPost(ApiPath.Integrations, UpsertAsync);
    }

    private static async Task<IntegrationList> ListAsync(IIntegrationStore store, ConnectorLibrary connectors, CancellationToken ct) =>
        new([.. (await store.ListAsync(ct)).Select(integration => View(integration, connectors))]);

    private static async Task<IntegrationView> UpsertAsync(
        RequestBody<IntegrationView> body, IIntegrationStore store, ConnectorLibrary connectors, CancellationToken ct)
    {
        var integration = Read(body.Value, connectors);
        await store.UpsertAsync(integration, ct);
        var stored = await store.FindAsync(integration.Key, ct) ?? integration;
        if (body.Value.State is not null && stored.State != integration.State)
        {
            await store.SetStateAsync(integration.Key, integration.State, null, ct: ct);
            stored = stored with { State = integration.State, StateReason = null };
        }
        return View(stored, connectors);
    }

    private static ConnectedIntegration Read(IntegrationView view, ConnectorLibrary connectors)
    {
        try
        {
            var integration = new ConnectedIntegration(view.Id, view.OrganizationId, view.Provider, ProviderData.Parse(view.ProviderData.GetRawText()))
            {
                State = view.State is { } state ? IntegrationStates.Parse(state) : IntegrationState.Active,
            };
            connectors.EnsureUsable(integration);
            return integration;
        }
        catch (Exception e) when (e is FormatException or ArgumentException or SourceException)
        {
            throw ProblemException.BadRequest(e.Message);
        }
    }

    private static IntegrationView View(ConnectedIntegration integration, ConnectorLibrary connectors) => new()
    {
        Id = integration.Id,
        OrganizationId = integration.OrganizationId,
        Provider = integration.Provider,
        ProviderData = JsonElement.Parse(integration.ProviderData.ToJson()),
        State = integration.State.Name(),
        StateReason = integration.StateReason,
        Dataset = connectors.FindDataset(integration),
    };
}
