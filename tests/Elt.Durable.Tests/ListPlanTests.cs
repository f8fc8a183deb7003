using Elt.Durable.Journal;
using Elt.Durable.Journal.Postgres;
using Elt.Durable.Journal.Sqlite;
using Elt.Durable.Tests.Suite;
using Npgsql;
using PostgresStore = Elt.Durable.Tests.Suite.PostgresStore;
using SqliteStore = Elt.Durable.Tests.Suite.SqliteStore;

namespace Elt.Durable.Tests;

/// <summary>The usual lists of runs are read from an index, not from all runs.</summary>
[Trait("promise", "E24")]
public sealed class ListPlanTests
{
    private const string Fill =
        """
        insert into runs (id, workflow, version, status, epoch, created_at, completed_at, input, queue, parent_id, schedule)
        select 'id-' || n, case when n % 100 = 0 then 'rare' else 'common' end, 1,
          case when n % 200 = 0 then 'RUNNING' when n % 300 = 0 then 'ERROR' else 'SUCCESS' end, 1,
          to_timestamp(n), case when n % 200 <> 0 then to_timestamp(n) end, '{}',
          case when n % 50 = 0 then 'queue-' || n % 7 end, case when n % 10 > 0 then 'parent-' || n / 10 end, case when n % 500 = 0 then 'daily' end
        from generate_series(1, 20000) n
        """;

    public static TheoryData<string> Lists => [.. Filters.Keys];

    private static Dictionary<string, RunFilter> Filters { get; } = new()
    {
        ["newest"] = new(),
        ["next page"] = new() { After = new RunCursor(DateTimeOffset.UnixEpoch.AddSeconds(500), "id-500") },
        ["live"] = new() { Statuses = [RunStatus.Running, RunStatus.Waiting] },
        ["failed"] = new() { Statuses = [RunStatus.Error, RunStatus.Cancelled] },
        ["a status nobody has"] = new() { Statuses = [RunStatus.MaxRecoveryAttemptsExceeded] },
        ["error text"] = new() { ErrorText = "timeout" },
        ["workflow"] = new() { Workflow = "rare" },
        ["queue"] = new() { Queue = "queue-3" },
        ["schedule"] = new() { Schedule = "daily" },
        ["parent"] = new() { ParentId = "parent-7" },
        ["prefix"] = new() { IdPrefix = "id-77" },
    };

    [Theory]
    [MemberData(nameof(Lists))]
    public async Task Postgres_reads_a_list_by_index(string list)
    {
        await using var store = new PostgresStore();
        await store.CreateAsync();
        await (await EngineHost.StartAsync(store, new Probe())).StopAsync();
        await store.ExecuteAsync(Fill);
        await store.ExecuteAsync("analyze runs");
        var conditions = PostgresReader.Conditions(Filters[list]).AddPage(Filters[list]);
        await using var source = NpgsqlDataSource.Create(store.ConnectionString);
        await using var command = source.CreateCommand("explain " + PostgresReader.ListSql(Filters[list], conditions));
        foreach (var value in conditions.Values)
            command.Parameters.Add(new() { Value = value });
        var plan = new List<string>();
        await using (var reader = await command.ExecuteReaderAsync())
        {
            while (await reader.ReadAsync())
                plan.Add(reader.GetString(0));
        }
        Assert.DoesNotContain(plan, line => line.Contains("Seq Scan", StringComparison.Ordinal));
        // What is rare may be older than a million others.
        var walksAll = plan.Exists(line => line.Contains("using runs_newest on", StringComparison.Ordinal));
        Assert.Equal(list is "newest" or "next page", walksAll);
    }

    [Theory]
    [MemberData(nameof(Lists))]
    public async Task Sqlite_reads_a_list_by_index(string list)
    {
        await using var store = new SqliteStore();
        await (await EngineHost.StartAsync(store, new Probe())).StopAsync();
        var conditions = SqliteRows.Conditions(Filters[list]).AddPage(Filters[list]);
        using var journal = new SqliteStatements(store.Path);
        var plan = journal.Query(
            $"explain query plan select * from runs {conditions.Where} order by created_at desc, id desc limit 50", r => r.GetString(3), [.. conditions.Values]);
        Assert.DoesNotContain(plan, line => line.StartsWith("SCAN", StringComparison.Ordinal) && !line.Contains("json_each", StringComparison.Ordinal) && !line.Contains("USING INDEX", StringComparison.Ordinal));
    }
}
