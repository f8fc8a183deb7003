using System.Collections.Concurrent;
using System.Globalization;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Tests.Suite;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Elt.Pipelines.Tests.Sources;

/// <summary>An external directory on a real Kestrel on the loopback address; a test may answer any request in another way.</summary>
internal sealed class Provider : IAsyncDisposable
{
    private readonly WebApplication _app;

    private Provider(WebApplication app) => _app = app;

    /// <summary>Users by the path of their directory, such as <c>/okta/users</c>.</summary>
    public ConcurrentDictionary<string, User[]> Users { get; } = new();

    /// <summary>Whether answers say how many pages and users there are.</summary>
    public bool DeclaresTotals { get; set; } = true;

    /// <summary>Answers instead of the directory; returns false to leave the answer to it.</summary>
    public Func<HttpContext, int, Task<bool>> Instead { get; set; } = (_, _) => Task.FromResult(false);

    /// <summary>Path and page of each request, in the order they came.</summary>
    public ConcurrentQueue<(string Path, int Page)> Requests { get; } = new();

    public string Address => _app.Urls.First();

    public static async Task<Provider> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var provider = new Provider(app);
        app.Run(provider.AnswerAsync);
        await app.StartAsync();
        return provider;
    }

    /// <summary>An integration whose directory this is.</summary>
    public ConnectedIntegration Connect(IntegrationKey key, User[] users, int pageSize = 10)
    {
        Users[PathOf(key)] = users;
        return new ConnectedIntegration(key.ConnectedIntegrationId, key.OrganizationId, "demo", new ProviderData
        {
            PermissionSourceName = "Demo",
            ApiEndpoint = new Uri(Address + PathOf(key)),
            PageSize = pageSize,
        });
    }

    public static string PathOf(IntegrationKey key) => $"/{key.OrganizationId}/{key.ConnectedIntegrationId}/users";

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        var path = context.Request.Path.Value!;
        var page = int.Parse(context.Request.Query["page"]!, CultureInfo.InvariantCulture);
        var size = int.Parse(context.Request.Query["page_size"]!, CultureInfo.InvariantCulture);
        Requests.Enqueue((path, page));
        if (await Instead(context, page))
            return;
        if (!Users.TryGetValue(path, out var users))
        {
            context.Response.StatusCode = 404;
            return;
        }
        var totals = DeclaresTotals ? $"\"total\":{users.Length},\"total_pages\":{(users.Length + size - 1) / size}," : "";
        var list = string.Join(',', users.Skip((page - 1) * size).Take(size).Select(u => u.ToJson()));
        await WriteAsync(context, $$"""{"page":{{page}},"page_size":{{size}},{{totals}}"users":[{{list}}]}""");
    }

    public static Task WriteAsync(HttpContext context, string json)
    {
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(json);
    }
}
