using Elt.Pipelines.History;
using Elt.Pipelines.Quality;
using Elt.Pipelines.Tests.Suite;
using Elt.Pipelines.Warehouse;
using Xunit;

namespace Elt.Pipelines.Tests.Changes;

/// <summary>No statement on a table that grows with the data may read it whole for each row of another.</summary>
[Trait("promise", "P12")]
public sealed class QueryPlanTests
{
    private static readonly DatasetSql Sql = new(Dataset.Users);
    private static readonly QualitySql Quality = new(Dataset.Users);
    private static readonly HistorySql History = new(Dataset.Users);

    public static TheoryData<string, string[]> Plans => new()
    {
        { Sql.FillSeen, ["SEARCH TABLE users_staging USING PRIMARY KEY (organization_id=? AND connected_integration_id=? AND workflow_id=?)"] },
        {
            Sql.InsertChanges,
            [
                "SCAN TABLE seen AS k",
                "SEARCH TABLE users_staging AS s USING PRIMARY KEY (organization_id=? AND connected_integration_id=? AND workflow_id=? AND page=? AND ordinal=?)",
                "SEARCH TABLE users_latest AS l USING PRIMARY KEY (organization_id=? AND connected_integration_id=? AND external_id=?)",
            ]
        },
        {
            Sql.InsertChangesAsStaged,
            [
                "SEARCH TABLE users_staging AS s USING PRIMARY KEY (organization_id=? AND connected_integration_id=? AND workflow_id=?)",
                "SEARCH TABLE users_latest AS l USING PRIMARY KEY (organization_id=? AND connected_integration_id=? AND external_id=?)",
                "CORRELATED SCALAR SUBQUERY",
                "SEARCH TABLE users_tombstones AS t USING PRIMARY KEY (organization_id=? AND connected_integration_id=? AND id=?)",
            ]
        },
        {
            Sql.CountFallingKeys,
            [
                "CO-ROUTINE 1",
                "CO-ROUTINE 3",
                "SEARCH TABLE extract_pages AS p USING COVERING INDEX",
                "SEARCH TABLE users_staging AS s USING PRIMARY KEY (organization_id=? AND connected_integration_id=? AND workflow_id=? AND page=? AND ordinal=?)",
            ]
        },
        {
            Sql.InsertDeletes,
            [
                "SEARCH TABLE users_latest AS l USING PRIMARY KEY (organization_id=? AND connected_integration_id=?)",
                "CORRELATED SCALAR SUBQUERY",
                "SEARCH TABLE seen AS k USING PRIMARY KEY (external_id=?)",
            ]
        },
        {
            Sql.CountMissingOutsideHold,
            [
                "SEARCH TABLE users_latest AS l USING PRIMARY KEY (organization_id=? AND connected_integration_id=?)",
                "CORRELATED SCALAR SUBQUERY",
                "SEARCH TABLE seen AS k USING PRIMARY KEY (external_id=?)",
                "CORRELATED SCALAR SUBQUERY",
                "SEARCH TABLE delete_hold_records AS h USING PRIMARY KEY (organization_id=? AND connected_integration_id=? AND hold=? AND external_id=?)",
            ]
        },
        {
            Sql.LeaveAlone,
            [
                "SEARCH TABLE seen USING PRIMARY KEY (external_id=?)",
                "LIST SUBQUERY",
                "SCAN TABLE seen AS k",
                "SEARCH TABLE users_staging AS s USING PRIMARY KEY (organization_id=? AND connected_integration_id=? AND workflow_id=? AND page=? AND ordinal=?)",
                "SEARCH TABLE users_latest AS l USING PRIMARY KEY (organization_id=? AND connected_integration_id=? AND external_id=?)",
                "SEARCH TABLE users_tombstones AS t USING PRIMARY KEY (organization_id=? AND connected_integration_id=? AND id=?)",
            ]
        },
        {
            Sql.FollowUpdatedAt,
            [
                "SEARCH TABLE users_staging AS s USING PRIMARY KEY (organization_id=? AND connected_integration_id=? AND workflow_id=?)",
                "SEARCH TABLE users_latest AS l USING PRIMARY KEY (organization_id=? AND connected_integration_id=? AND external_id=?)",
            ]
        },
        { Sql.ApplyUpserts, ["SEARCH TABLE users_cdc USING PRIMARY KEY (organization_id=? AND connected_integration_id=? AND workflow_id=?)"] },
        {
            Sql.ApplyDeletes,
            [
                "SEARCH TABLE users_latest USING PRIMARY KEY (organization_id=? AND connected_integration_id=? AND external_id=?)",
                "LIST SUBQUERY",
                "SEARCH TABLE users_cdc USING PRIMARY KEY (organization_id=? AND connected_integration_id=? AND workflow_id=?)",
            ]
        },
        { Sql.DeleteStaged, ["SEARCH TABLE users_staging USING PRIMARY KEY (organization_id=? AND connected_integration_id=? AND workflow_id=?)"] },
        {
            History.Close,
            [
                "SEARCH TABLE users_history USING PRIMARY KEY (organization_id=? AND connected_integration_id=? AND external_id=?)",
                "LIST SUBQUERY",
                "SEARCH TABLE users_cdc USING PRIMARY KEY (organization_id=? AND connected_integration_id=? AND workflow_id=?)",
            ]
        },
        { History.OpenFirst, ["SEARCH TABLE users_cdc AS c USING PRIMARY KEY (organization_id=? AND connected_integration_id=? AND workflow_id=?)"] },
        {
            History.OpenNext,
            [
                "SEARCH TABLE users_cdc AS c USING PRIMARY KEY (organization_id=? AND connected_integration_id=? AND workflow_id=?)",
                "SEARCH TABLE users_history AS h USING PRIMARY KEY (organization_id=? AND connected_integration_id=? AND external_id=? AND version=?)",
                "CORRELATED SCALAR SUBQUERY",
                "SEARCH TABLE users_history AS v USING PRIMARY KEY (organization_id=? AND connected_integration_id=? AND external_id=?)",
            ]
        },
        { Sql.ReadLatest, ["SEARCH TABLE users_latest USING PRIMARY KEY (organization_id=? AND connected_integration_id=?)"] },
    };

