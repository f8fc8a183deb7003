using System.Diagnostics;
using Elt.Durable;
using Elt.Durable.Ledger;
using Elt.Pipelines.Backfills;
using Elt.Pipelines.Changes;
using Elt.Pipelines.Datasets;
using Elt.Pipelines.Destinations;
using Elt.Pipelines.Extract;
using Elt.Pipelines.Faults;
using Elt.Pipelines.Incremental;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Onboarding;
using Elt.Pipelines.Orchestration;
using Elt.Pipelines.Plans;
using Elt.Pipelines.Quality;
using Elt.Pipelines.Reviews;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Sources.Budgets;
using Elt.Pipelines.Sources.Files;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Warehouse;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Elt.Pipelines;

/// <summary>Adds the pipelines to a host's engine.</summary>
public static class PipelineRegistration
{
    /// <summary>Queue that <c>elt-pipeline</c> runs go through.</summary>
    public const string Queue = "pipelines";

    /// <summary>Queue that the batches of all pipelines go through, those of each organization in turn.</summary>
    public const string BatchQueue = "batches";

    /// <summary>Name of the schedule that runs all integrations.</summary>
    public const string Schedule = "daily-elt";

    /// <summary>
    /// Registers workflows, queue and schedule, and in the host's services the stores that they use. Call
    /// <see cref="PipelineDatabases.InitializeAsync"/> before the host starts.
    /// </summary>
    /// <param name="builder">The engine.</param>
    /// <param name="options">Where data is kept and how pipelines behave.</param>
    /// <exception cref="ArgumentException">The options contradict themselves.</exception>
    /// <exception cref="PipelineSetupException">A dataset or a connector cannot be used.</exception>
    public static DurableBuilder AddPipelines(this DurableBuilder builder, PipelineOptions options)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        var datasets = Setup("datasets", () => new DatasetLibrary(options.DatasetFolder));
        AddStores(builder.Services, options, datasets);
        AddStages(builder.Services, options, datasets);
        if (options.ScheduleCron is { } cron)
            builder.AddSchedule(Schedule, cron, options.ScheduleTimeZone, slot => new ScheduledEltTrigger(slot));
        return builder
            .AddWorkflow<ScheduledEltTriggerWorkflow>()
            .AddWorkflow<RootOrchestrationWorkflow>()
            .AddWorkflow<EltPipelineWorkflow>()
            .AddWorkflow<ExtractAndLoadWorkflow>()
            .AddWorkflow<ExtractAndLoadBatchWorkflow>()
            .AddWorkflow<DetectChangesWorkflow>()
            .AddWorkflow<ApplyToLatestWorkflow>()
            .AddWorkflow<SyncOnwardWorkflow>()
            .AddWorkflow<PlanPipelineWorkflow>()
            .AddWorkflow<BackfillWorkflow>()
            .AddWorkflow<OnboardOrganizationWorkflow>()
            // Limits of the worker: a pipeline or batch that waits long is parked, and does not hold up those that could go on.
            .AddQueue(Queue, workerConcurrency: options.PipelineConcurrency)
            .AddQueue(BatchQueue, workerConcurrency: options.PipelineConcurrency * options.MaxParallelBatches);
    }

    private static void AddStores(IServiceCollection services, PipelineOptions options, DatasetLibrary datasets)
    {
        services.AddSingleton(_ => new WarehouseFile(options.WarehousePath, datasets));
        if (options.IntegrationsConnectionString is { } integrations)
        {
            services.AddKeyedSingleton(nameof(IIntegrationStore), (_, _) => NpgsqlDataSource.Create(integrations));
            services.AddSingleton<IIntegrationStore>(s => new PostgresIntegrationStore(s.GetRequiredKeyedService<NpgsqlDataSource>(nameof(IIntegrationStore))));
            services.AddSingleton<IBudgetStore>(s => new PostgresBudgets(s.GetRequiredKeyedService<NpgsqlDataSource>(nameof(IIntegrationStore))));
        }
        else
        {
            services.AddKeyedSingleton(nameof(IIntegrationStore), (_, _) => new SqliteDatabase(options.IntegrationsPath!));
            services.AddSingleton<IIntegrationStore>(s => new SqliteIntegrationStore(s.GetRequiredKeyedService<SqliteDatabase>(nameof(IIntegrationStore))));
            services.AddSingleton<IBudgetStore, WarehouseBudgets>();
        }
        if (options.DestinationConnectionString is { } destination)
        {
            services.AddKeyedSingleton(nameof(IDestination), (_, _) => NpgsqlDataSource.Create(destination));
            services.AddSingleton<IDestination>(s => new PostgresDestination(
                s.GetRequiredKeyedService<NpgsqlDataSource>(nameof(IDestination)), s.GetRequiredService<WarehouseFile>(), datasets, options.Deletes,
                options.Destination));
        }
        else
        {
            services.AddSingleton<IDestination>(s => new SqliteDestination(
                options.DestinationPath!, s.GetRequiredService<WarehouseFile>(), datasets, options.Deletes, options.Destination,
                s.GetRequiredService<TimeProvider>()));
        }
        services.AddSingleton<PipelineDatabases>();
        services.AddSingleton<DeleteReviews>();
        services.AddSingleton<QualityReports>();
    }

    private static void AddStages(IServiceCollection services, PipelineOptions options, DatasetLibrary datasets)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(options);
        services.AddSingleton(options.Source);
        services.AddSingleton(Setup("connectors", () => new ConnectorLibrary(datasets, options.Source.ConnectorFolder)));
        services.AddSingleton(s => new HttpSource(
            datasets, options.Source, s.GetRequiredService<ConnectorLibrary>(), s.GetRequiredService<RequestBudgets>(), s.GetRequiredService<TimeProvider>()));
        services.AddSingleton<RequestBudgets>();
        services.AddSingleton<RecordConfirmation>();
        services.AddSingleton(s => new FileSource(
            datasets, options.Source, s.GetRequiredService<ConnectorLibrary>(), Path.GetDirectoryName(Path.GetFullPath(options.WarehousePath))!,
            s.GetRequiredService<TimeProvider>()));
        services.AddSingleton<ISource, ConnectedSource>();
        services.AddSingleton(s => new FaultInjection(
            options.Faults, new Random(), Process.GetCurrentProcess().Kill, s.GetRequiredService<ILogger<FaultInjection>>()));
        services.AddSingleton(s => new PinnedConnectors(
            s.GetRequiredService<WarehouseFile>(), s.GetRequiredService<ConnectorLibrary>(), s.GetRequiredService<TimeProvider>()));
        services.AddSingleton(s => new SourceCircuits(s.GetRequiredService<WarehouseFile>(), options.Source, s.GetRequiredService<TimeProvider>()));
        services.AddSingleton<ConnectionCheck>();
        services.AddSingleton(s => new QuarantineReviews(
            datasets, s.GetRequiredService<WarehouseFile>(), s.GetRequiredService<IIntegrationStore>(), s.GetRequiredService<ConnectorLibrary>(),
            s.GetRequiredService<TimeProvider>()));
        services.AddSingleton<PipelineStages>();
    }

    private static T Setup<T>(string what, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException)
        {
            throw new PipelineSetupException($"The {what} cannot be used: {e.Message}", e);
        }
    }
}
