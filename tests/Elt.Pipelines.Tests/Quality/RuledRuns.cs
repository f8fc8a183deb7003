using Elt.Pipelines.Changes;
using Elt.Pipelines.Extract;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Quality;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Tests.Sources.Connectors;
using Elt.Pipelines.Tests.Suite;
using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Tests.Quality;

/// <summary>Runs of an integration whose connector has rules, on a warehouse of their own.</summary>
internal sealed class RuledRuns : IDisposable
{
    private readonly Workshop _workshop;
    private readonly ConnectorLibrary _library = new(Dataset.Users);
    private readonly PinnedConnectors _connectors;
    private readonly QualityCheck _check;
    private readonly ChangeDetection _changes;

    private RuledRuns(Workshop workshop)
    {
        _workshop = workshop;
        _connectors = new PinnedConnectors(workshop.Warehouse, _library, Time);
        _check = new QualityCheck(Dataset.Users, _connectors, Time);
        _changes = new ChangeDetection(Dataset.Users, new DeleteThresholds { MaxShare = 1, MaxRows = int.MaxValue }, new QualityGate { MaxQuarantinedShare = 1 }, Time);
    }

    /// <summary>Weights of the dimensions, as provider data has them. Default those of the connector.</summary>
    public string? Weights { get; set; }

    public FrozenTime Time { get; } = new();

    public static async Task<RuledRuns> CreateAsync() => new(await Workshop.CreateAsync());

    /// <summary>One run from records as they come to latest; a page for each group of records that <paramref name="pageSize"/> cuts.</summary>
    public async Task<QualitySummary> RunAsync(string runId, string[] rules, string[] records, int pageSize = 100, IntegrationKey? integration = null)
    {
        var key = integration ?? Workshop.Okta;
        await StageAsync(runId, rules, records, pageSize, integration: key);
        var quality = await CheckAsync(runId, key);
        quality.EnsurePassed(key);
        await _workshop.Warehouse.Database.WriteAsync(transaction => _changes.Detect(transaction, key, runId), default);
        await _workshop.ApplyAsync(runId, key);
        return quality;
    }

    public async Task StageAsync(string runId, string[] rules, string[] records, int pageSize = 100, int times = 1, bool ends = true, IntegrationKey? integration = null)
    {
        var connector = await PinAsync(rules);
        await _workshop.AcquireAsync(runId, integration);
        var pages = records.Chunk(pageSize).DefaultIfEmpty([]).ToArray();
        for (var page = 1; page <= pages.Length; page++)
        {
            for (var time = 0; time < times; time++)
            {
                var mapped = pages[page - 1].Select(record => connector.Map(record)).ToList();
                await _workshop.StageAsync(runId, new SourcePage(page, mapped, ends && page == pages.Length, null, null) { Connector = connector }, integration);
            }
        }
    }

    public Task<QualitySummary> CheckAsync(string runId, IntegrationKey? integration = null) =>
        _workshop.Warehouse.Database.WriteAsync(transaction => _check.Check(transaction, integration ?? Workshop.Okta, runId), default);

    public QualityReport Report(string? organization = null) => new QualityReports(_workshop.Warehouse, Time).Read(organization);

    public string[] Rows(string sql) => _workshop.Rows(sql);

    /// <summary>A run's issues as <c>rule field records [sample]</c>.</summary>
    public string[] Issues(string runId) =>
        Rows($"select rule || ' ' || field || ' ' || records || ' ' || sample from quality_issues where workflow_id = '{runId}' order by rule, field");

    public void Dispose() => _workshop.Dispose();

    private async Task<Connector> PinAsync(string[] rules)
    {
        var connector = Ruled.Connector(rules);
        if (Weights is not null)
            connector = connector.With($$"""{"weights":{{Weights}}}""", "provider_data.quality", Dataset.Users);
        var data = ProviderData.Parse($$"""{"permission_source_name":"X","api_endpoint":"http://127.0.0.1:1/users","connector":{{connector.Json}} }""");
        return _connectors.Find(await _connectors.PinAsync(new ConnectedIntegration("okta", "org-001", "rest", data), default))!;
    }
}
