using System.Data.Common;
using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Elt.Durable.Journal.Migrations;
using Elt.Durable.Ledger;
using Elt.Durable.Tests.Suite;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace Elt.Durable.Tests.Golden;

public sealed class GoldenJournalsInPostgres : GoldenJournalTests<PostgresStore, NpgsqlTransaction>
{
    private NpgsqlDataSource? _dataSource;

    protected override string EffectsTable => "durable.golden_effects";

    protected override TransactionalDatabase<NpgsqlTransaction> OpenTarget() => new PostgresDatabase(_dataSource ??= NpgsqlDataSource.Create(Store.ConnectionString));

    private protected override async Task<string> DumpAsync()
    {
        var database = new NpgsqlConnectionStringBuilder(Store.ConnectionString);
        var start = new ProcessStartInfo("pg_dump") { RedirectStandardOutput = true };
        foreach (var argument in new[]
        {
            "--inserts", "--schema=durable", "--no-owner", "--no-privileges", "--no-comments",
            "-h", database.Host!, "-p", $"{database.Port}", "-U", database.Username!, database.Database!,
        })
        {
            start.ArgumentList.Add(argument);
        }
        using var dump = Process.Start(start)!;
        var lines = (await dump.StandardOutput.ReadToEndAsync()).Split('\n');
        await dump.WaitForExitAsync();
        Assert.Equal(0, dump.ExitCode);
        // Comments name the server's version; lines that begin with a backslash are for psql.
        return string.Join('\n', lines.Where(line => line.Length > 0 && !line.StartsWith("--", StringComparison.Ordinal) && line[0] != '\\')) + "\n";
    }
}

public sealed class GoldenJournalsInSqlite : GoldenJournalTests<SqliteStore, SqliteTransaction>
{
    protected override string EffectsTable => "golden_effects";

    protected override TransactionalDatabase<SqliteTransaction> OpenTarget() => new SqliteDatabase(Store.Path);

    private protected override async Task<string> DumpAsync()
    {
        await using var connection = new SqliteConnection($"Data Source={Store.Path};Pooling=false");
        await connection.OpenAsync();
        var dump = new StringBuilder();
        foreach (var (name, sql) in await RowsAsync(connection, "select name, sql from sqlite_master where sql is not null order by type = 'index', rowid", r => (r.GetString(0), r.GetString(1))))
        {
            dump.Append(sql).Append(";\n");
            var columns = await RowsAsync(connection, $"select name from pragma_table_info('{name}')", r => r.GetString(0));
            if (sql.StartsWith("create table", StringComparison.OrdinalIgnoreCase))
            {
                foreach (var row in await RowsAsync(connection, $"select {string.Join(" || ', ' || ", columns.Select(c => $"quote({c})"))} from {name} order by 1", r => r.GetString(0)))
                    dump.Append($"insert into {name} ({string.Join(", ", columns)}) values ({row});\n");
            }
        }
        return dump.ToString();
    }

    private static async Task<List<T>> RowsAsync<T>(SqliteConnection connection, string sql, Func<SqliteDataReader, T> read)
    {
        await using var command = new SqliteCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<T>();
        while (await reader.ReadAsync())
            rows.Add(read(reader));
        return rows;
    }
}

/// <summary>The journals' versions, each the number of its last migration; there is a dump for each store.</summary>
public static class GoldenVersions
{
    public static TheoryData<int> All => [1];
}

