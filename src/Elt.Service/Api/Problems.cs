using System.Data.Common;
using Elt.Durable;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Reviews;
using Elt.Service.Hosting;
using Microsoft.AspNetCore.Diagnostics;

namespace Elt.Service.Api;

/// <summary>A refusal that the caller can do something about.</summary>
internal sealed class ProblemException(int status, string type, string detail, string? member = null) : Exception(detail)
{
    public ProblemView View { get; } = Problems.Of(status, type, detail, member);

    public static ProblemException BadRequest(string detail, string? member = null) =>
        new(StatusCodes.Status400BadRequest, "bad-request", detail, member);

    public static ProblemException UnknownRun(string id) =>
        new(StatusCodes.Status404NotFound, "unknown-run", $"There is no run '{id}'. List the runs with GET {ApiPath.Workflows} or: elt list");
}

/// <summary>Errors as RFC 9457 has them. Types are stable; stack traces and drivers' internals stay in the log.</summary>
internal static class Problems
{
    private static readonly Dictionary<string, string> Titles = new(StringComparer.Ordinal)
    {
        ["bad-request"] = "The request cannot be used as it is.",
        ["bad-input"] = "The input does not fit the workflow.",
        ["unknown-workflow"] = "There is no such workflow.",
        ["unknown-queue"] = "There is no such queue.",
        ["unknown-run"] = "There is no such run.",
        ["unknown-integration"] = "There is no such integration.",
        ["unknown-review"] = "There is nothing of that kind to look at.",
        ["not-open"] = "It is not open any more.",
        ["conflict"] = "The id is taken.",
        ["not-found"] = "There is nothing at this address.",
        ["method-not-allowed"] = "This address does not take that method.",
        ["unsupported-media-type"] = "The body is not JSON.",
        ["unavailable"] = "A database does not answer.",
        ["internal"] = "The service failed.",
    };

    public static ProblemView Of(int status, string type, string detail, string? member = null) => new()
    {
        Type = $"urn:elt:problem:{type}",
        Title = Titles[type],
        Status = status,
        Detail = detail,
        Member = member,
    };

    public static Task WriteAsync(HttpContext http, ProblemView problem)
    {
        http.Response.StatusCode = problem.Status;
        return http.Response.WriteAsJsonAsync(problem, ApiJson.Options, "application/problem+json", http.RequestAborted);
    }

    /// <summary>Answers that no endpoint wrote: unknown addresses and methods.</summary>
    public static Task WriteEmptyAsync(HttpContext http) => WriteAsync(http, http.Response.StatusCode switch
    {
        StatusCodes.Status404NotFound => Of(404, "not-found", $"There is nothing at {http.Request.Path}."),
        StatusCodes.Status405MethodNotAllowed => Of(405, "method-not-allowed", $"{http.Request.Path} does not take {http.Request.Method}."),
        StatusCodes.Status415UnsupportedMediaType => Of(415, "unsupported-media-type", "Send the body as application/json."),
        var status => Of(status, status < 500 ? "bad-request" : "internal", $"The request ended with status {status}."),
    });
}

/// <summary>Turns exceptions of the handlers into problems.</summary>
internal sealed class ProblemHandler(ILogger<ProblemHandler> logger) : IExceptionHandler
{
    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (exception is OperationCanceledException && httpContext.RequestAborted.IsCancellationRequested)
            return true;
        var problem = Describe(exception);
        if (problem.Status >= StatusCodes.Status500InternalServerError)
            Log.RequestFailed(logger, exception, httpContext.Request.Method, httpContext.Request.Path);
        await Problems.WriteAsync(httpContext, problem);
        return true;
    }

    private static ProblemView Describe(Exception error) => error switch
    {
        ProblemException problem => problem.View,
        UnknownQueueException => Problems.Of(StatusCodes.Status400BadRequest, "unknown-queue", error.Message, "queue"),
        UnknownWorkflowException => Problems.Of(StatusCodes.Status404NotFound, "unknown-workflow", error.Message),
        IntegrationNotFoundException => Problems.Of(StatusCodes.Status404NotFound, "unknown-integration", error.Message),
        ReviewNotFoundException => Problems.Of(StatusCodes.Status404NotFound, "unknown-review", error.Message),
        ReviewConflictException => Problems.Of(StatusCodes.Status409Conflict, "not-open", error.Message),
        PayloadException => Problems.Of(StatusCodes.Status400BadRequest, "bad-input", error.Message),
        WorkflowConflictException => Problems.Of(StatusCodes.Status409Conflict, "conflict", error.Message),
        BadHttpRequestException bad => Problems.Of(bad.StatusCode, "bad-request", bad.Message),
        JournalException or DbException or TimeoutException =>
            Problems.Of(StatusCodes.Status503ServiceUnavailable, "unavailable", StartErrors.Describe(error) ?? "A database does not answer in time."),
        _ => Problems.Of(StatusCodes.Status500InternalServerError, "internal", "The reason stands in the service's log."),
    };
}
