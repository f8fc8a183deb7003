using Elt.Pipelines.Integrations;
using Elt.Pipelines.Reviews;

namespace Elt.Service.Api;

/// <summary>Lists records in quarantine, shows one, and takes decisions.</summary>
internal static class QuarantineEndpoints
{
    private static readonly string[] States = ["open", "replayed", "discarded", "resolved"];

    public static void MapQuarantine(this IEndpointRouteBuilder routes)
    {
        routes.MapGet(ApiPath.Quarantine, List);
        routes.MapGet($"{ApiPath.Quarantine}/record", Show);
        routes.MapPost($"{ApiPath.Quarantine}/discard", (RequestBody<QuarantineDecisionRequest> body, QuarantineReviews reviews, CancellationToken ct) =>
            DecideAsync(body.Value, reviews.DiscardAsync, ct));
        routes.MapPost($"{ApiPath.Quarantine}/replay", (RequestBody<QuarantineDecisionRequest> body, QuarantineReviews reviews, CancellationToken ct) =>
            DecideAsync(body.Value, reviews.ReplayAsync, ct));
        routes.MapPost($"{ApiPath.Quarantine}/discard-all", (RequestBody<BulkDecisionRequest> body, QuarantineReviews reviews, CancellationToken ct) =>
            ReviewRequests.DecideAllAsync(body.Value, decision => reviews.DiscardAllAsync(decision, body.Value.Rule, ct)));
    }

    private static QuarantineList List(HttpRequest request, QuarantineReviews reviews)
    {
        var page = ReviewRequests.Page(reviews.List, ReviewRequests.Filter(request, States));
        return new QuarantineList([.. page.Items.Select(View)], page.NextCursor);
    }

    private static QuarantinedView Show(QuarantineReviews reviews, string organization = "", string integration = "", string key = "")
    {
        var record = reviews.Get(ReviewRequests.Integration(organization, integration), key);
        return View(record) with { Raw = record.Raw };
    }

    private static async Task<QuarantinedView> DecideAsync(
        QuarantineDecisionRequest request, Func<IntegrationKey, string, string, CancellationToken, Task<QuarantinedRecord>> decide, CancellationToken ct)
    {
        var integration = ReviewRequests.Integration(request.OrganizationId, request.ConnectedIntegrationId);
        return View(await decide(integration, request.Key, ReviewRequests.By(request.By), ct));
    }

    private static QuarantinedView View(QuarantinedRecord record) => new()
    {
        OrganizationId = record.OrganizationId,
        ConnectedIntegrationId = record.ConnectedIntegrationId,
        Dataset = record.Dataset,
        Key = record.Key,
        State = record.State,
        Reasons = [.. record.Reasons.Select(reason => new QuarantineReasonView(reason.Rule, reason.Field, reason.Message))],
        RunId = record.RunId,
        Page = record.Page,
        Ordinal = record.Ordinal,
        Runs = record.Runs,
        FirstSeenAt = record.FirstSeenAt,
        LastSeenAt = record.LastSeenAt,
        DecidedBy = record.DecidedBy,
        DecidedAt = record.DecidedAt,
    };
}
