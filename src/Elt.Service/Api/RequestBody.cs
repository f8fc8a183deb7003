using System.Text.Json;

namespace Elt.Service.Api;

/// <summary>
/// A JSON body fitted to a record. Only application/json is taken: a browser lets any page send other types here without asking.
/// </summary>
internal sealed record RequestBody<T>(T Value)
{
    public static async ValueTask<RequestBody<T>> BindAsync(HttpContext http)
    {
        if (!http.Request.HasJsonContentType())
            throw new ProblemException(StatusCodes.Status415UnsupportedMediaType, "unsupported-media-type", "Send the body as application/json, {} when there is nothing to say.");
        try
        {
            using var document = await JsonDocument.ParseAsync(http.Request.Body, cancellationToken: http.RequestAborted);
            return new RequestBody<T>(InputReader.Read<T>(document.RootElement.Clone()));
        }
        catch (JsonException e)
        {
            throw ProblemException.BadRequest($"The body is not JSON: {e.Message}");
        }
    }
}
