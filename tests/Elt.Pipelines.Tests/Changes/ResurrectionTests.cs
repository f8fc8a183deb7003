using Elt.Durable.Ledger;
using Elt.Pipelines.Changes;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Schema;
using Elt.Pipelines.Tests.Suite;
using Elt.Pipelines.Warehouse;
using Elt.Testing;
using Xunit;

namespace Elt.Pipelines.Tests.Changes;

/// <summary>Records that were deleted and come back.</summary>
[Trait("promise", "P4")]
public sealed class ResurrectionTests
{
    [Fact]
    [Trait("case", "10")]
    public async Task A_record_that_comes_back_is_an_insert_with_the_id_it_had_and_says_so()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.RunAsync("run-1", User.Many(3));
        var before = workshop.Rows("select id from users_latest where external_id = 'u000003'");
        await workshop.RunAsync("run-2", User.Many(2));

        var third = await workshop.RunAsync("run-3", [.. User.Many(3), new User("new")]);

        Assert.Equal(new DetectSummary(4, 2, 0, 0, 0) { Resurrected = 1 }, third);
        Assert.Equal(["new|0", "u000003|1"], workshop.Rows("select external_id, resurrected from users_cdc where workflow_id = 'run-3' order by 1"));
        Assert.Equal(before, workshop.Rows("select id from users_latest where external_id = 'u000003'"));
        Assert.Equal(["0|0", "0|0", "1|0"], workshop.Rows("select resurrected, (select count(*) from users_tombstones) from pipeline_runs order by run_seq"));
    }

    [Fact]
    public async Task A_record_may_go_and_come_back_any_number_of_times()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.RunAsync("run-1", User.Many(3));
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(1, (await workshop.RunAsync($"gone-{i}", User.Many(2))).Deletes);
            Assert.Equal(new DetectSummary(3, 1, 0, 0, 0) { Resurrected = 1 }, await workshop.RunAsync($"back-{i}", User.Many(3)));
        }
    }

    [Fact]
    [Trait("promise", "P14")]
    public async Task What_is_kept_of_a_deleted_record_to_know_it_again_is_a_hash()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.RunAsync("run-1", User.Many(3));
        await workshop.RunAsync("run-2", User.Many(2));

        Assert.Equal(
            ["organization_id", "connected_integration_id", "id", "deleted_at"],
            workshop.Rows("select name from pragma_table_info('users_tombstones') order by cid"));
        Assert.Equal(workshop.Rows("select id from users_cdc where change_type = 'DELETE'"), workshop.Rows("select id from users_tombstones"));
    }

    [Fact]
    [Trait("promise", "P11")]
    public async Task The_same_key_elsewhere_brings_nothing_back()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.RunAsync("run-1", User.Many(3));
        await workshop.RunAsync("run-2", User.Many(2));

        Assert.Equal(0, (await workshop.RunAsync("run-1", User.Many(3), new IntegrationKey("org-002", "okta"))).Resurrected);
        Assert.Equal(1, (await workshop.RunAsync("run-3", User.Many(3))).Resurrected);
    }

    [Fact]
    public async Task Records_that_were_deleted_before_there_were_tombstones_have_one()
    {
        using var folder = new TempFolder();
        using var database = new SqliteDatabase(folder.File("warehouse.db"));
        var scripts = MigrationScript.Of("Warehouse/Migrations").ToLookup(script => script.Version < 140);
        await database.WriteAsync(
            transaction =>
            {
                foreach (var script in scripts[true])
                    transaction.Execute(script.Sql);
                return transaction.Execute(
                    """
                    insert into pipeline_runs (organization_id, connected_integration_id, run_seq, workflow_id, state, acquired_at)
                    values ('o', 'i', 1, 'r1', 'applied', 't'), ('o', 'i', 2, 'r2', 'applied', 't'), ('o', 'i', 3, 'r3', 'detected', 't');
                    insert into users_cdc (organization_id, connected_integration_id, workflow_id, external_id, id, change_type, detected_at)
                    values ('o', 'i', 'r1', 'gone', 'g', 'DELETE', 't1'), ('o', 'i', 'r1', 'back', 'b', 'DELETE', 't1'),
                      ('o', 'i', 'r2', 'back', 'b', 'INSERT', 't2'), ('o', 'i', 'r3', 'not yet', 'n', 'DELETE', 't3');
                    insert into users_latest (organization_id, connected_integration_id, external_id, id, last_updated)
                    values ('o', 'i', 'back', 'b', 't2'), ('o', 'i', 'not yet', 'n', 't1');
                    """);
            },
            default);

        await database.WriteAsync(transaction => scripts[false].Sum(script => transaction.Execute(script.Sql)), default);

        Assert.Equal(["o|i|g|t1"], Workshop.Rows(database, "select * from users_tombstones"));
    }
}
