using Elt.Durable;
using Elt.Pipelines.Destinations;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Orchestration;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Tests.Sources;
using Elt.Pipelines.Warehouse;
using Elt.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Elt.Pipelines.Tests.Suite;

/// <summary>A host with the engine and the pipelines on files of its own (or a database), and a provider that it reads from.</summary>
internal sealed class PipelineHost : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly string? _postgres;
    private readonly Func<PipelineOptions, PipelineOptions> _configure;
    private IHost _host = null!;

    private PipelineHost(string? postgres, Func<PipelineOptions, PipelineOptions> configure)
    {
        _postgres = postgres;
        _configure = configure;
    }

    public Provider Provider { get; private set; } = null!;

    /// <summary>Called before each page is read.</summary>
    public Func<int, Task>? BeforePage { get; set; }

    /// <summary>Called with the id of the run before each sync.</summary>
    public Func<string, Task>? BeforeSync { get; set; }

    public WorkflowClient Client => Get<WorkflowClient>();

    public static async Task<PipelineHost> StartAsync(Func<PipelineOptions, PipelineOptions>? configure = null, string? postgres = null)
    {
        var host = new PipelineHost(postgres, configure ?? (options => options)) { Provider = await Provider.StartAsync() };
        await host.StartHostAsync();
        return host;
    }

    public T Get<T>()
        where T : notnull => _host.Services.GetRequiredService<T>();

    /// <summary>Connects a directory of the provider.</summary>
    public Task ConnectAsync(User[] users, IntegrationKey? key = null, int pageSize = 10) =>
        Get<IIntegrationStore>().UpsertAsync(Provider.Connect(key ?? Workshop.Okta, users, pageSize));

    /// <summary>Runs the pipeline of the standard integration and returns its result.</summary>
    public async Task<PipelineSummary> RunAsync(string? id = null, int batches = 10, int pagesPerBatch = 10) => await ResultAsync(
        await Client.StartAsync(new EltPipeline(Workshop.Okta.OrganizationId, Workshop.Okta.ConnectedIntegrationId, batches, pagesPerBatch), id));

    public static Task<T> ResultAsync<T>(WorkflowHandle<T> run) => run.ResultAsync(Patience());

    /// <summary>No test waits longer for anything.</summary>
    public static CancellationToken Patience() => new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;

    /// <summary>Stops the host as a deploy does and starts it again on the same files.</summary>
    public async Task RestartAsync()
    {
        await StopHostAsync();
        await StartHostAsync();
    }

    /// <summary>Rows of a query on the warehouse.</summary>
    public string[] Warehouse(string sql) => Workshop.Rows(Get<Elt.Pipelines.Warehouse.WarehouseFile>().Database, sql);

    /// <summary>Rows of a query on the destination's file.</summary>
    public string[] Destination(string sql)
    {
        using var destination = new Elt.Durable.Ledger.SqliteDatabase(_folder.File("destination.db"));
        return Workshop.Rows(destination, sql);
    }

    /// <summary>The destination's file, as the pipelines write it.</summary>
    public Elt.Durable.Ledger.SqliteDatabase DestinationDatabase => ((SqliteDestination)((HeldDestination)Get<IDestination>()).Held).Database;

    /// <summary>Changes the warehouse behind the pipelines' back.</summary>
    public Task WriteWarehouseAsync(string sql) =>
        Get<Elt.Pipelines.Warehouse.WarehouseFile>().Database.WriteAsync(transaction => transaction.Execute(sql), default);

    /// <summary>All that the journal's file holds, as text.</summary>
    public string Journal()
    {
        var journal = _host.Services.GetRequiredKeyedService<Elt.Durable.Ledger.SqliteDatabase>(nameof(IIntegrationStore));
        return string.Join('\n', Workshop.Rows(journal, "select name from sqlite_master where type = 'table'").SelectMany(table => Workshop.Rows(journal, $"select * from \"{table}\"")));
    }

    public async ValueTask DisposeAsync()
    {
        await StopHostAsync();
        await Provider.DisposeAsync();
        _folder.Dispose();
    }

    private async Task StartHostAsync()
    {
        var options = _configure(new PipelineOptions
        {
            ScheduleCron = null,
            WarehousePath = _folder.File("warehouse.db"),
            IntegrationsPath = _postgres is null ? _folder.File("journal.db") : null,
            IntegrationsConnectionString = _postgres,
            DestinationPath = _postgres is null ? _folder.File("destination.db") : null,
            DestinationConnectionString = _postgres,
            Source = new SourceOptions
            {
                AllowPrivateAddresses = true,
                NetworkDelay = TimeSpan.FromMilliseconds(1),
                TimeoutDelay = TimeSpan.FromMilliseconds(1),
                RateLimitDelay = TimeSpan.FromMilliseconds(1),
            },
        });
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Logging.ClearProviders();
        builder.Services.AddDurable(durable =>
        {
            durable.ConfigureWorker(worker => worker.StopGrace = TimeSpan.FromMilliseconds(100));
            (_postgres is null ? durable.UseSqlite(_folder.File("journal.db")) : durable.UsePostgres(_postgres)).AddPipelines(options);
        });
        builder.Services.AddSingleton<ISource>(services => new HeldSource(ActivatorUtilities.CreateInstance<ConnectedSource>(services), this));
        var destination = builder.Services.Last(service => service.ServiceType == typeof(IDestination)).ImplementationFactory!;
        builder.Services.AddSingleton<IDestination>(services => new HeldDestination((IDestination)destination(services), this));
        _host = builder.Build();
        await Get<PipelineDatabases>().InitializeAsync();
        await _host.StartAsync();
    }

    private async Task StopHostAsync()
    {
        await _host.StopAsync();
        if (_host is IAsyncDisposable host)
            await host.DisposeAsync();
    }

    private sealed class HeldDestination(IDestination destination, PipelineHost host) : IDestination, IDisposable
    {
        public IDestination Held => destination;

        public Task InitializeAsync(CancellationToken ct) => destination.InitializeAsync(ct);

        public Task CheckAsync(CancellationToken ct) => destination.CheckAsync(ct);

        public Task<IReadOnlyDictionary<IntegrationKey, long>> CountAsync(string dataset, CancellationToken ct) => destination.CountAsync(dataset, ct);

        public async Task<SyncSummary> SyncAsync(WorkflowContext context, string step, IntegrationKey integration, string runId)
        {
            if (host.BeforeSync is { } hold)
                await hold(runId);
            return await destination.SyncAsync(context, step, integration, runId);
        }

        public void Dispose() => (destination as IDisposable)?.Dispose();
    }

    private sealed class HeldSource(ISource source, PipelineHost host) : ISource
    {
        public async Task<SourcePage> FetchAsync(PageRequest request, CancellationToken ct)
        {
            if (host.BeforePage is { } hold)
                await hold(request.Page).WaitAsync(ct);
            return await source.FetchAsync(request, ct);
        }
    }
}
