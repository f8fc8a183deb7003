using Microsoft.AspNetCore.Http.Features;

namespace Elt.Service.Api;

/// <summary>
/// The run id in a path: one segment, its slashes as %2F. It is read from the request line, because the decoded path can't tell
/// an id that holds <c>%2F</c> from one that holds a slash.
/// </summary>
internal readonly record struct RunId(string Value)
{
    public static ValueTask<RunId> BindAsync(HttpContext http)
    {
        var target = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var begin = target.IndexOf(ApiPath.Workflows + "/", StringComparison.Ordinal);
        if (begin < 0)
            throw ProblemException.BadRequest($"Write the path plainly: {ApiPath.Workflows}/id.");
        var rest = target[(begin + ApiPath.Workflows.Length + 1)..];
        var end = rest.AsSpan().IndexOfAny('/', '?');
        return ValueTask.FromResult(new RunId(Uri.UnescapeDataString(end < 0 ? rest : rest[..end])));
    }
}
