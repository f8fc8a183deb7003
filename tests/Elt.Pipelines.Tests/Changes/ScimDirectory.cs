using System.Collections.Concurrent;
using System.Globalization;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Orchestration;
using Elt.Pipelines.Tests.Sources.Connectors;
using Elt.Pipelines.Tests.Suite;
using Microsoft.AspNetCore.Http;

namespace Elt.Pipelines.Tests.Changes;

/// <summary>A directory that is paged by position, so that rows move while it is read, and that can be asked for one user; and a host that reads it.</summary>
internal sealed class ScimDirectory : IAsyncDisposable
{
    private const string List = "/scim/Users";

    private readonly Vendor _vendor;
    private List<string> _ids = [];

    private ScimDirectory(Vendor vendor, PipelineHost host)
    {
        (_vendor, Host) = (vendor, host);
        vendor.Answer = AnswerAsync;
    }

    public PipelineHost Host { get; }

    /// <summary>Users that were asked for one by one.</summary>
    public ConcurrentQueue<string> Asked { get; } = new();

    /// <summary>Called with the position of each page before it is answered.</summary>
    public Action<int> BeforePage { get; set; } = _ => { };

    /// <summary>Answers a question for one user; returns false to leave the answer to the directory.</summary>
    public Func<HttpContext, string, Task<bool>> Instead { get; set; } = (_, _) => Task.FromResult(false);

    public static async Task<ScimDirectory> StartAsync(int pageSize, string provider = "scim2", string more = "")
    {
        var vendor = await Vendor.StartAsync();
        var directory = new ScimDirectory(vendor, await PipelineHost.StartAsync());
        await directory.Host.Get<IIntegrationStore>().UpsertAsync(new ConnectedIntegration(
            Workshop.Okta.ConnectedIntegrationId, Workshop.Okta.OrganizationId, provider, vendor.Connect(provider, List, pageSize, more).ProviderData));
        return directory;
    }

    public static string Id(int number) => string.Create(CultureInfo.InvariantCulture, $"user-{number:000}");

    /// <summary>States who is there.</summary>
    public void Has(IEnumerable<int> users) => _ids = [.. users.Select(Id)];

    public Task<PipelineSummary> RunAsync(string id) => Host.RunAsync(id);

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        await _vendor.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        if (context.Request.Path == List)
        {
            var start = int.Parse(context.Request.Query["startIndex"]!, CultureInfo.InvariantCulture);
            BeforePage(start);
            var ids = _ids;
            var page = ids.Skip(start - 1).Take(int.Parse(context.Request.Query["count"]!, CultureInfo.InvariantCulture));
            await Vendor.WriteAsync(context, $$"""{"totalResults":{{ids.Count}},"startIndex":{{start}},"Resources":[{{string.Join(',', page.Select(Json))}}]}""");
            return;
        }
        var id = context.Request.Path.Value![(List.Length + 1)..];
        Asked.Enqueue(id);
        if (await Instead(context, id))
            return;
        await (_ids.Contains(id) ? Vendor.WriteAsync(context, Json(id)) : Vendor.WriteAsync(context, """{"status":"404"}""", 404));
    }

    private static string Json(string id) => $$"""{"id":"{{id}}","userName":"{{id}}@example.org"}""";
}
