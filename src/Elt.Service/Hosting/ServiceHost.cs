using Elt.Pipelines;
using Elt.Service.Api;
using Microsoft.AspNetCore.HostFiltering;
using Microsoft.Extensions.Logging.Console;

namespace Elt.Service.Hosting;

/// <summary>The service as one host: engine, pipelines, API.</summary>
internal static class ServiceHost
{
    private const long MaxRequestBytes = 2 * 1024 * 1024;

    /// <summary>Runs until the process is told to stop; the engine drains first.</summary>
    public static async Task RunAsync(ServiceOptions options, CancellationToken ct)
    {
        StartErrors.ProbeData(options.Data);
        await StartErrors.ProbePostgresAsync(options.Postgres, "ELT_POSTGRES", ct);
        await StartErrors.ProbePostgresAsync(options.Destination, "ELT_DESTINATION", ct);
        await using var app = Build(options);
        await app.Services.GetRequiredService<PipelineDatabases>().InitializeAsync(ct);
        await app.StartAsync(ct);
        Announce(app, options);
        using var input = options.StopWithInput ? InputWatch.Begin(app) : null;
        await app.WaitForShutdownAsync(ct);
    }

    private static WebApplication Build(ServiceOptions options)
    {
        var builder = WebApplication.CreateSlimBuilder();
        // All settings come from ServiceOptions: a stray appsettings.json or ASPNETCORE_URLS must not open another address.
        builder.Configuration.Sources.Clear();
        builder.Configuration.AddInMemoryCollection();
        builder.WebHost.UseUrls([.. options.Urls]);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = MaxRequestBytes;
        });
        AddLogging(builder.Logging, options);
        AddApi(builder.Services);
        // Longer than the worker's own patience, which it uses up when a request to a source takes long.
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = options.StopGrace + TimeSpan.FromSeconds(10));
        builder.Services.AddElt(options);
        var app = builder.Build();
        MapApi(app);
        return app;
    }

    private static void AddLogging(ILoggingBuilder logging, ServiceOptions options)
    {
        logging.ClearProviders().SetMinimumLevel(options.LogLevel);
        logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning).AddFilter("Microsoft.Hosting.Lifetime", LogLevel.Warning);
        // What could not start is told once, in one line, by the caller.
        logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical);
        const string Time = "yyyy-MM-ddTHH:mm:ss.fffZ ";
        if (options.JsonLogs)
            logging.AddJsonConsole(json => (json.TimestampFormat, json.UseUtcTimestamp, json.IncludeScopes) = (Time.Trim(), true, true));
        else
            logging.AddSimpleConsole(text => (text.TimestampFormat, text.UseUtcTimestamp, text.SingleLine) = (Time, true, true));
        logging.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    }

    private static void AddApi(IServiceCollection services)
    {
        services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.PropertyNamingPolicy = ApiJson.Options.PropertyNamingPolicy;
            json.SerializerOptions.Encoder = ApiJson.Options.Encoder;
        });
        services.AddExceptionHandler<ProblemHandler>();
        services.AddProblemDetails();
        // A page in somebody's browser may resolve its own name to this machine; it cannot choose the Host header's value.
        services.AddHostFiltering(hosts => hosts.AllowedHosts = ["localhost", "127.0.0.1", "[::1]"]);
    }

    private static void MapApi(WebApplication app)
    {
        app.UseHostFiltering();
        app.UseExceptionHandler();
        app.UseStatusCodePages(context => Problems.WriteEmptyAsync(context.HttpContext));
        app.MapHealth();
        app.MapWorkflows();
        app.MapIntegrations();
        app.MapTables();
        app.MapDeletes();
        app.MapQuarantine();
        app.MapPlans();
        app.MapOnboarding();
        app.MapQuality();
    }

    private static void Announce(WebApplication app, ServiceOptions options)
    {
        var logger = app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Elt.Service");
        var urls = string.Join(';', app.Urls);
        Log.Listening(
            logger, ServiceVersion.Text, urls,
            options.Postgres is { } journal ? PostgresConnection.Describe(journal) : options.JournalFile,
            options.Destination is { } destination ? PostgresConnection.Describe(destination) : options.DestinationFile);
        if (options.Faults is { ApiFailureRate: > 0 } or { DatabaseFailureRate: > 0 } or { CrashRate: > 0 } or { CrashOnceMarker: not null })
            Log.FaultsOn(logger, options.Faults.ToString());
        // The one line on stdout: whoever started the process reads where it listens, and that it does.
        Console.Out.WriteLine(urls);
    }
}
