using System.Text.Json;
using Elt.Durable;
using Elt.Pipelines.Datasets;
using Elt.Pipelines.Destinations;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Orchestration;
using Elt.Pipelines.Plans;
using Elt.Pipelines.Reviews;
using Elt.Pipelines.Schema;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Tests.Suite;
using Elt.Pipelines.Warehouse;
using Elt.Testing;
using Npgsql;
using Xunit;

namespace Elt.Pipelines.Tests.Datasets;

/// <summary>A declared dataset on its whole way, in both destinations.</summary>
public sealed class DatasetPipelineTests
{
    private static readonly string[] Others = [.. Enumerable.Range(10, 20).Select(i => $$"""{"id":"g{{i}}","members":{{i}}}""")];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("promise", "P3")]
    [Trait("promise", "P6")]
    public async Task Records_of_every_type_arrive_change_go_and_are_told_of(bool inPostgres)
    {
        var postgres = inPostgres ? await PostgresServer.CreateDatabaseAsync() : null;
        await using var groups = await Groups.StartAsync(postgres);
        const string First = """{"id":"g1","title":"Staff","members":9007199254740993,"score":12345678901234567890.123456789,"active":true,"seen":"2026-03-04T05:06:07.123456+02:00","tags":["b",{"a":1}]}""";
        const string Respelled = """{"id":"g1","title":"Staff","members":"9007199254740993.0","score":"12345678901234567890.1234567890","active":"TRUE","seen":"2026-03-04T03:06:07.1234561Z","tags":[ "b", {"a":1} ]}""";
        const string Changed = """{"id":"g1","title":"Staff","members":9007199254740994,"score":12345678901234567890.123456780,"active":false,"seen":null,"tags":{"x":null}}""";

        var first = await groups.RunAsync([First, """{"id":"g2"}""", .. Others]);
        Assert.Equal((22, 22, 22), (first.Inserts, first.Latest, first.Synced));
        Assert.Equal(
            ["Staff|9007199254740993|12345678901234567890.123456789|1|2026-03-04T03:06:07.123456Z|[\"b\",{\"a\":1}]"], await ValuesAsync(groups, postgres, "g1"));
        Assert.Equal(["-|-|-|-|-|-"], await ValuesAsync(groups, postgres, "g2"));

        var second = await groups.RunAsync([Respelled, """{"id":"g2","title":null}""", .. Others]);
        Assert.Equal((0, 0, 0, 0), (second.Inserts, second.Updates, second.Deletes, second.Synced));

        var third = await groups.RunAsync([Changed, """{"id":"g10","members":"abc"}""", .. Others[1..]]);
        Assert.Equal((0, 1, 1, 1, 2), (third.Inserts, third.Updates, third.Deletes, third.Quarantined, third.Synced));
        Assert.Equal(["Staff|9007199254740994|12345678901234567890.12345678|0|-|{\"x\":null}"], await ValuesAsync(groups, postgres, "g1"));
        Assert.Empty(await ValuesAsync(groups, postgres, "g2"));
        Assert.Equal(["-|10|-|-|-|-"], await ValuesAsync(groups, postgres, "g10"));

        var quarantined = Assert.Single(groups.Host.Get<QuarantineReviews>().List(new ReviewFilter()).Items);
        Assert.Equal(("groups", "id:g10"), (quarantined.Dataset, quarantined.Key));
        Assert.Equal(new QuarantineReason("type", "members", "Expected integer, found 3 characters that are none."), Assert.Single(quarantined.Reasons));
        Assert.Equal("discarded", (await groups.Host.Get<QuarantineReviews>().DiscardAsync(Groups.Key, "id:g10", "ada")).State);

        Assert.Equal(["1|0", "2|1"], await RowsAsync(groups, postgres, "select cast(version as text), cast(cast(is_current as integer) as text) from {0}groups_history where external_id = 'g1' order by version"));
        Assert.Equal(["g1|2", "g2|1"], groups.Host.Warehouse("select external_id, count(*) from groups_history where external_id in ('g1', 'g2') group by 1 order by 1"));
        var told = await RowsAsync(groups, postgres, "select change_type, cast(before as text), cast(after as text) from {0}groups_changes where external_id = 'g1' order by change_id");
        Assert.Equal(
            ["INSERT", "UPDATE active=true/false members=9007199254740993/9007199254740994 score=12345678901234567890.123456789/12345678901234567890.12345678 seen=\"2026-03-04T03:06:07.123456Z\"/null tags=[\"b\",{\"a\":1}]/{\"x\":null}"],
            told.Select(Summary));
        Assert.Equal(
            new IntegrationCounts("groups", "org-001", "groups", 21, 24, 21, 21), Assert.Single((await groups.Host.Get<PipelineDatabases>().CountTablesAsync()).Integrations));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("promise", "P8")]
    public async Task No_digit_is_lost_by_either_way_into_a_destination(bool inPostgres)
    {
        var postgres = inPostgres ? await PostgresServer.CreateDatabaseAsync() : null;
        await using var groups = await Groups.StartAsync(postgres);
        var random = new Random(16);
        var values = Enumerable.Range(0, 200).Select(i => (
            Members: (i % 3 == 0 ? -1 : 1) * (i < 5 ? long.MaxValue - i : random.NextInt64()),
            Score: $"{(i % 2 == 0 ? "-" : "")}{random.Next(1, 9)}{Digits(random, i % 40)}.{Digits(random, i % 35)}{random.Next(1, 9)}",
            Seen: DateTime.UnixEpoch.AddTicks(random.NextInt64(-6_000_000_000_000_000, 200_000_000_000_000_000) * 10).ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff'Z'"))).ToArray();

        foreach (var shift in new[] { 0, 1 })
        {
            // The first sync copies everything, the second one sends the changes as arrays.
            var shifted = values[shift..].Concat(values[..shift]).ToArray();
            var run = await groups.RunAsync([.. shifted.Select((value, i) => $$"""{"id":"{{i:000}}","members":{{value.Members}},"score":{{value.Score}},"seen":"{{value.Seen}}"}""")]);

            Assert.Equal(200, run.Synced);
            Assert.Equal(
                shifted.Select(value => $"-|{value.Members}|{value.Score}|-|{value.Seen}|-"), await ValuesAsync(groups, postgres, null));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_column_that_a_file_has_got_is_added_while_a_run_goes_on_and_filled_by_the_next(bool inPostgres)
    {
        var postgres = inPostgres ? await PostgresServer.CreateDatabaseAsync() : null;
        const string Narrow = """{"name":"title","type":"text"}""";
        await using var groups = await Groups.StartAsync(postgres, Narrow);
        await groups.ConnectAsync("\"title\":{\"from\":[\"/title\"]}");
        await groups.RunAsync("""{"id":"g1","title":"A","members":1}""");
        var (reached, open) = (new TaskCompletionSource(), new TaskCompletionSource());
        groups.Host.BeforePage = _ =>
        {
            reached.TrySetResult();
            return open.Task;
        };

        var running = groups.RunAsync("""{"id":"g1","title":"B","members":1}""", """{"id":"g2","title":"C","members":2}""");
        await reached.Task.WaitAsync(PipelineHost.Patience());
        await ExtendAsync(groups, postgres, new Dataset("groups", [new DatasetColumn("title"), new DatasetColumn("members", ColumnKind.Integer)]));
        open.SetResult();

        Assert.Equal((1, 1, 2), ((await running).Inserts, (await running).Updates, (await running).Synced));
        groups.Host.BeforePage = null;
        groups.Declare(Groups.Columns);
        await groups.Host.RestartAsync();
        await groups.ConnectAsync();
        Assert.Equal(2, (await groups.RunAsync("""{"id":"g1","title":"B","members":1}""", """{"id":"g2","title":"C","members":2}""")).Updates);
        Assert.Equal(["B|1|-|-|-|-", "C|2|-|-|-|-"], await ValuesAsync(groups, postgres, null));
        Assert.Equal(["members"], groups.Host.Warehouse("select distinct changed_fields from groups_cdc where changed_fields like '%members%'"));
    }

    [Fact]
    public async Task Integrations_of_one_organization_feed_different_datasets_and_each_always_the_same()
    {
        await using var groups = await Groups.StartAsync();
        await groups.Host.ConnectAsync(User.Many(3));
        await groups.Host.RunAsync();
        await groups.RunAsync(Others);

        Assert.Equal(
            [new IntegrationCounts("users", "org-001", "okta", 3, 3, 3, 3), new IntegrationCounts("groups", "org-001", "groups", 20, 20, 20, 20)],
            (await groups.Host.Get<PipelineDatabases>().CountTablesAsync()).Integrations);
        await groups.ConnectAsync("\"name\":{\"from\":[\"/title\"]}", "users");
        var replaced = groups.Host.Get<ConnectorLibrary>().Of((await groups.Host.Get<IIntegrationStore>().FindAsync(Groups.Key))!);
        var late = Assert.Throws<RunStateException>(() => groups.Host.Get<PipelineStages>().Of("groups").EnsureFedBy(replaced));
        Assert.Equal("The run feeds the dataset 'groups', and the connector groups maps to 'users' now. Start a new run.", late.Message);
        var refused = await Assert.ThrowsAsync<WorkflowFailedException>(() => groups.RunAsync(Others));
        Assert.Contains("org-001/groups feeds the dataset 'groups', and its connector maps to 'users' now", refused.Message, StringComparison.Ordinal);
        Assert.Equal(["20|3"], groups.Host.Warehouse("select (select count(*) from groups_latest), (select count(*) from users_latest)"));
    }

    [Fact]
    [Trait("promise", "P5")]
    public async Task A_plan_and_held_deletes_are_of_the_dataset_of_their_integration()
    {
        await using var groups = await Groups.StartAsync();
        await groups.RunAsync(Others);
        groups.Host.Provider.DeclaresTotals = false;

        var run = await groups.RunAsync(Others[..5]);

        Assert.Equal((0, 15, 20), (run.Deletes, run.DeletesHeld, run.Latest));
        var plan = await PipelineHost.ResultAsync(await groups.Host.Client.StartAsync(new PlanPipeline("org-001", "groups")));
        Assert.Equal(new PlanSummary(5, 0, 0, 0, 15, 0, plan.HoldReason), plan);
        Assert.Equal(["HELD"], PipelinePlan.Get(groups.Host.Get<WarehouseFile>(), Groups.Key).Changes.Select(change => change.Type).Distinct());
        var reviews = groups.Host.Get<DeleteReviews>();
        await reviews.ApproveAsync(Groups.Key, new HoldDecision(Assert.Single(reviews.List(new ReviewFilter()).Items).Hold, "ada"));
        Assert.Equal((15, 15), ((run = await groups.RunAsync(Others[..5])).Deletes, run.Synced));
    }

    private static async Task ExtendAsync(Groups groups, string? postgres, Dataset dataset)
    {
        await SqliteTables.EnsureAsync(groups.Host.Get<WarehouseFile>().Database, WarehouseTables.Of(dataset), default);
        if (postgres is null)
        {
            await SqliteTables.EnsureAsync(groups.Host.DestinationDatabase, DestinationTables.Sqlite(dataset), default);
            return;
        }
        await using var dataSource = NpgsqlDataSource.Create(postgres);
        await PostgresTables.EnsureAsync(dataSource, DestinationTables.Postgres(dataset), default);
    }

    /// <summary>The values of a group, or of all in order, spelled alike in both stores.</summary>
    private static Task<string[]> ValuesAsync(Groups groups, string? postgres, string? id)
    {
        var columns = postgres is null
            ? "title, members, score, active, seen, tags"
            : "title, members::text, score::text, active::int::text, to_char(seen at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), replace(tags::text, ' ', '')";
        return RowsAsync(groups, postgres, $"select {columns} from {{0}}groups {(id is null ? "" : $"where external_id = '{id}'")} order by external_id");
    }

    private static async Task<string[]> RowsAsync(Groups groups, string? postgres, string sql)
    {
        if (postgres is null)
            return Workshop.Rows(groups.Host.DestinationDatabase, sql.Replace("{0}", "", StringComparison.Ordinal));
        await using var dataSource = NpgsqlDataSource.Create(postgres);
        await using var command = dataSource.CreateCommand(sql.Replace("{0}", "elt.", StringComparison.Ordinal));
        await using var row = await command.ExecuteReaderAsync();
        var rows = new List<string>();
        while (await row.ReadAsync())
            rows.Add(string.Join('|', Enumerable.Range(0, row.FieldCount).Select(i => row.IsDBNull(i) ? "-" : row.GetString(i))));
        return [.. rows];
    }

    /// <summary>A change with the members that differ, ordered.</summary>
    private static string Summary(string told)
    {
        if (told.Split('|') is not ["UPDATE", var before, var after])
            return told.Split('|')[0];
        var (old, now) = (JsonElement.Parse(before), JsonElement.Parse(after));
        return "UPDATE " + string.Join(' ', now.EnumerateObject().OrderBy(member => member.Name, StringComparer.Ordinal).Select(
            member => $"{member.Name}={Compact(old.GetProperty(member.Name))}/{Compact(member.Value)}"));
    }

    private static string Compact(JsonElement value) => value.GetRawText().Replace(" ", "", StringComparison.Ordinal);

    private static string Digits(Random random, int count) => string.Concat(Enumerable.Range(0, count).Select(_ => random.Next(10)));
}
