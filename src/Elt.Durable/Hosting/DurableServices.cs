using Elt.Durable.Control;
using Elt.Durable.Execution;
using Elt.Durable.Hosting;
using Elt.Durable.Journal;
using Elt.Durable.Schedules;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace Elt.Durable;

/// <summary>Adds the engine to a host.</summary>
public static class DurableServices
{
    /// <summary>
    /// Adds the engine: the worker as a hosted service, <see cref="WorkflowClient"/> and <see cref="DurableHealth"/>. The worker starts with the host
    /// and stops cleanly with it: no further run is claimed, steps in flight finish within the grace period, the rest is given back.
    /// With <see cref="DurableBuilder.WithoutWorker"/> the host only opens the journal.
    /// </summary>
    /// <param name="services">The host's services.</param>
    /// <param name="configure">Chooses the journal, registers workflows, declares queues and schedules.</param>
    /// <exception cref="InvalidOperationException">No journal was chosen.</exception>
    public static IServiceCollection AddDurable(this IServiceCollection services, Action<DurableBuilder> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        var builder = new DurableBuilder(services);
        configure(builder);
        var createJournal = builder.CreateJournal ?? throw new InvalidOperationException("Choose where the journal is kept: UseSqlite(path) or UsePostgres(connectionString).");

        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(new JournalSettings());
        services.AddSingleton(provider => createJournal(provider.GetRequiredService<JournalSettings>()));
        services.AddSingleton(provider => new JournalClock(provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<JournalWriter>();
        services.AddSingleton<RunStarter>();
        services.AddSingleton<CompletionHub>();
        services.AddSingleton(builder.Workflows);
        services.AddSingleton(builder.Worker);
        services.AddSingleton(new Payloads(builder.Worker.MaxPayloadBytes));
        services.AddSingleton(provider => new ScheduleClient(
            provider.GetRequiredService<IJournal>(), builder.Schedules, provider.GetRequiredService<RunStarter>(),
            provider.GetRequiredService<Payloads>(), provider.GetRequiredService<JournalClock>()));
        services.AddSingleton(provider => new WorkflowClient(
            provider.GetRequiredService<IJournal>(), provider.GetRequiredService<WorkflowRegistry>(),
            provider.GetRequiredService<RunStarter>(), provider.GetRequiredService<CompletionHub>(), provider.GetRequiredService<Payloads>(),
            provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ScheduleClient>(), provider.GetRequiredService<JournalWriter>()));
        services.AddSingleton(provider => new DurableHealth(
            provider.GetRequiredService<IJournal>(), provider.GetService<Worker>(), builder.Schedules, provider.GetRequiredService<JournalClock>(), builder.Worker));
        if (builder.HasWorker)
            services.AddWorker(builder);
        else
            services.AddHostedService<JournalService>();
        return services;
    }

    private static void AddWorker(this IServiceCollection services, DurableBuilder builder)
    {
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<Scheduler>(provider, (IReadOnlyList<ScheduleDefinition>)builder.Schedules));
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<ExecutionServices>(
            provider, new Random(), provider.GetRequiredService<ILoggerFactory>().CreateLogger("Elt.Durable.Run")));
        services.AddSingleton<RunExecutor>();
        services.AddSingleton<UnservedWatch>();
        services.AddSingleton<Overdue>();
        services.AddSingleton<Retention>();
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<Worker>(provider, (IReadOnlyList<Queues.QueueDefinition>)builder.Queues));
        services.AddHostedService<WorkerService>();
    }
}
