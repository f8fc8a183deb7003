using Elt.Benchmarks.Engine;
using Elt.Durable;
using Elt.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Elt.Benchmarks.Scale;

/// <summary>What a worker costs that has nothing to do, as Postgres counts it.</summary>
/// <param name="Seconds">How long it was watched.</param>
/// <param name="UseNotifications">Whether it listened.</param>
/// <param name="StatementsPerS">Statements, per second.</param>
/// <param name="TransactionsPerS">Transactions, per second.</param>
/// <param name="WalBytesPerS">Write-ahead log, bytes per second.</param>
internal sealed record IdleFigures(double Seconds, bool UseNotifications, double StatementsPerS, double TransactionsPerS, double WalBytesPerS);

/// <summary>Counts the statements of an idle worker.</summary>
internal sealed class IdleBench(Reporter report)
{
    public async Task RunAsync(TimeSpan duration, bool useNotifications, CancellationToken ct)
    {
        await using var server = await PostgresServer.StartAsync(fsync: true, preload: "pg_stat_statements");
        var connectionString = await server.NewDatabaseAsync();
        // Watched from a connection to another database, so that watching does not count.
        await using var watcher = NpgsqlDataSource.Create(await server.NewDatabaseAsync());
        await ExecuteAsync(watcher, "create extension pg_stat_statements", ct);
        using var host = BuildHost(connectionString, useNotifications);
        await host.StartAsync(ct);
        await Task.Delay(TimeSpan.FromSeconds(5), TimeProvider.System, ct);

        var database = new NpgsqlConnectionStringBuilder(connectionString).Database!;
        var before = await CountAsync(watcher, database, ct);
        await ExecuteAsync(watcher, "select pg_stat_statements_reset()", ct);
        await Task.Delay(duration, TimeProvider.System, ct);
        var statements = await StatementsAsync(watcher, database, ct);
        var after = await CountAsync(watcher, database, ct);
        await host.StopAsync(ct);

        double PerSecond(long count) => Math.Round(count / duration.TotalSeconds, 3);
        var figures = new IdleFigures(
            duration.TotalSeconds, useNotifications, PerSecond(statements.Sum(s => s.Calls)), PerSecond(after.Transactions - before.Transactions), PerSecond(after.WalBytes - before.WalBytes));
        report.Print(figures, $"idle for {figures.Seconds} s, {(useNotifications ? "with" : "without")} notifications: {figures.StatementsPerS} statements/s, "
            + $"{figures.TransactionsPerS} transactions/s, {figures.WalBytesPerS} bytes/s of write-ahead log");
        foreach (var (calls, text) in statements)
            report.Print(new { calls, text }, $"  {calls,5}  {text}");
    }

    private static IHost BuildHost(string connectionString, bool useNotifications)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<StepTimes>();
        builder.Services.AddDurable(durable => durable.UsePostgres(connectionString)
            .AddWorkflow<NoOpStepsWorkflow>().AddQueue(Shape.Queue).ConfigureWorker(worker => worker.UseNotifications = useNotifications));
        return builder.Build();
    }

    private static async Task<(long Transactions, long WalBytes)> CountAsync(NpgsqlDataSource watcher, string database, CancellationToken ct)
    {
        await using var command = watcher.CreateCommand(
            $"select xact_commit + xact_rollback, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint from pg_stat_database where datname = '{database}'");
        await using var reader = await command.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        return (reader.GetInt64(0), reader.GetInt64(1));
    }

    private static async Task<List<(long Calls, string Text)>> StatementsAsync(NpgsqlDataSource watcher, string database, CancellationToken ct)
    {
        await using var command = watcher.CreateCommand(
            $"""
            select calls, left(regexp_replace(query, '\s+', ' ', 'g'), 100) from pg_stat_statements s join pg_database d on d.oid = s.dbid
            where datname = '{database}' order by calls desc
            """);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var statements = new List<(long, string)>();
        while (await reader.ReadAsync(ct))
            statements.Add((reader.GetInt64(0), reader.GetString(1)));
        return statements;
    }

    private static async Task ExecuteAsync(NpgsqlDataSource watcher, string sql, CancellationToken ct)
    {
        await using var command = watcher.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(ct);
    }
}
