using System.Globalization;
using System.Text;
using System.Text.Json;
using Elt.Service.Api;
using Elt.Service.Demo;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Elt.Benchmarks.Tenants;

/// <summary>
/// Directories over loopback HTTP: <c>/healthy/users</c> for all healthy tenants, <c>/big/users</c> with a hundred times as many users,
/// <c>/limited/users</c>, which asks for a day's patience, and nothing else.
/// </summary>
internal sealed class ManyDirectories : IAsyncDisposable
{
    private readonly WebApplication _app;

    private ManyDirectories(int users, int pageSize)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        var (healthy, big) = (Render(users, pageSize), Render(100 * users, pageSize));
        _app.MapGet("/healthy/users", (int page) => Results.Bytes(healthy[page - 1], "application/json"));
        _app.MapGet("/big/users", (int page) => Results.Bytes(big[page - 1], "application/json"));
        _app.MapGet("/limited/users", (HttpContext context) =>
        {
            context.Response.Headers.RetryAfter = "86400";
            return Results.StatusCode(StatusCodes.Status429TooManyRequests);
        });
    }

    public static async Task<ManyDirectories> StartAsync(int users, int pageSize, CancellationToken ct)
    {
        var directories = new ManyDirectories(users, pageSize);
        await directories._app.StartAsync(ct);
        return directories;
    }

    public Uri Of(string kind) => new(new Uri(_app.Urls.Single()), $"{kind}/users");

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static byte[][] Render(int users, int pageSize)
    {
        var pages = (users + pageSize - 1) / pageSize;
        return
        [
            .. Enumerable.Range(1, users).Select(Make).Chunk(pageSize).Select((page, index) =>
                Encoding.UTF8.GetBytes(JsonSerializer.Serialize(new DemoPage(index + 1, pageSize, users, pages, page), ApiJson.Options))),
        ];
    }

    private static DemoUser Make(int number)
    {
        var text = number.ToString("0000000", CultureInfo.InvariantCulture);
        return new DemoUser($"u-{text}", $"Zoë {text} Müller", $"zoe.{text}@org.example", "Engineering", "Product Infrastructure Designer", true);
    }
}
