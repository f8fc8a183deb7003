using Elt.Durable;
using Elt.Pipelines.Destinations;
using Elt.Pipelines.Plans;
using Elt.Pipelines.Quality;
using Elt.Pipelines.Tests.Datasets;
using Elt.Pipelines.Tests.Suite;
using Elt.Testing;
using Npgsql;
using Xunit;

namespace Elt.Pipelines.Tests.Contracts;

/// <summary>Contracts in whole runs, up to both destinations.</summary>
public sealed class ContractPipelineTests
{
    private const string Columns = """{"name":"title","type":"text"},{"name":"attributes","type":"remainingMembers"}""";
    private const string Fields = "\"title\":{\"from\":[\"/title\"]}";
    private const string First = """{"id":"g1","title":"Staff","size":{"a":1,"b":[2]},"open":true}""";
    private const string Respelled = """{"open":true,"size":{ "b":[2],"a":1},"title":"Staff","id":"g1"}""";
    private const string Grown = """{"id":"g1","title":"Staff","size":{"a":1,"b":[2]},"open":true,"nick":"secret-nick"}""";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    [Trait("case", "59")]
    [Trait("promise", "P3")]
    [Trait("promise", "P8")]
    public async Task New_fields_arrive_in_the_attributes_of_a_declared_dataset_once_their_contract_lets_them(bool inPostgres)
    {
        var postgres = inPostgres ? await PostgresServer.CreateDatabaseAsync() : null;
        await using var groups = await Groups.StartAsync(postgres, Columns);
        await groups.ConnectAsync(Fields, contract: """{"newField":"freeze"}""");
        Assert.Equal(1, (await groups.RunAsync(First)).Synced);
        Assert.Equal(0, (await groups.RunAsync(Respelled)).Synced);
        var before = await RowsAsync();

        var failed = await Assert.ThrowsAsync<WorkflowFailedException>(() => groups.RunAsync(Grown));
        var plan = await Assert.ThrowsAsync<WorkflowFailedException>(async () => await PipelineHost.ResultAsync(
            await groups.Host.Client.StartAsync(new PlanPipeline("org-001", "groups"))));
        var report = groups.Host.Get<QualityReports>().Read();

        Assert.All(new[] { failed, plan }, error => Assert.Contains("'/nick': Expected a field that is known, found a new one of type string.", error.ToString(), StringComparison.Ordinal));
        Assert.DoesNotContain("secret-nick", failed + (inPostgres ? "" : groups.Host.Journal()), StringComparison.Ordinal);
        Assert.Equal(before, await RowsAsync());
        Assert.Equal(("new_field", "/nick", "fail_run", 1L), Assert.Single(Assert.Single(report.Pipelines).Issues.Select(issue => (issue.Rule, issue.Field, issue.Action, issue.Records))));

        await groups.ConnectAsync(Fields);
        Assert.Equal((1, 1), ((await groups.RunAsync(Grown)).Updates, (await RowsAsync()).Length));
        Assert.Equal(
            ["""Staff|{"nick":"secret-nick","open":true,"size":{"a":1,"b":[2]}}|2|{"open":true,"size":{"a":1,"b":[2]}}"""], await RowsAsync());

        // The row, its attributes, versions in the history, and what the last change told of the attributes before it.
        async Task<string[]> RowsAsync()
        {
            const string Sql =
                """
                select title, {0}, cast((select count(*) from {1}groups_history) as text), (select {2} from {1}groups_changes order by change_id desc limit 1)
                from {1}groups
                """;
            if (postgres is null)
            {
                return Workshop.Rows(
                    groups.Host.DestinationDatabase, string.Format(null, Sql, "attributes", "", "json_extract(before, '$.attributes')"));
            }
            await using var dataSource = NpgsqlDataSource.Create(postgres);
            await using var command = dataSource.CreateCommand(string.Format(null, Sql, "attributes::text", "elt.", "before ->> 'attributes'"));
            await using var row = await command.ExecuteReaderAsync();
            var rows = new List<string>();
            while (await row.ReadAsync())
                rows.Add(string.Join('|', Enumerable.Range(0, 4).Select(i => row.IsDBNull(i) ? "-" : Sorted(row.GetString(i)))));
            return [.. rows];
        }
    }

    // Postgres orders members by the length of their names.
    private static string Sorted(string text) => text.StartsWith('{') ? Elt.Pipelines.Sources.CanonicalJson.Write(System.Text.Json.JsonElement.Parse(text))! : text;
}
