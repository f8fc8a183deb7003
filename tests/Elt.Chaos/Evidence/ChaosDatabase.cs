using Elt.Chaos.Workers;
using Npgsql;

namespace Elt.Chaos.Evidence;

/// <summary>A Postgres database with a journal and the tables that the deeds leave their evidence in.</summary>
internal sealed class ChaosDatabase(string connectionString) : IAsyncDisposable
{
    /// <summary>What may not be: each statement counts breaches.</summary>
    private static readonly (string Breach, string Sql)[] Breaches =
    [
        ("runs that did not succeed", "select count(*) from runs where status <> 'SUCCESS'"),
        ("chains that do not have each step recorded", "select count(*) from runs r where workflow = 'chain' and (select count(*) from steps s where s.run_id = r.id) <> (input::json ->> 'steps')::int"),
        ("trees that do not have each step recorded", "select count(*) from runs r where workflow = 'tree' and (select count(*) from steps s where s.run_id = r.id) <> (input::json ->> 'children')::int + 3"),
        ("trees that do not have each child", "select count(*) from runs r where workflow = 'tree' and (select count(*) from runs c where c.parent_id = r.id) <> (input::json ->> 'children')::int"),
        ("chains with a wrong result", "select count(*) from runs, lateral (select (input::json ->> 'steps')::int as n) i where workflow = 'chain' and output::int <> n * (n - 1) / 2"),
        ("trees with a wrong result", "select count(*) from runs, lateral (select (input::json ->> 'stepsEach')::int as n) i where workflow = 'tree' and output::int <> (input::json ->> 'children')::int * n * (n - 1) / 2"),
        ("effects that happened twice", "select count(*) from (select from public.effects group by run, step having count(*) > 1) e"),
        ("effects without a record, or records without effect", "select count(*) from public.effects e full join (select * from steps where key like 'effect-%') s on s.run_id = e.run and s.key = e.step where e.run is null or s.key is null"),
        ("plain steps recorded without having been executed", "select count(*) from steps s where (key like 'step-%' or key like 'flaky-%') and not exists (select from public.executions e where e.run = s.run_id and e.step = s.key)"),
        ("plain steps executed by their owner after they were recorded", "select count(*) from public.executions where late"),
        ("runs that still have an owner", "select count(*) from runs where owner is not null"),
    ];

    public string ConnectionString { get; } = connectionString;

    public NpgsqlDataSource DataSource { get; } = NpgsqlDataSource.Create(
        new NpgsqlConnectionStringBuilder(connectionString) { SearchPath = "durable", MaxPoolSize = 10, ApplicationName = "chaos" }.ToString());

    public async Task CreateTablesAsync() => await ExecuteAsync(PostgresDeeds.Tables);

    public async Task<long> CountAsync(string sql, params object[] values) => Convert.ToInt64(await ScalarAsync(sql, values));

    public async Task<object?> ScalarAsync(string sql, params object[] values)
    {
        await using var command = Command(sql, values);
        return await command.ExecuteScalarAsync();
    }

    public async Task<List<T>> QueryAsync<T>(string sql, Func<NpgsqlDataReader, T> read, params object[] values)
    {
        await using var command = Command(sql, values);
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<T>();
        while (await reader.ReadAsync())
            rows.Add(read(reader));
        return rows;
    }

    public async Task ExecuteAsync(string sql, params object[] values)
    {
        await using var command = Command(sql, values);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Fails when anything is lost, stuck, doubled or wrong.</summary>
    public async Task AssertNoBreachAsync(int startedRuns)
    {
        Assert.Equal(startedRuns, await CountAsync("select count(*) from runs where parent_id is null"));
        foreach (var (breach, sql) in Breaches)
        {
            var count = await CountAsync(sql);
            Assert.True(count == 0, $"{count} {breach}: {sql}. Errors: {await ScalarAsync("select string_agg(id || ': ' || error, '; ') from (select * from runs where error is not null limit 3) r")}");
        }
    }

    public ValueTask DisposeAsync() => DataSource.DisposeAsync();

    private NpgsqlCommand Command(string sql, object[] values)
    {
        var command = DataSource.CreateCommand(sql);
        foreach (var value in values)
            command.Parameters.Add(new() { Value = value });
        return command;
    }
}
