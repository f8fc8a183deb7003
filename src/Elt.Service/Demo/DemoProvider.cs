using System.Collections.Concurrent;
using Elt.Service.Api;

namespace Elt.Service.Demo;

/// <summary>Settings of the demo provider.</summary>
internal sealed record DemoProviderOptions
{
    /// <summary>Users of each integration at first.</summary>
    public int Users { get; init; } = 1000;

    public int Seed { get; init; } = 1;

    /// <summary>Port on loopback; 0 takes a free one.</summary>
    public int Port { get; init; }

    /// <summary>Larger pages are refused.</summary>
    public int MaxPageSize { get; init; } = 1000;

    /// <summary>Share of page requests that are answered with 500; 0 to 1.</summary>
    public double FailRate { get; init; }

    /// <summary>Page requests per second that are served, the others get 429; 0 is no limit.</summary>
    public int RateLimit { get; init; }

    /// <summary>Called before a page is served; a test holds the provider here.</summary>
    public Func<PageRequest, CancellationToken, Task> BeforeServe { get; init; } = (_, _) => Task.CompletedTask;
}

/// <summary>A paged user directory over real HTTP on loopback: what the pipeline extracts from in demos and tests.</summary>
internal sealed class DemoProvider : IAsyncDisposable
{
    private readonly DemoProviderOptions _options;
    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<(string Organization, string Integration), DemoDirectory> _directories = new();
    private readonly RefusalPolicy _refusals;

    private DemoProvider(DemoProviderOptions options)
    {
        _options = options;
        _refusals = new RefusalPolicy(options.FailRate, options.RateLimit, options.Seed, TimeProvider.System);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls($"http://127.0.0.1:{options.Port}");
        builder.Services.ConfigureHttpJsonOptions(json => json.SerializerOptions.PropertyNamingPolicy = ApiJson.Options.PropertyNamingPolicy);
        _app = builder.Build();
        _app.MapGet("/organizations/{organization}/integrations/{integration}/users", ServePageAsync);
        _app.MapGet("/control/requests", () => Requests.Counts());
        _app.MapDelete("/control/requests", Requests.Clear);
        _app.MapPost("/control/change", Change);
    }

    public RequestLog Requests { get; } = new();

    public Uri Url => new(_app.Urls.Single());

    /// <exception cref="IOException">The port is in use.</exception>
    public static async Task<DemoProvider> StartAsync(DemoProviderOptions options, CancellationToken ct = default)
    {
        var provider = new DemoProvider(options);
        try
        {
            await provider._app.StartAsync(ct);
            return provider;
        }
        catch
        {
            await provider.DisposeAsync();
            throw;
        }
    }

    /// <summary>What stops with the process.</summary>
    public IHost Host => _app;

    public string Endpoint(string organization, string integration) => Endpoint(Url, organization, integration);

    /// <summary>Where a provider at an address serves an integration's users.</summary>
    public static string Endpoint(Uri provider, string organization, string integration) =>
        new Uri(provider, $"organizations/{Uri.EscapeDataString(organization)}/integrations/{Uri.EscapeDataString(integration)}/users").AbsoluteUri;

    public DemoDirectory Directory(string organization, string integration) =>
        _directories.GetOrAdd((organization, integration), key =>
            new DemoDirectory(new DemoUsers(_options.Seed, key.Organization, key.Integration), _options.Users, _options.Seed));

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task<IResult> ServePageAsync(
        string organization, string integration, HttpResponse response, CancellationToken ct, string page = "1", string page_size = "10")
    {
        if (!int.TryParse(page, out var number) || number < 1)
            return BadParameter($"page is a number from 1, not '{page}'.");
        if (!int.TryParse(page_size, out var size) || size < 1 || size > _options.MaxPageSize)
            return BadParameter($"page_size is a number from 1 to {_options.MaxPageSize}, not '{page_size}'.");
        var request = new PageRequest(organization, integration, number, size);
        await _options.BeforeServe(request, ct);
        if (_refusals.Next() is { } status)
        {
            Requests.Refused(request);
            if (status == StatusCodes.Status429TooManyRequests)
                response.Headers.RetryAfter = "1";
            return Results.Json(new { error = "Refused on purpose; try again." }, statusCode: status);
        }
        Requests.Served(request);
        return Results.Ok(Directory(organization, integration).Page(number, size));
    }

    private IResult Change(DemoChange change)
    {
        if (new[] { change.Add, change.Change, change.Remove, change.NullEmails, change.FillEmails }.Min() < 0)
            return BadParameter("Numbers of users are 0 or more.");
        try
        {
            return Results.Ok(Directory(change.Organization, change.Integration).Apply(change));
        }
        catch (ArgumentException e)
        {
            return BadParameter(e.Message);
        }
    }

    private static IResult BadParameter(string message) => Results.Json(new { error = message }, statusCode: StatusCodes.Status400BadRequest);
}
