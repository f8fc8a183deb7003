using System.Diagnostics;
using System.Globalization;
using Elt.Benchmarks.Scale;
using Elt.Durable;
using Elt.Pipelines;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Orchestration;
using Elt.Pipelines.Sources;
using Elt.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Elt.Benchmarks.Tenants;

/// <summary>What the healthy tenants of one orchestration saw.</summary>
/// <param name="Run">With or without the bad ones: one that fails, one that is asked for a day's patience, one a hundred times as big.</param>
/// <param name="Tenants">Healthy tenants.</param>
/// <param name="Users">Users of each.</param>
/// <param name="Pipelines">Pipelines side by side.</param>
/// <param name="Seconds">From the start of the orchestration until all healthy tenants had ended.</param>
/// <param name="P50S">Median of the seconds from a tenant's turn to its end.</param>
/// <param name="P95S">95 of 100 tenants took at most this.</param>
/// <param name="MaxS">None took longer.</param>
/// <param name="EndP50S">Median of the seconds from the start of the orchestration to a tenant's end.</param>
internal sealed record TenantFigures(
    string Run, int Tenants, int Users, int Pipelines, double Seconds, double P50S, double P95S, double MaxS, double EndP50S);

/// <summary>Many small tenants over loopback HTTP into Postgres with fsync on, first among themselves, then with three that misbehave.</summary>
internal sealed class TenantsBench(Reporter reporter)
{
    private const int Pipelines = 8;
    private const string Root = "root";

    public async Task RunAsync(int tenants, int users, CancellationToken ct)
    {
        await using var server = await PostgresServer.StartAsync(fsync: true);
        await using var source = await ManyDirectories.StartAsync(users, pageSize: 100, ct);
        foreach (var bad in new[] { Array.Empty<string>(), ["failing", "limited", "big"] })
            await RunAsync(server, source, tenants, users, bad, ct);
    }

    private async Task RunAsync(PostgresServer server, ManyDirectories source, int tenants, int users, string[] bad, CancellationToken ct)
    {
        using var data = new TempFolder();
        using var host = Build(data, await server.NewDatabaseAsync(), await server.NewDatabaseAsync());
        await host.Services.GetRequiredService<PipelineDatabases>().InitializeAsync(ct);
        var healthy = Enumerable.Range(1, tenants).Select(i => Key($"healthy-{i:00000}")).ToList();
        var integrations = host.Services.GetRequiredService<IIntegrationStore>();
        foreach (var key in healthy)
            await integrations.UpsertAsync(Connect(key, source.Of("healthy")), ct);
        foreach (var kind in bad)
            await integrations.UpsertAsync(Connect(Key($"a-{kind}"), source.Of(kind)), ct);
        await host.StartAsync(ct);

        var client = host.Services.GetRequiredService<WorkflowClient>();
        var begun = Stopwatch.GetTimestamp();
        await client.StartAsync(new RootOrchestration(), Root, ct: ct);
        var runs = new List<RunInfo>();
        foreach (var key in healthy)
            runs.Add(await EndAsync(client, $"{Root}/{key.ToName()}", ct));
        Print(bad.Length == 0 ? "healthy alone" : "with the bad ones", users, Stopwatch.GetElapsedTime(begun), runs);
        await host.StopAsync(ct);
    }

    private static async Task<RunInfo> EndAsync(WorkflowClient client, string run, CancellationToken ct)
    {
        RunInfo? ended;
        while ((ended = await client.WaitAsync(run, ct)) is null)
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, ct);
        return ended.Status == RunStatus.Success ? ended : throw new InvalidOperationException($"{run} ended as {ended.Status}: {ended.Error?.Message}");
    }

    private void Print(string run, int users, TimeSpan total, List<RunInfo> runs)
    {
        var times = runs.Select(r => (r.CompletedAt!.Value - r.StartedAt!.Value).TotalSeconds).Order().ToList();
        var ends = runs.Select(r => (r.CompletedAt!.Value - r.CreatedAt).TotalSeconds).Order().ToList();
        var figures = new TenantFigures(
            run, runs.Count, users, Pipelines, Rounded(total.TotalSeconds), Rounded(times[times.Count / 2]), Rounded(times[(int)(times.Count * 0.95)]), Rounded(times[^1]),
            Rounded(ends[ends.Count / 2]));
        reporter.Print(figures, $"{figures.Run,-18} {figures.Tenants:N0} × {figures.Users:N0} users in {figures.Seconds:N2} s, a tenant p50 {figures.P50S:N3} s  p95 {figures.P95S:N3} s  "
            + $"max {figures.MaxS:N3} s, ended p50 {figures.EndP50S:N2} s after the start");
    }

    private static double Rounded(double seconds) => Math.Round(seconds, 3);

    private static IntegrationKey Key(FormattableString organization) => new(organization.ToString(CultureInfo.InvariantCulture), "bench");

    private static ConnectedIntegration Connect(IntegrationKey key, Uri endpoint) => new(
        key.ConnectedIntegrationId, key.OrganizationId, "demo", new ProviderData { PermissionSourceName = "Bench", ApiEndpoint = endpoint, PageSize = 100 });

    private static IHost Build(TempFolder data, string journal, string destination)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Logging.ClearProviders();
        builder.Services.AddDurable(durable => durable.UsePostgres(journal).AddPipelines(new PipelineOptions
        {
            ScheduleCron = null,
            WarehousePath = data.File("warehouse.db"),
            IntegrationsConnectionString = journal,
            DestinationConnectionString = destination,
            PipelineConcurrency = Pipelines,
            Source = new SourceOptions { AllowPrivateAddresses = true },
        }));
        return builder.Build();
    }
}
