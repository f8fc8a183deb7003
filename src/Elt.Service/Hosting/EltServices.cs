using Elt.Durable;
using Elt.Durable.Hosting;
using Elt.Pipelines;
using Elt.Pipelines.Destinations;
using Elt.Pipelines.Faults;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Warehouse;
using Elt.Service.Api;

namespace Elt.Service.Hosting;

/// <summary>Composes engine and pipelines as the options say.</summary>
internal static class EltServices
{
    public static void AddElt(this IServiceCollection services, ServiceOptions options)
    {
        services.AddDurable(durable =>
        {
            if (options.Postgres is { } postgres)
                durable.UsePostgres(postgres.ConnectionString);
            else
                durable.UseSqlite(options.JournalFile);
            durable.ConfigureWorker(worker => (worker.Lease, worker.StopGrace) = (options.Lease, options.StopGrace));
            durable.AddPipelines(Pipelines(options));
        });
        services.AddSingleton(new WorkflowCatalog(typeof(PipelineOptions).Assembly));
        services.AddSingleton<HealthReport>();
        services.AddHealth("journal", (DurableHealth health, CancellationToken ct) => health.CheckJournalAsync(ct));
        services.AddHealth("warehouse", (WarehouseFile warehouse, CancellationToken ct) => WellAsync(warehouse.CheckAsync(ct)));
        services.AddHealth("destination", (IDestination destination, CancellationToken ct) => WellAsync(destination.CheckAsync(ct)));
        services.AddHealth("worker", (DurableHealth health, CancellationToken _) => Task.FromResult(health.CheckWorker()));
        services.AddHealth("schedule", (DurableHealth health, CancellationToken _) => Task.FromResult(CheckSchedule(health)));
    }

    private static PipelineOptions Pipelines(ServiceOptions options) => new()
    {
        WarehousePath = options.WarehouseFile,
        IntegrationsPath = options.Postgres is null ? options.JournalFile : null,
        IntegrationsConnectionString = options.Postgres?.ConnectionString,
        DestinationPath = options.Destination is null ? options.DestinationFile : null,
        DestinationConnectionString = options.Destination?.ConnectionString,
        ScheduleCron = options.ScheduleCron,
        ScheduleTimeZone = options.ScheduleZone,
        Source = new SourceOptions { AllowPrivateAddresses = options.PrivateSources, ConnectorFolder = options.Connectors, FileFolder = options.Files },
        DatasetFolder = options.Datasets,
        Destination = options.DestinationKeeps,
        Faults = options.Faults,
    };

    private static void AddHealth<TPart>(this IServiceCollection services, string name, Func<TPart, CancellationToken, Task<string?>> check)
        where TPart : notnull =>
        services.AddSingleton(provider => new HealthPart(name, ct => check(provider.GetRequiredService<TPart>(), ct)));

    private static async Task<string?> WellAsync(Task check)
    {
        await check;
        return null;
    }

    private static string? CheckSchedule(DurableHealth health) =>
        health.Schedules.FirstOrDefault(schedule => schedule.NextSlot is null) is { } ended
            ? $"The schedule '{ended.Name}' ({ended.Cron}, {ended.TimeZone}) has no slot any more."
            : null;
}
