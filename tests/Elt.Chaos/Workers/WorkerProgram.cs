using System.Globalization;
using System.Text;
using Elt.Durable;
using Elt.Durable.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Elt.Chaos.Workers;

/// <summary>
/// A process that executes runs until its standard input ends. To the line <c>who</c> it answers with the worker's id. On SQLite, where no other
/// process can start runs, it starts them itself, and writes the ids of those that have ended into the file <c>ended</c>.
/// </summary>
internal static class WorkerProgram
{
    public static async Task RunAsync(IReadOnlyDictionary<string, string> options)
    {
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Logging.AddProvider(new EventLog((id, message) => Console.Error.WriteLine($"{id.Id} {message}")));
        AddEngine(builder.Services, options);
        using var host = builder.Build();
        await host.StartAsync();
        if (options.TryGetValue("sqlite", out var folder))
            _ = FeedAsync(host.Services, folder, (int)Number(options, "runs", 0));
        await Console.Out.WriteLineAsync("ready");
        var health = host.Services.GetRequiredService<DurableHealth>();
        while (await Console.In.ReadLineAsync() is not null)
            await Console.Out.WriteLineAsync(health.WorkerId);
        await host.StopAsync();
    }

    /// <summary>The engine with the workflows of the proofs, on Postgres or SQLite; <c>deeds</c> is another way to the same Postgres database.</summary>
    public static void AddEngine(IServiceCollection services, IReadOnlyDictionary<string, string> options)
    {
        var pause = TimeSpan.FromMilliseconds(Number(options, "pause", 0));
        if (options.TryGetValue("sqlite", out var folder))
        {
            services.AddSingleton(new SqliteDeeds(folder, pause));
            services.AddSingleton<Deeds>(provider => provider.GetRequiredService<SqliteDeeds>());
        }
        else
        {
            var deeds = options.GetValueOrDefault("deeds", options["postgres"]);
            services.AddSingleton(_ => NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(deeds) { MaxPoolSize = (int)Number(options, "pool", 10) }));
            services.AddSingleton<Deeds>(provider => new PostgresDeeds(
                provider.GetRequiredService<NpgsqlDataSource>(), new Lazy<DurableHealth>(provider.GetRequiredService<DurableHealth>), pause));
        }
        services.AddDurable(durable =>
        {
            if (folder is not null)
                durable.UseSqlite(Path.Combine(folder, "journal.db"));
            else
                durable.UsePostgres(new NpgsqlConnectionStringBuilder(options["postgres"]) { MaxPoolSize = (int)Number(options, "pool", 10) }.ToString());
            durable.AddWorkflow<ChainWorkflow>().AddWorkflow<TreeWorkflow>().AddQueue("narrow", concurrency: 5).AddQueue("wide").ConfigureWorker(worker =>
            {
                worker.Lease = TimeSpan.FromSeconds(Number(options, "lease", 2));
                worker.MaxConcurrentRuns = (int)Number(options, "concurrency", 20);
                worker.PollInterval = TimeSpan.FromMilliseconds(200);
                worker.ParkAfter = TimeSpan.FromMilliseconds(200);
                worker.StopGrace = TimeSpan.FromSeconds(2);
            });
        });
    }

    private static async Task FeedAsync(IServiceProvider services, string folder, int runs)
    {
        await services.GetRequiredService<SqliteDeeds>().CreateTablesAsync();
        var client = services.GetRequiredService<WorkflowClient>();
        using var ended = new FileStream(Path.Combine(folder, "ended"), FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        await Parallel.ForAsync(0, runs, new ParallelOptions { MaxDegreeOfParallelism = 20 }, async (i, ct) =>
        {
            await (await client.StartAsync(new Chain(10), $"chain-{i}", ct: ct)).ResultAsync(ct);
            lock (ended)
                ended.Write(Encoding.UTF8.GetBytes($"chain-{i}\n"));
        });
    }

    private static double Number(IReadOnlyDictionary<string, string> options, string name, double otherwise) =>
        options.TryGetValue(name, out var text) ? double.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