    [Theory]
    [MemberData(nameof(Plans))]
    public async Task Every_table_is_searched_by_its_key(string sql, string[] expected)
    {
        var plan = await PlanAsync(sql);

        Assert.True(expected.Length <= plan.Length, string.Join('\n', plan));
        AssertSearched(plan);
        Assert.All(expected.Zip(plan), pair => Assert.StartsWith(pair.First, pair.Second, StringComparison.Ordinal));
    }

    public static TheoryData<string> Others => new(
        Sql.PickAmongRepeated, Sql.CountDuplicates, Sql.ForgetMissing, Sql.RememberMissing, Sql.ForgetTombstones, Sql.RememberTombstones,
        Quality.CollectRepeated("email"), Quality.CollectRepeated("/boss"), Quality.CollectTargets(null), Quality.CollectTargets("email"),
        Quality.InsertFailures("/boss", among: false), Quality.InsertFailures("email", among: true), Quality.ReplaceValues("email"), Quality.MarkQuarantined,
        Quality.CountMissingValues("email"), Quality.NewestChange, QualitySql.RecordsBefore, QualitySql.InsertIssues, QualitySql.CountFailing);

    [Theory]
    [MemberData(nameof(Others))]
    public async Task No_table_is_read_across_integrations(string sql) => AssertSearched(await PlanAsync(sql));

    [Fact]
    public async Task The_change_log_reads_the_runs_after_the_watermark_by_key()
    {
        var plan = await PlanAsync(Sql.ReadChanges);

        Assert.Contains("SEARCH TABLE pipeline_runs AS r USING PRIMARY KEY (organization_id=? AND connected_integration_id=? AND run_seq>? AND run_seq<?)", plan);
        Assert.Contains("SEARCH TABLE users_cdc AS c USING PRIMARY KEY (organization_id=? AND connected_integration_id=? AND workflow_id=?)", plan);
    }

    private static void AssertSearched(string[] plan) => Assert.DoesNotContain(
        plan, line => line.Contains("SCAN TABLE users_", StringComparison.Ordinal) || line.Contains("SCAN TABLE quality_f", StringComparison.Ordinal) || line.Contains("AUTOMATIC", StringComparison.Ordinal));

    private static async Task<string[]> PlanAsync(string sql)
    {
        using var workshop = await Workshop.CreateAsync();
        return await workshop.Warehouse.Database.WriteAsync(
            transaction =>
            {
                transaction.Execute(DatasetSql.CreateSeen);
                transaction.Execute(QualitySql.CreateValues);
                string[] names = ["$org", "$integration", "$run", "$now", "$after", "$upto", "$hold", "$seq", "$proven", "$path", "$place", "$value", "$rule", "$field", "$kind", "$severity", "$action", "$message"];
                return transaction.Query("explain query plan " + sql, row => row.GetString(3), [.. names.Select(n => (n, (object?)"1"))]).ToArray();
            },
            default);
    }
}
