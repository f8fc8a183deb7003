using System.Globalization;
using System.Text;
using System.Text.Json;
using Elt.Service.Api;
using Elt.Service.Demo;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Elt.Benchmarks.Pipeline;

/// <summary>A user directory over loopback HTTP in the shape of the demo provider; its pages are rendered in advance, so that the source costs next to nothing.</summary>
internal sealed class PagedUsers : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly DemoUser[] _users;
    private readonly int _pageSize;
    private byte[][] _pages = [];

    private PagedUsers(int count, int pageSize)
    {
        _pageSize = pageSize;
        _users = [.. Enumerable.Range(1, count).Select(number => Make(number, revision: 0))];
        Render();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.MapGet("/users", (int page, int page_size) => page_size == _pageSize && page >= 1 && page <= _pages.Length
            ? Results.Bytes(_pages[page - 1], "application/json")
            : Results.BadRequest());
    }

    public Uri Endpoint => new(new Uri(_app.Urls.Single()), "users");

    public IReadOnlyList<DemoUser> Users => _users;

    public static async Task<PagedUsers> StartAsync(int count, int pageSize, CancellationToken ct)
    {
        var users = new PagedUsers(count, pageSize);
        await users._app.StartAsync(ct);
        return users;
    }

    /// <summary>Gives one user in so many another name.</summary>
    public void ChangeEvery(int nth)
    {
        for (var index = 0; index < _users.Length; index += nth)
            _users[index] = Make(index + 1, revision: 1);
        Render();
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static DemoUser Make(int number, int revision)
    {
        var text = number.ToString("0000000", CultureInfo.InvariantCulture);
        return new DemoUser($"u-{text}", $"Zoë {text} Müller{(revision > 0 ? "-Lind" : "")}", $"zoe.{text}@org-001.example", "Engineering", "Product Infrastructure Designer", number % 20 > 0);
    }

    private void Render()
    {
        var pages = (_users.Length + _pageSize - 1) / _pageSize;
        _pages =
        [
            .. _users.Chunk(_pageSize).Select((users, index) =>
                Encoding.UTF8.GetBytes(JsonSerializer.Serialize(new DemoPage(index + 1, _pageSize, _users.Length, pages, users), ApiJson.Options))),
        ];
    }
}
