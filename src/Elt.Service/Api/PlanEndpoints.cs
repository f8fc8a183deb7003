using Elt.Pipelines.Plans;
using Elt.Pipelines.Warehouse;

namespace Elt.Service.Api;

/// <summary>Shows the newest plan of an integration; the workflow <c>plan-pipeline</c> makes it.</summary>
internal static class PlanEndpoints
{
    public static void MapPlans(this IEndpointRouteBuilder routes) => routes.MapGet(ApiPath.Plan, Show);

    private static PlanView Show(WarehouseFile warehouse, string organization = "", string integration = "")
    {
        var key = ReviewRequests.Integration(organization, integration);
        var plan = PipelinePlan.Get(warehouse, key);
        return new PlanView
        {
            OrganizationId = key.OrganizationId,
            ConnectedIntegrationId = key.ConnectedIntegrationId,
            RunId = plan.RunId,
            CompletedAt = plan.CompletedAt,
            Staged = plan.Summary.Staged,
            Inserts = plan.Summary.Inserts,
            Updates = plan.Summary.Updates,
            Deletes = plan.Summary.Deletes,
            DeletesHeld = plan.Summary.DeletesHeld,
            DeletesUnconfirmed = plan.Summary.DeletesUnconfirmed,
            Quarantined = plan.Summary.Quarantined,
            HoldReason = plan.Summary.HoldReason,
            AppliedMeanwhile = plan.Summary.AppliedMeanwhile,
            Changes = [.. plan.Changes.Select(change => new PlannedChangeView(change.Type, change.ExternalId, change.ChangedFields))],
        };
    }
}
