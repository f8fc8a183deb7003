using Elt.Pipelines.Changes;
using Elt.Pipelines.Contracts;
using Elt.Pipelines.Extract;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Plans;
using Elt.Pipelines.Quality;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Tests.Sources.Connectors;
using Elt.Pipelines.Tests.Suite;
using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Tests.Contracts;

/// <summary>Runs of an integration whose connector has a contract, on a warehouse of their own: records as they come, 20 more beside them.</summary>
internal sealed class ContractRuns : IDisposable
{
    private static readonly string[] Others = [.. Enumerable.Range(1, 20).Select(i => $$"""{"id":"o{{i:00}}","name":"Other","age":7}""")];

    private readonly Workshop _workshop;
    private readonly PinnedConnectors _connectors;
    private readonly QualityCheck _check;

    private ContractRuns(Workshop workshop)
    {
        _workshop = workshop;
        _connectors = new PinnedConnectors(workshop.Warehouse, new ConnectorLibrary(Dataset.Users), Time);
        _check = new QualityCheck(Dataset.Users, _connectors, Time);
    }

    public FrozenTime Time { get; } = new();

    public static async Task<ContractRuns> CreateAsync() => new(await Workshop.CreateAsync());

    public static ConnectedIntegration Connect(string contract, string more = "") => new(
        Workshop.Okta.ConnectedIntegrationId, Workshop.Okta.OrganizationId, "rest", ProviderData.Parse(
            $$"""
            {"permission_source_name":"X","api_endpoint":"http://127.0.0.1:1/users","contract":{{contract}},"connector":{
              "name":"bound","pagination":{"type":"none"},"records":{"path":"/users"},"key":["/id"],"ignore":["etag"],
              "fields":{"name":{"from":["/name"]},"email":{"from":["/age"],"type":"integer"} }{{more}} } }
            """));

    /// <summary>One run to latest.</summary>
    public async Task<DetectSummary> RunAsync(string runId, string contract, params string[] records)
    {
        await StageAsync(runId, contract, records);
        (await CheckAsync(runId)).EnsurePassed(Workshop.Okta);
        var detected = await _workshop.DetectAsync(runId);
        await _workshop.ApplyAsync(runId);
        return detected;
    }

    public async Task StageAsync(string runId, string contract, params string[] records)
    {
        await _workshop.AcquireAsync(runId);
        await StagePageAsync(runId, contract, records);
    }

    /// <summary>A plan's page, which the plan has begun to read.</summary>
    public async Task StagePlanAsync(string planId, string contract, params string[] records)
    {
        var plans = new PlanRuns(Dataset.Users, _check, _workshop.Changes, Time);
        await _workshop.Warehouse.Database.WriteAsync(transaction => plans.Begin(transaction, Workshop.Okta, planId), default);
        await StagePageAsync(planId, contract, records);
    }

    private async Task StagePageAsync(string runId, string contract, string[] records)
    {
        var connector = _connectors.Find(await _connectors.PinAsync(Connect(contract), default));
        var mapper = new RecordMapper(connector.Manifest, Dataset.Users, _workshop.Staging.KnownFields(Workshop.Okta));
        List<SourceRecord> mapped = [.. records.Concat(Others).Select(record => mapper.Map(System.Text.Json.JsonElement.Parse(record)))];
        await _workshop.StageAsync(runId, new SourcePage(1, mapped, IsLast: true, null, null) { Connector = connector, NewFields = mapper.NewFields, Breach = mapper.Breach });
    }

    public Task<QualitySummary> CheckAsync(string runId) =>
        _workshop.Warehouse.Database.WriteAsync(transaction => _check.Check(transaction, Workshop.Okta, runId), default);

    public Task WriteAsync(string sql) => _workshop.Warehouse.Database.WriteAsync(transaction => transaction.Execute(sql), default);

    public string[] Rows(string sql) => _workshop.Rows(sql);

    /// <summary>The records of latest beside the 20.</summary>
    public string[] Latest() => Rows("select external_id, name, email, attributes from users_latest where external_id not like 'o%' order by 1");

    /// <summary>What is in quarantine, with the first reason.</summary>
    public string[] Quarantine() => Rows(
        "select external_id, state, json_extract(reasons, '$[0].rule'), json_extract(reasons, '$[0].field'), json_extract(reasons, '$[0].message') from users_quarantine order by 1");

    /// <summary>A run's issues.</summary>
    public string[] Issues(string runId) =>
        Rows($"select rule, field, severity, action, records, sample, message from quality_issues where workflow_id = '{runId}' order by rule, field");

    /// <summary>What is known of the records.</summary>
    public string[] Known() => Rows("select field || ' ' || type from source_fields order by field, type");

    public void Dispose() => _workshop.Dispose();
}
