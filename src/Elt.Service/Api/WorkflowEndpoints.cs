using System.Text.Json;
using Elt.Durable;

namespace Elt.Service.Api;

/// <summary>Starts runs and shows them.</summary>
internal static class WorkflowEndpoints
{
    private static readonly string[] Filters = ["status", "name", "prefix", "parent", "queue", "limit"];

    public static void MapWorkflows(this IEndpointRouteBuilder routes)
    {
        var workflows = routes.MapGroup(ApiPath.Workflows);
        workflows.MapGet("", ListAsync);
        workflows.MapPost("{workflow}", StartAsync);
        workflows.MapGet("{run}", FindAsync);
        workflows.MapGet("{run}/steps", ListStepsAsync);
        workflows.MapGet("{run}/result", AwaitResultAsync);
        workflows.MapGet("{run}/{part}/{**rest}", RefuseUnescaped);
        workflows.MapGet("{run}/{part}", RefuseUnescaped);
    }

    private static async Task<IResult> StartAsync(
        RunId name, RequestBody<StartRequest> body, WorkflowCatalog catalog, WorkflowClient client, CancellationToken ct)
    {
        var (request, workflow) = (body.Value, WorkflowNames.Workflow(name.Value));
        if (request.DelaySeconds is < 0 or > 366 * 24 * 3600)
            throw ProblemException.BadRequest("'delay_seconds': expected 0 to a year.", "delay_seconds");
        var input = InputReader.Fit(catalog.InputOf(workflow), request.Input, "bad-input");
        var options = new StartOptions { Queue = request.Queue, Delay = TimeSpan.FromSeconds(request.DelaySeconds ?? 0) };
        return await AttachAsync(client, workflow, input, request.Id, options, ct);
    }

    /// <summary>Starts a run and answers with it: 202 when it is new, 200 when the id was there already.</summary>
    public static async Task<IResult> AttachAsync(
        WorkflowClient client, string workflow, JsonElement input, string? given, StartOptions options, CancellationToken ct)
    {
        if (given is not null && (string.IsNullOrWhiteSpace(given) || given.Length > 500))
            throw ProblemException.BadRequest($"'id': expected 1 to 500 characters, not all blank, found {given.Length}.", "id");
        var (id, isNew) = await client.StartAsync(workflow, input, given, options, ct);
        var run = await client.FindAsync(id, ct) ?? throw ProblemException.UnknownRun(id);
        return Results.Json(RunViews.Started(run), ApiJson.Options, statusCode: isNew ? StatusCodes.Status202Accepted : StatusCodes.Status200OK);
    }

    private static async Task<RunList> ListAsync([AsParameters] ListQuery query, HttpRequest request, WorkflowClient client, CancellationToken ct)
    {
        if (request.Query.Keys.FirstOrDefault(key => !Filters.Contains(key)) is { } unknown)
            throw ProblemException.BadRequest($"'{unknown}': there is no such filter; expected {string.Join(", ", Filters)}.", unknown);
        var (status, name, prefix, parent, queue, limit) = query;
        var filter = new RunFilter
        {
            Statuses = status is null ? [] : [.. status.Split(',').SelectMany(StatusFilter.Parse)],
            Workflow = name is null ? null : WorkflowNames.Workflow(name),
            IdPrefix = prefix,
            ParentId = parent,
            Queue = queue,
            Limit = limit is null ? 50
                : int.TryParse(limit, out var count) && count is >= 1 and <= 1000 ? count
                : throw ProblemException.BadRequest($"'limit': expected a number from 1 to 1000, found '{limit}'.", "limit"),
        };
        return new RunList([.. (await client.ListAsync(filter, ct)).Select(RunViews.Run)]);
    }

    private static async Task<RunView> FindAsync(RunId id, WorkflowClient client, CancellationToken ct) =>
        RunViews.Run(await RequireAsync(client, id, ct));

    private static async Task<StepList> ListStepsAsync(RunId id, WorkflowClient client, CancellationToken ct)
    {
        await RequireAsync(client, id, ct);
        return new StepList([.. (await client.ListStepsAsync(id.Value, ct)).Select(RunViews.Step)]);
    }

    private static async Task<IResult> AwaitResultAsync(
        RunId id, WorkflowClient client, IHostApplicationLifetime lifetime, TimeProvider time, CancellationToken ct, string wait = "0")
    {
        if (!DurationText.TryParse(wait, out var limit))
            throw ProblemException.BadRequest($"'wait': expected a duration such as 30s, found '{wait}'.", "wait");
        var run = await RequireAsync(client, id, ct);
        if (!run.Status.IsFinal() && limit > TimeSpan.Zero)
            run = await WaitAsync(client, run, limit < ApiPath.LongestWait ? limit : ApiPath.LongestWait, lifetime, time, ct);
        return run.Status.IsFinal()
            ? Results.Json(RunViews.Result(run), ApiJson.Options)
            : Results.Json(RunViews.Started(run), ApiJson.Options, statusCode: StatusCodes.Status202Accepted);
    }

    /// <returns>The ended run, or the run as it was when the wait was over.</returns>
    private static async Task<RunInfo> WaitAsync(
        WorkflowClient client, RunInfo run, TimeSpan limit, IHostApplicationLifetime lifetime, TimeProvider time, CancellationToken ct)
    {
        using var timeout = new CancellationTokenSource(limit, time);
        using var waiting = CancellationTokenSource.CreateLinkedTokenSource(ct, lifetime.ApplicationStopping, timeout.Token);
        try
        {
            return await client.WaitAsync(run.Id, waiting.Token) ?? throw ProblemException.UnknownRun(run.Id);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return run;
        }
    }

    private static async Task<RunInfo> RequireAsync(WorkflowClient client, RunId id, CancellationToken ct) =>
        await client.FindAsync(id.Value, ct) ?? throw ProblemException.UnknownRun(id.Value);

    private static IResult RefuseUnescaped(HttpRequest request) => throw new ProblemException(
        StatusCodes.Status404NotFound, "not-found",
        $"There is nothing at {request.Path}. In a path a run's id is one segment: write its slashes as %2F.");

    private sealed record ListQuery(string? Status, string? Name, string? Prefix, string? Parent, string? Queue, string? Limit);
}