/// <summary>Journals as released versions left them are opened and finished by today's code.</summary>
public abstract partial class GoldenJournalTests<TStore, TTransaction> : GoldenJournalWriter<TStore, TTransaction>
    where TStore : IStore, new()
    where TTransaction : DbTransaction
{
    /// <summary>The result of each run. What says <c>then</c> was recorded in the journal, what says <c>now</c> is left for today's code.</summary>
    private static readonly Dictionary<string, string> Results = new()
    {
        ["finished"] = Steps("finished", "System.InvalidOperationException: finished/flaw failed then", "then", "then"),
        ["in-flight"] = Steps("in-flight", "System.InvalidOperationException: in-flight/flaw failed then", "then", "now"),
        ["begun"] = Steps("begun", "begun/flaw:now", "now", "now"),
        ["queued-1"] = Steps("queued-1", "queued-1/flaw:now", "now", "now"),
        ["queued-2"] = Steps("queued-2", "queued-2/flaw:now", "now", "now"),
        ["queued-3"] = Steps("queued-3", "queued-3/flaw:now", "now", "now"),
        ["delayed"] = Steps("delayed", "delayed/flaw:now", "now", "now"),
        ["asleep"] = "asleep/before:then, asleep/after:now, an hour later",
        ["retrying"] = "retrying/again:now",
        ["family"] = "family/before:then, first(family/first/one:then, family/first/two:then), second(family/second/one:then, family/second/two:then), flawed ERROR, "
            + "open(family/open/one:then, family/open/two:now), queued(family/queued/one:now, family/queued/two:now), family/after:now",
        ["mapping"] = "mapping/a/one:then, mapping/a/two:then, mapping/b/one:then, mapping/b/two:now, mapping/c/one:now, mapping/c/two:now",
        ["paid"] = "paid/pay:then, paid/receipt:now",
        ["paying"] = "paying/pay:then, paying/receipt:now",
    };

    [Theory]
    [MemberData(nameof(GoldenVersions.All), MemberType = typeof(GoldenVersions))]
    [Trait("promise", "E3")]
    public async Task A_journal_of_an_older_version_is_finished_by_todays_code(int version)
    {
        var (engine, world) = await OpenAsync(version);
        foreach (var (id, result) in Results)
        {
            var run = (await WithinPatienceAsync(engine.Client.WaitAsync(id)))!;
            Assert.Equal((id, RunStatus.Success, result), (id, run.Status, JsonSerializer.Deserialize<string>(run.Output ?? "null")));
        }
        var open = Results.Values.SelectMany(result => Now().Matches(result)).GroupBy(m => m.Groups[1].Value).ToDictionary(g => g.Key, g => g.Count());
        Assert.Equal(open.OrderBy(e => e.Key, StringComparer.Ordinal), world.Executions.OrderBy(e => e.Key, StringComparer.Ordinal));
        Assert.Equal(0, await Store.CountAsync("select count(*) from runs where completed_at is null"));
    }

    [Theory]
    [MemberData(nameof(GoldenVersions.All), MemberType = typeof(GoldenVersions))]
    [Trait("promise", "E1")]
    public async Task What_ended_under_an_older_version_keeps_its_outcome(int version)
    {
        var (engine, world) = await OpenAsync(version);
        var again = await engine.Client.StartAsync(new GoldenSteps(), "finished");
        Assert.Equal(Results["finished"], await WithinPatienceAsync(again.ResultAsync()));
        var failed = await engine.Client.FindAsync("failed");
        Assert.Equal((RunStatus.Error, "System.InvalidOperationException"), (failed!.Status, failed.Error!.Type));
        Assert.Contains("failed/one failed then", failed.Error.Message);
        var dead = await engine.Client.FindAsync("dead");
        Assert.Equal((RunStatus.MaxRecoveryAttemptsExceeded, 1, "MaxRecoveryAttemptsExceeded"), (dead!.Status, dead.Recoveries, dead.Error!.Type));
        Assert.DoesNotContain(world.Executions.Keys, step => step.StartsWith("finished/", StringComparison.Ordinal) || step.StartsWith("dead/", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(GoldenVersions.All), MemberType = typeof(GoldenVersions))]
    [Trait("promise", "E11")]
    public async Task A_queue_of_an_older_version_goes_on_in_order(int version)
    {
        var (engine, _) = await OpenAsync(version);
        var first = await WithinPatienceAsync(engine.Client.WaitAsync("queued-3"));
        var second = await WithinPatienceAsync(engine.Client.WaitAsync("queued-2"));
        Assert.True(first!.StartedAt < second!.StartedAt, "Priority 1 goes before priority 5.");
    }

    [Theory]
    [MemberData(nameof(GoldenVersions.All), MemberType = typeof(GoldenVersions))]
    [Trait("promise", "E4")]
    public async Task A_transaction_of_an_older_version_has_one_effect(int version)
    {
        var (engine, _) = await OpenAsync(version);
        await WithinPatienceAsync(engine.Client.WaitAsync("paid"));
        await WithinPatienceAsync(engine.Client.WaitAsync("paying"));
        Assert.Equal(2, await Store.CountAsync("select count(*) from golden_effects where run in ('paid', 'paying')"));
        Assert.Equal(2, await Store.CountAsync("select count(*) from golden_effects"));
    }

    private async Task<(EngineHost Engine, GoldenWorld World)> OpenAsync(int version)
    {
        await using var stream = typeof(GoldenVersions).Assembly.GetManifestResourceStream($"{typeof(GoldenVersions).Namespace}.v{version}.{StoreName}.sql")!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        if (Store is PostgresStore)
            await Store.ExecuteAsync("drop schema durable cascade");
        await Store.ExecuteAsync(await reader.ReadToEndAsync());
        var world = new GoldenWorld("now");
        var engine = await StartEngineAsync(durable => UseWorld(durable, world));
        Assert.Equal(Migration.For(typeof(TStore).Name[..^"Store".Length]).Count, await Store.CountAsync("select count(*) from migrations"));
        return (engine, world);
    }

    private static string Steps(string run, string flaw, string era, string last) =>
        $"{run}/first:{era}, same id, same time, {run}/loop:{era}, {run}/loop:{era}, {run}/loop:{era}, {flaw}, {run}/last:{last}";

    [GeneratedRegex(@"([^ (]+):now")]
    private static partial Regex Now();
}
