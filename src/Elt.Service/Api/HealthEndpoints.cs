using Elt.Service.Hosting;

namespace Elt.Service.Api;

/// <summary>Tells whether the service is well, ready for work, and alive.</summary>
internal static class HealthEndpoints
{
    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        routes.MapGet(ApiPath.Health, async (HealthReport report, CancellationToken ct) => Answer(await report.MakeAsync(_ => true, ct)));
        routes.MapGet($"{ApiPath.Health}/ready", async (HealthReport report, CancellationToken ct) =>
            Answer(await report.MakeAsync(part => part is "journal" or "worker", ct)));
        routes.MapGet($"{ApiPath.Health}/live", async (HealthReport report, CancellationToken ct) => Answer(await report.MakeAsync(_ => false, ct)));
    }

    private static IResult Answer(HealthView view) => Results.Json(
        view, ApiJson.Options, statusCode: view.Status == "ok" ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
}
