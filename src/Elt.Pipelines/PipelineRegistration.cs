using System.Diagnostics;
using Elt.Durable;
using Elt.Durable.Ledger;
using Elt.Pipelines.Changes;
using Elt.Pipelines.Destinations;
using Elt.Pipelines.Extract;
using Elt.Pipelines.Faults;
using Elt.Pipelines.Incremental;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Latest;
using Elt.Pipelines.Orchestration;
using Elt.Pipelines.Plans;
using Elt.Pipelines.Reviews;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Sources.Files;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Staging;
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

    /// <summary>Name of the schedule that runs all integrations.</summary>
    public const string Schedule = "daily-elt";

    /// <summary>
    /// Registers workflows, queue and schedule, and in the host's services the stores that they use. Call
    /// <see cref="PipelineDatabases.InitializeAsync"/> before the host starts.
    /// </summary>
    /// <param name="builder">The engine.</param>
    /// <param name="options">Where data is kept and how pipelines behave.</param>
    /// <exception cref="ArgumentException">The options contradict themselves.</exception>
    /// <exception cref="PipelineSetupException">A connector cannot be used.</exception>
    public static DurableBuilder AddPipelines(this DurableBuilder builder, PipelineOptions options)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        AddStores(builder.Services, options);
        AddStages(builder.Services, options);
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
            .AddQueue(Queue, concurrency: options.PipelineConcurrency);
    }

    private static void AddStores(IServiceCollection services, PipelineOptions options)
    {
        services.AddSingleton(_ => new WarehouseFile(options.WarehousePath));
        if (options.IntegrationsConnectionString is { } integrations)
        {
            services.AddKeyedSingleton(nameof(IIntegrationStore), (_, _) => NpgsqlDataSource.Create(integrations));
            services.AddSingleton<IIntegrationStore>(s => new PostgresIntegrationStore(s.GetRequiredKeyedService<NpgsqlDataSource>(nameof(IIntegrationStore))));
        }
        else
        {
            services.AddKeyedSingleton(nameof(IIntegrationStore), (_, _) => new SqliteDatabase(options.IntegrationsPath!));
            services.AddSingleton<IIntegrationStore>(s => new SqliteIntegrationStore(s.GetRequiredKeyedService<SqliteDatabase>(nameof(IIntegrationStore))));
        }
        if (options.DestinationConnectionString is { } destination)
        {
            services.AddKeyedSingleton(nameof(IDestination), (_, _) => NpgsqlDataSource.Create(destination));
            services.AddSingleton<IDestination>(s => new PostgresDestination(
                s.GetRequiredKeyedService<NpgsqlDataSource>(nameof(IDestination)), s.GetRequiredService<WarehouseFile>(), Dataset.Users, options.Deletes,
                options.Destination));
        }
        else
        {
            services.AddSingleton<IDestination>(s => new SqliteDestination(
                options.DestinationPath!, s.GetRequiredService<WarehouseFile>(), Dataset.Users, options.Deletes, options.Destination,
                s.GetRequiredService<TimeProvider>()));
        }
        services.AddSingleton<PipelineDatabases>();
        services.AddSingleton<DeleteReviews>();
    }

    private static void AddStages(IServiceCollection services, PipelineOptions options)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(options);
        services.AddSingleton(options.Source);
        services.AddSingleton(Connectors(options.Source.ConnectorFolder));
        services.AddSingleton(s => new HttpSource(
            Dataset.Users, options.Source, s.GetRequiredService<ConnectorLibrary>(), s.GetRequiredService<TimeProvider>()));
        services.AddSingleton(s => new FileSource(
            Dataset.Users, options.Source, s.GetRequiredService<ConnectorLibrary>(), Path.GetDirectoryName(Path.GetFullPath(options.WarehousePath))!,
            s.GetRequiredService<TimeProvider>()));
        services.AddSingleton<ISource, ConnectedSource>();
        services.AddSingleton(s => new FaultInjection(
            options.Faults, new Random(), Process.GetCurrentProcess().Kill, s.GetRequiredService<ILogger<FaultInjection>>()));
        services.AddSingleton(s => new PageStaging(s.GetRequiredService<WarehouseFile>(), Dataset.Users, s.GetRequiredService<TimeProvider>()));
        services.AddSingleton(s => new PinnedConnectors(
            s.GetRequiredService<WarehouseFile>(), s.GetRequiredService<ConnectorLibrary>(), s.GetRequiredService<TimeProvider>()));
        services.AddSingleton(s => new RunReadings(
            s.GetRequiredService<WarehouseFile>(), s.GetRequiredService<PinnedConnectors>(), Dataset.Users, s.GetRequiredService<TimeProvider>()));
        services.AddSingleton(s => new SourceCircuits(s.GetRequiredService<WarehouseFile>(), options.Source, s.GetRequiredService<TimeProvider>()));
        services.AddSingleton(s => new ChangeDetection(Dataset.Users, options.Deletes, options.Quality, s.GetRequiredService<TimeProvider>()));
        services.AddSingleton(s => new QuarantineReviews(
            Dataset.Users, s.GetRequiredService<WarehouseFile>(), s.GetRequiredService<IIntegrationStore>(), s.GetRequiredService<ConnectorLibrary>(),
            s.GetRequiredService<TimeProvider>()));
        services.AddSingleton(s => new PlanRuns(Dataset.Users, s.GetRequiredService<ChangeDetection>(), s.GetRequiredService<TimeProvider>()));
        services.AddSingleton(s => new LatestState(Dataset.Users, s.GetRequiredService<TimeProvider>()));
        services.AddSingleton(s => new RunAcquisition(s.GetRequiredService<WarehouseFile>(), Dataset.Users, s.GetRequiredService<TimeProvider>()));
    }

    private static ConnectorLibrary Connectors(string? folder)
    {
        try
        {
            return new ConnectorLibrary(Dataset.Users, folder);
        }
        catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException)
        {
            throw new PipelineSetupException($"The connectors cannot be used: {e.Message}", e);
        }
    }
}
