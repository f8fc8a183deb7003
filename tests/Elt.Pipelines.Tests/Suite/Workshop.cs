using System.Text;
using System.Text.Json;
using Elt.Pipelines.Changes;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Latest;
using Elt.Pipelines.Quality;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Staging;
using Elt.Pipelines.Tests.Sources;
using Elt.Pipelines.Warehouse;
using Elt.Testing;

namespace Elt.Pipelines.Tests.Suite;

/// <summary>A user as a test states it; <see cref="More"/> is added to the JSON as it is.</summary>
internal sealed record User(string? Id, string? Name = "Name", string? Email = "mail@example.org", string? More = null)
{
    public string ToJson() =>
        $$"""{"id":{{JsonSerializer.Serialize(Id)}},"name":{{JsonSerializer.Serialize(Name)}},"email":{{JsonSerializer.Serialize(Email)}}{{(More is null ? "" : "," + More)}}}""";

    public static User[] Many(int count, int from = 1) =>
        [.. Enumerable.Range(from, count).Select(i => new User($"u{i:000000}", $"User {i}", $"u{i}@example.org"))];
}

/// <summary>The stages of a pipeline on a warehouse of their own, driven by hand: what the workflows do, without the engine.</summary>
internal sealed class Workshop : IDisposable
{
    private readonly TempFolder _folder = new();

    public Workshop(DeleteThresholds? thresholds = null)
    {
        Thresholds = thresholds ?? new DeleteThresholds();
        Warehouse = new WarehouseFile(_folder.File("warehouse.db"));
        Runs = new RunAcquisition(Dataset.Users, TimeProvider.System);
        Staging = new PageStaging(Warehouse, Dataset.Users, TimeProvider.System);
        Changes = new ChangeDetection(Dataset.Users, Thresholds, new QualityGate(), TimeProvider.System);
        Latest = new LatestState(Dataset.Users, TimeProvider.System);
    }

    public static IntegrationKey Okta { get; } = new("org-001", "okta");

    public DeleteThresholds Thresholds { get; }

    public WarehouseFile Warehouse { get; }

    public RunAcquisition Runs { get; }

    public PageStaging Staging { get; }

    public ChangeDetection Changes { get; }

    public LatestState Latest { get; }

    public string File(string name) => _folder.File(name);

    public static async Task<Workshop> CreateAsync(DeleteThresholds? thresholds = null)
    {
        var workshop = new Workshop(thresholds);
        await workshop.Warehouse.InitializeAsync();
        return workshop;
    }

    /// <summary>One run from extract to latest.</summary>
    public async Task<DetectSummary> RunAsync(string runId, User[] users, IntegrationKey? integration = null, int pageSize = 100)
    {
        await ExtractAsync(runId, users, integration, pageSize);
        var detected = await DetectAsync(runId, integration);
        await ApplyAsync(runId, integration);
        return detected;
    }

    public async Task ExtractAsync(string runId, User[] users, IntegrationKey? integration = null, int pageSize = 100)
    {
        await AcquireAsync(runId, integration);
        var pages = users.Chunk(pageSize).DefaultIfEmpty([]).ToArray();
        for (var page = 1; page <= pages.Length; page++)
            await StageAsync(runId, Page(page, pages[page - 1], pages.Length, users.Length), integration);
    }

    public Task AcquireAsync(string runId, IntegrationKey? integration = null) => Warehouse.Database.WriteAsync(
        transaction => Runs.Acquire(transaction, integration ?? Okta, runId), default);

    public Task<StagedPage> StageAsync(string runId, SourcePage page, IntegrationKey? integration = null) =>
        Staging.StageAsync(integration ?? Okta, runId, page, () => { }, default);

    public Task<DetectSummary> DetectAsync(string runId, IntegrationKey? integration = null) =>
        Warehouse.Database.WriteAsync(transaction => Changes.Detect(transaction, integration ?? Okta, runId), default);

    public Task<ApplySummary> ApplyAsync(string runId, IntegrationKey? integration = null) =>
        Warehouse.Database.WriteAsync(transaction => Latest.Apply(transaction, integration ?? Okta, runId), default);

    /// <summary>A page as the source's JSON is parsed; without totals when they are left out.</summary>
    public static SourcePage Page(int page, User[] users, int? totalPages = null, int? total = null)
    {
        var declared = (totalPages is null ? "" : $"\"total_pages\":{totalPages},") + (total is null ? "" : $"\"total\":{total},");
        var body = $$"""{"page":{{page}},{{declared}}"users":[{{string.Join(',', users.Select(u => u.ToJson()))}}]}""";
        return DemoPages.Parse(Encoding.UTF8.GetBytes(body), page);
    }

    /// <summary>Rows of a query on the warehouse, their columns joined by <c>|</c>, NULL as <c>-</c>.</summary>
    public string[] Rows(string sql) => Rows(Warehouse.Database, sql);

    public static string[] Rows(Elt.Durable.Ledger.SqliteDatabase database, string sql)
    {
        using var connection = database.OpenRead();
        using var command = connection.Command(sql);
        using var row = command.ExecuteReader();
        var rows = new List<string>();
        while (row.Read())
            rows.Add(string.Join('|', Enumerable.Range(0, row.FieldCount).Select(i => row.IsDBNull(i) ? "-" : row.GetString(i))));
        return [.. rows];
    }

    /// <summary>A run's changes, ordered.</summary>
    public string[] ChangesOf(string runId) =>
        Rows($"select change_type, external_id, changed_fields from users_cdc where workflow_id = '{runId}' order by organization_id, connected_integration_id, external_id");

    public void Dispose()
    {
        Warehouse.Dispose();
        _folder.Dispose();
    }
}
