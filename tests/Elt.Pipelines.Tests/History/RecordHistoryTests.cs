using Elt.Pipelines.Integrations;
using Elt.Pipelines.Latest;
using Elt.Pipelines.Tests.Sources.Connectors;
using Elt.Pipelines.Tests.Suite;
using Elt.Pipelines.Warehouse;
using Xunit;

namespace Elt.Pipelines.Tests.History;

/// <summary>What <c>users_history</c> of the warehouse tells of each record.</summary>
[Trait("promise", "P8")]
public sealed class RecordHistoryTests : IAsyncLifetime
{
    private readonly Workshop _workshop = new();
    private readonly FrozenTime _time = new() { Now = new(2026, 3, 1, 10, 0, 0, TimeSpan.Zero) };

    public Task InitializeAsync() => _workshop.Warehouse.InitializeAsync();

    public Task DisposeAsync()
    {
        _workshop.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    public async Task A_change_closes_one_version_and_opens_the_next_and_what_is_unchanged_keeps_its_own()
    {
        await RunAsync("run-1", [new User("1", "A"), new User("2", null), new User("3", "C")]);
        await RunAsync("run-2", [new User("1", "A"), new User("2", "B"), new User("3", null)]);

        Assert.Equal(
            [
                "1|1|A|10:00|-|1|run-1",
                "2|1|-|10:00|11:00|0|run-1",
                "2|2|B|11:00|-|1|run-2",
                "3|1|C|10:00|11:00|0|run-1",
                "3|2|-|11:00|-|1|run-2",
            ],
            History());
    }

    [Fact]
    public async Task A_record_that_is_gone_has_no_current_version_and_one_that_comes_back_opens_the_next()
    {
        await RunAsync("run-1", [new User("1", "A"), new User("2", "B")]);
        await RunAsync("run-2", [new User("1", "A")]);
        Assert.Equal(["1|1|A|10:00|-|1|run-1", "2|1|B|10:00|11:00|0|run-1"], History());

        await RunAsync("run-3", [new User("1", "A"), new User("2", "B")]);

        Assert.Equal(["1|1|A|10:00|-|1|run-1", "2|1|B|10:00|11:00|0|run-1", "2|2|B|12:00|-|1|run-3"], History());
    }

    [Fact]
    public async Task A_run_that_is_applied_again_writes_nothing()
    {
        await RunAsync("run-1", User.Many(5));
        await RunAsync("run-2", [.. User.Many(3), new User("u000004", "other")]);
        var before = (History(), Latest: _workshop.Rows("select * from users_latest"), Runs: _workshop.Rows("select run_seq, applied_at from pipeline_runs"));

        var again = await ApplyAsync("run-2");

        Assert.Equal(new ApplySummary(0, 0, 4), again);
        Assert.Equal(before.Item1, History());
        Assert.Equal(before.Latest, _workshop.Rows("select * from users_latest"));
        Assert.Equal(before.Runs, _workshop.Rows("select run_seq, applied_at from pipeline_runs"));
    }

    [Fact]
    public async Task The_current_versions_are_latest_after_any_sequence_of_runs()
    {
        var random = new Random(20261121);
        for (var run = 1; run <= 12; run++)
        {
            var users = User.Many(40).Where(_ => random.Next(10) > 0).Select(user => random.Next(4) == 0 ? user with { Name = $"name {random.Next(3)}" } : user);
            await RunAsync($"run-{run}", [.. users]);

            Assert.Equal(
                _workshop.Rows("select external_id, id, name, email, attributes from users_latest order by external_id"),
                _workshop.Rows("select external_id, id, name, email, attributes from users_history where is_current = 1 order by external_id"));
        }
        Assert.Empty(_workshop.Rows("select external_id from users_history group by external_id having max(version) <> count(*) or sum(is_current) > 1"));
        Assert.Empty(_workshop.Rows(
            "select a.external_id from users_history a join users_history b on b.external_id = a.external_id and b.version = a.version + 1 where a.valid_to > b.valid_from"));
    }

    [Fact]
    public async Task A_clock_that_was_set_back_makes_no_version_end_before_it_began()
    {
        await RunAsync("run-1", [new User("1", "A")]);
        _time.Now = _time.Now.AddHours(-3);
        await RunAsync("run-2", [new User("1", "B")]);

        Assert.Equal(["1|1|A|10:00|10:00|0|run-1", "1|2|B|10:00|-|1|run-2"], History());
    }

    [Fact]
    [Trait("promise", "P11")]
    public async Task The_same_record_of_another_integration_has_a_history_of_its_own()
    {
        var other = new IntegrationKey("org-002", "okta");
        await RunAsync("run-1", [new User("1", "A")]);
        await RunAsync("other", [new User("1", "X")], other);
        await RunAsync("run-2", [new User("1", "B")]);

        Assert.Equal(["org-001|2", "org-002|1"], _workshop.Rows("select organization_id, max(version) from users_history group by organization_id"));
        Assert.Equal(["X"], _workshop.Rows("select name from users_history where organization_id = 'org-002' and is_current = 1"));
    }

    [Fact]
    public async Task A_second_current_version_is_refused_by_the_table()
    {
        await RunAsync("run-1", [new User("1", "A")]);

        var refused = await Assert.ThrowsAsync<Microsoft.Data.Sqlite.SqliteException>(() => _workshop.Warehouse.Database.WriteAsync(
            transaction => transaction.Execute(
                """
                insert into users_history (organization_id, connected_integration_id, external_id, version, id, valid_from)
                values ('org-001', 'okta', '1', 2, 'x', '2026-01-01')
                """),
            default));

        Assert.Contains("UNIQUE", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_warehouse_of_an_older_version_gets_a_first_version_of_each_record()
    {
        await RunAsync("run-1", User.Many(3));
        await _workshop.Warehouse.Database.WriteAsync(
            transaction => transaction.Execute("drop table users_history; delete from elt_migrations where name like '%_history.sql'"), default);

        await _workshop.Warehouse.InitializeAsync();
        await RunAsync("run-2", [.. User.Many(2), new User("u000003", "other")]);

        Assert.Equal(
            ["u000001|1|User 1|10:00|-|1|-", "u000002|1|User 2|10:00|-|1|-", "u000003|1|User 3|10:00|11:00|0|-", "u000003|2|other|11:00|-|1|run-2"],
            History());
    }

    private async Task RunAsync(string runId, User[] users, IntegrationKey? integration = null)
    {
        await _workshop.ExtractAsync(runId, users, integration);
        await _workshop.DetectAsync(runId, integration);
        await ApplyAsync(runId, integration);
        _time.Now = _time.Now.AddHours(1);
    }

    private Task<ApplySummary> ApplyAsync(string runId, IntegrationKey? integration = null) => _workshop.Warehouse.Database.WriteAsync(
        transaction => new LatestState(Dataset.Users, _time).Apply(transaction, integration ?? Workshop.Okta, runId), default);

    private string[] History() => _workshop.Rows(
        """
        select external_id, version, name, substr(valid_from, 12, 5), substr(valid_to, 12, 5), is_current, workflow_id from users_history
        order by organization_id, external_id, version
        """);
}
