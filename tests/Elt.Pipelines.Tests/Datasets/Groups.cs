using System.Globalization;
using Elt.Durable;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Orchestration;
using Elt.Pipelines.Tests.Sources;
using Elt.Pipelines.Tests.Suite;
using Elt.Testing;

namespace Elt.Pipelines.Tests.Datasets;

/// <summary>A declared dataset with a column of every type, and an integration that feeds it from answers that a test writes.</summary>
internal sealed class Groups : IAsyncDisposable
{
    public const string Columns =
        """
        {"name":"title","type":"text"},{"name":"members","type":"integer"},{"name":"score","type":"decimal"},{"name":"active","type":"boolean"},
        {"name":"seen","type":"timestamp"},{"name":"tags","type":"json"}
        """;

    private const string Fields =
        """
        "title":{"from":["/title"]},"members":{"from":["/members"]},"score":{"from":["/score"]},"active":{"from":["/active"]},"seen":{"from":["/seen"]},"tags":{"from":["/tags"]}
        """;

    private readonly TempFolder _folder = new();
    private string[] _records = [];

    public static IntegrationKey Key { get; } = new("org-001", "groups");

    public PipelineHost Host { get; private set; } = null!;

    public static async Task<Groups> StartAsync(string? postgres = null, string columns = Columns)
    {
        var groups = new Groups();
        groups.Declare(columns);
        groups.Host = await PipelineHost.StartAsync(options => options with { DatasetFolder = groups._folder.Path }, postgres);
        groups.Host.Provider.Instead = async (context, page) =>
        {
            if (!context.Request.Path.Value!.EndsWith("/groups", StringComparison.Ordinal))
                return false;
            var size = int.Parse(context.Request.Query["page_size"]!, CultureInfo.InvariantCulture);
            var list = string.Join(',', groups._records.Skip((page - 1) * size).Take(size));
            await Provider.WriteAsync(context, $$"""{"total":{{groups._records.Length}},"pages":{{(groups._records.Length + size - 1) / size}},"groups":[{{list}}]}""");
            return true;
        };
        await groups.ConnectAsync();
        return groups;
    }

    /// <summary>Declares the dataset with other columns; a new start reads it.</summary>
    public void Declare(string columns) => File.WriteAllText(
        _folder.File("groups.json"), $$"""{"name":"groups","key":"Id of the group.","columns":[{{columns}}]}""");

    /// <summary>Connects the integration, by a connector that maps the fields to a dataset.</summary>
    public Task ConnectAsync(string fields = Fields, string dataset = "groups", string contract = "{}") => Host.Get<IIntegrationStore>().UpsertAsync(new ConnectedIntegration(
        Key.ConnectedIntegrationId, Key.OrganizationId, "rest", ProviderData.Parse(
            $$$"""
            {"permission_source_name":"Groups","api_endpoint":"{{{Host.Provider.Address}}}/groups","page_size":500,"contract":{{{contract}}},"connector":{
              "name":"groups","dataset":"{{{dataset}}}","pageSize":{"param":"page_size"},"pagination":{"type":"page","pageParam":"page","totalPagesPath":"/pages"},
              "records":{"path":"/groups","totalPath":"/total","absence":"whenTotalHolds"},"key":["/id"],"fields":{ {{{fields}}} } } }
            """)));

    /// <summary>Runs the pipeline on what the source has now.</summary>
    public async Task<PipelineSummary> RunAsync(params string[] records)
    {
        _records = records;
        return await PipelineHost.ResultAsync(await Host.Client.StartAsync(new EltPipeline(Key.OrganizationId, Key.ConnectedIntegrationId)));
    }

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        _folder.Dispose();
    }
}
