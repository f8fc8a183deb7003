using System.Collections.Concurrent;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Sources.Budgets;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Warehouse;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Elt.Pipelines.Tests.Sources.Connectors;

/// <summary>A vendor's API on a real Kestrel on the loopback address, and a source that reads it with the vendor's connector.</summary>
internal sealed class Vendor : IAsyncDisposable
{
    /// <summary>The secret that integrations refer to.</summary>
    public const string Token = "s3cr3t-t0ken";

    private readonly WebApplication _app;

    static Vendor() => Environment.SetEnvironmentVariable("VENDOR_TEST_TOKEN", Token);

    private Vendor(WebApplication app) => _app = app;

    /// <summary>Answers each request.</summary>
    public Func<HttpContext, Task> Answer { get; set; } = _ => Task.CompletedTask;

    /// <summary>Path and query of each request, as they came.</summary>
    public ConcurrentQueue<string> Requests { get; } = new();

    /// <summary>Default without any limit.</summary>
    public IBudgetStore Budgets { get; set; } = new NoLimits();

    public TimeProvider Time { get; set; } = TimeProvider.System;

    public string Address => _app.Urls.First();

    public static async Task<Vendor> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var vendor = new Vendor(app);
        app.Run(context =>
        {
            vendor.Requests.Enqueue($"{context.Request.Method} {context.Request.Path}{Uri.UnescapeDataString(context.Request.QueryString.Value!)}");
            return vendor.Answer(context);
        });
        await app.StartAsync();
        return vendor;
    }

    /// <summary>An integration that is read at a path of this vendor.</summary>
    public ConnectedIntegration Connect(string provider, string path, int pageSize = 100, string more = "")
    {
        var data = $$"""
            {"permission_source_name":"Vendor","api_endpoint":"{{Address}}{{path}}","page_size":{{pageSize}},"tenant":"t-1","client_id":"client",
             "secrets":{"token":"env:VENDOR_TEST_TOKEN","client_secret":"env:VENDOR_TEST_TOKEN","refresh_token":"env:VENDOR_TEST_TOKEN"}{{more}}}
            """;
        return new ConnectedIntegration("i-1", "org-001", provider, ProviderData.Parse(data));
    }

    /// <summary>The shipped connector of an integration, with its tokens from this vendor.</summary>
    public Connector ConnectorOf(ConnectedIntegration integration)
    {
        var shipped = DemoPages.Connectors.Of(integration);
        return shipped.Manifest.Auth is OAuth2 auth
            ? shipped with { Manifest = shipped.Manifest with { Auth = auth with { TokenUrl = $"{Address}/token/{{config.tenant}}" } } }
            : shipped;
    }

    /// <summary>Reads all pages, one after another, as the workflow does.</summary>
    public async Task<IReadOnlyList<SourcePage>> ReadAsync(ConnectedIntegration integration)
    {
        using var source = Source();
        var connector = ConnectorOf(integration);
        var pages = new List<SourcePage>();
        do
        {
            Assert.True(pages.Count < 20, "The vendor has no end.");
            pages.Add(await source.FetchAsync(
                new PageRequest(integration, pages.Count + 1, integration.ProviderData.PageSize, pages.LastOrDefault()?.NextCursor, connector), default));
            Assert.DoesNotContain(Token, pages[^1].NextCursor ?? "", StringComparison.Ordinal);
        }
        while (!pages[^1].IsLast);
        return pages;
    }

    public async Task<SourceException> FailAsync(ConnectedIntegration integration)
    {
        var error = await Assert.ThrowsAsync<SourceException>(() => ReadAsync(integration));
        Assert.DoesNotContain(Token, error.ToString(), StringComparison.Ordinal);
        return error;
    }

    public HttpSource Source(SourceOptions? options = null)
    {
        options ??= new SourceOptions { AllowPrivateAddresses = true };
        return new HttpSource(Dataset.Users, options, DemoPages.Connectors, new RequestBudgets(Budgets, options, Time), Time);
    }

    /// <summary>Records as <c>key name|email</c>, those that are gone or out of scope as <c>key State</c>.</summary>
    public static string[] Shown(IEnumerable<SourcePage> pages) =>
    [
        .. pages.SelectMany(page => page.Records).Select(record =>
            record.State == RecordState.Present ? $"{record.ExternalId} {record.Values[0]}|{record.Values[1]}" : $"{record.ExternalId} {record.State}"),
    ];

    public static Task WriteAsync(HttpContext context, string json, int status = 200)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(json);
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    /// <summary>Lets all requests go at once and notes nothing.</summary>
    internal sealed class NoLimits : IBudgetStore
    {
        public Task<T> WriteAsync<T>(string scope, Func<BudgetBook, Task<T>> body, CancellationToken ct) => Task.FromResult(default(T)!);
    }
}
