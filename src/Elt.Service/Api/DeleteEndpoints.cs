using Elt.Pipelines.Integrations;
using Elt.Pipelines.Reviews;

namespace Elt.Service.Api;

/// <summary>Lists held deletes and takes decisions on them.</summary>
internal static class DeleteEndpoints
{
    private static readonly string[] States = ["open", "approved", "rejected", "applied", "lapsed", "replaced", "resolved"];

    public static void MapDeletes(this IEndpointRouteBuilder routes)
    {
        routes.MapGet(ApiPath.Deletes, List);
        routes.MapPost($"{ApiPath.Deletes}/approve", (RequestBody<HoldDecisionRequest> body, DeleteReviews reviews, CancellationToken ct) =>
            DecideAsync(body.Value, reviews.ApproveAsync, ct));
        routes.MapPost($"{ApiPath.Deletes}/reject", (RequestBody<HoldDecisionRequest> body, DeleteReviews reviews, CancellationToken ct) =>
            DecideAsync(body.Value, reviews.RejectAsync, ct));
        routes.MapPost($"{ApiPath.Deletes}/approve-all", (RequestBody<BulkDecisionRequest> body, DeleteReviews reviews, CancellationToken ct) =>
            ReviewRequests.DecideAllAsync(body.Value, decision => reviews.ApproveAllAsync(decision, ct)));
    }

    private static HoldList List(HttpRequest request, DeleteReviews reviews)
    {
        var page = ReviewRequests.Page(reviews.List, ReviewRequests.Filter(request, States));
        return new HoldList([.. page.Items.Select(View)], page.NextCursor);
    }

    private static async Task<HoldView> DecideAsync(
        HoldDecisionRequest request, Func<IntegrationKey, HoldDecision, CancellationToken, Task<DeleteHold>> decide, CancellationToken ct)
    {
        var integration = ReviewRequests.Integration(request.OrganizationId, request.ConnectedIntegrationId);
        var decision = new HoldDecision(request.Hold, ReviewRequests.By(request.By), ReviewRequests.Note(request.Note));
        return View(await decide(integration, decision, ct));
    }

    private static HoldView View(DeleteHold hold) => new()
    {
        OrganizationId = hold.OrganizationId,
        ConnectedIntegrationId = hold.ConnectedIntegrationId,
        Hold = hold.Hold,
        State = hold.State,
        Records = hold.Records,
        Existing = hold.Existing,
        Share = hold.Share,
        Reason = hold.Reason,
        RunId = hold.RunId,
        Since = hold.Since,
        HeldAt = hold.HeldAt,
        Sample = hold.Sample,
        DecidedBy = hold.DecidedBy,
        DecidedAt = hold.DecidedAt,
        Note = hold.Note,
        ClosedByRun = hold.ClosedByRun,
    };
}
