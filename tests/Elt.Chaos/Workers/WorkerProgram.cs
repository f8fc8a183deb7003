using System.Globalization;
using Elt.Durable;
using Elt.Durable.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Elt.Chaos.Workers;

/// <summary>A process that executes runs until its standard input ends. To the line <c>who</c> it answers with the worker's id.</summary>
internal static class WorkerProgram
{
    public static async Task RunAsync(IReadOnlyDictionary<string, string> options)
    {
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Logging.AddProvider(new EventLog((id, message) => Console.Error.WriteLine($"{id.Id} {message}")));
        AddEngine(builder.Services, options);
        using var host = builder.Build();
        await host.StartAsync();
        await Console.Out.WriteLineAsync("ready");
        var health = host.Services.GetRequiredService<DurableHealth>();
        while (await Console.In.ReadLineAsync() is not null)
            await Console.Out.WriteLineAsync(health.WorkerId);
        await host.StopAsync();
    }

    /// <summary>The engine with the workflows of the proofs on a Postgres journal; <c>deeds</c> is another way to the same database.</summary>
    public static void AddEngine(IServiceCollection services, IReadOnlyDictionary<string, string> options)
    {
        var connection = options["postgres"];
        var deeds = options.GetValueOrDefault("deeds", connection);
        services.AddSingleton(_ => NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(deeds) { MaxPoolSize = 10 }));
        services.AddSingleton<Deeds>(provider => new PostgresDeeds(
            provider.GetRequiredService<NpgsqlDataSource>(), new Lazy<DurableHealth>(provider.GetRequiredService<DurableHealth>),
            TimeSpan.FromMilliseconds(Number(options, "pause", 0))));
        services.AddDurable(durable => durable
            .UsePostgres(new NpgsqlConnectionStringBuilder(connection) { MaxPoolSize = 10 }.ToString())
            .AddWorkflow<ChainWorkflow>()
            .AddWorkflow<TreeWorkflow>()
            .AddQueue("narrow", concurrency: 5)
            .AddQueue("wide")
            .ConfigureWorker(worker =>
            {
                worker.Lease = TimeSpan.FromSeconds(Number(options, "lease", 2));
                worker.MaxConcurrentRuns = (int)Number(options, "concurrency", 20);
                worker.PollInterval = TimeSpan.FromMilliseconds(200);
                worker.ParkAfter = TimeSpan.FromMilliseconds(200);
                worker.StopGrace = TimeSpan.FromSeconds(2);
            }));
    }

    private static double Number(IReadOnlyDictionary<string, string> options, string name, double otherwise) =>
        options.TryGetValue(name, out var text) ? double.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
