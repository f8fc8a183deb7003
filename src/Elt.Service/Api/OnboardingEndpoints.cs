using System.Text.Json;
using Elt.Durable;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Onboarding;

namespace Elt.Service.Api;

/// <summary>
/// Starts onboardings and backfills, as the workflows <c>onboard-organization</c> and <c>backfill</c>, after a look whether there is what they are for.
/// </summary>
internal static class OnboardingEndpoints
{
    public static void MapOnboarding(this IEndpointRouteBuilder routes)
    {
        routes.MapPost(ApiPath.Onboardings, OnboardAsync);
        routes.MapPost(ApiPath.Backfills, BackfillAsync);
    }

    private static async Task<IResult> OnboardAsync(RequestBody<OnboardRequest> body, IIntegrationStore store, WorkflowClient client, CancellationToken ct)
    {
        var request = body.Value;
        var known = (await store.ListStatesAsync(ct)).Select(one => one.Key).Where(key => key.OrganizationId == request.OrganizationId).ToList();
        if (known.Count == 0)
            throw new ProblemException(StatusCodes.Status404NotFound, "unknown-integration", new NothingConnectedException(request.OrganizationId).Message);
        foreach (var id in request.Integrations ?? [])
        {
            var key = ReviewRequests.Integration(request.OrganizationId, id);
            if (!known.Contains(key))
                throw new IntegrationNotFoundException(key);
        }
        var input = JsonSerializer.SerializeToElement(new { organizationId = request.OrganizationId, integrations = request.Integrations });
        return await WorkflowEndpoints.AttachAsync(client, "onboard-organization", input, request.Id, new StartOptions(), ct);
    }

    private static async Task<IResult> BackfillAsync(RequestBody<BackfillRequest> body, IIntegrationStore store, WorkflowClient client, CancellationToken ct)
    {
        var request = body.Value;
        var key = ReviewRequests.Integration(request.OrganizationId, request.ConnectedIntegrationId);
        if (await store.FindAsync(key, ct) is null)
            throw new IntegrationNotFoundException(key);
        var input = JsonSerializer.SerializeToElement(new
        {
            organizationId = key.OrganizationId,
            connectedIntegrationId = key.ConnectedIntegrationId,
            from = request.From,
            to = request.To,
            requestsPerMinute = request.RequestsPerMinute,
        });
        return await WorkflowEndpoints.AttachAsync(client, "backfill", input, request.Id, new StartOptions(), ct);
    }
}
