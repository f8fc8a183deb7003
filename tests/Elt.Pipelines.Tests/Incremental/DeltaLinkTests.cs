using Elt.Pipelines.Changes;
using Elt.Pipelines.Extract;
using Elt.Pipelines.Orchestration;
using Elt.Pipelines.Plans;
using Elt.Pipelines.Reviews;
using Elt.Pipelines.Tests.Suite;
using Xunit;
using static Elt.Pipelines.Tests.Incremental.DeltaVendor;

namespace Elt.Pipelines.Tests.Incremental;

/// <summary>Rounds of changes from a vendor that behaves as Microsoft Graph does, from the source to the destination.</summary>
public sealed class DeltaLinkTests
{
    private static readonly string[] Ten = [.. Enumerable.Range(0, 10).Select(i => Present($"u{i}"))];

    [Fact]
    [Trait("case", "12")]
    [Trait("case", "13")]
    [Trait("case", "27")]
    [Trait("case", "33")]
    [Trait("promise", "P4")]
    [Trait("promise", "P14")]
    public async Task The_first_round_reads_everything_and_later_ones_only_what_has_changed()
    {
        await using var vendor = await StartAsync();
        vendor.Round("", "secret-1", Ten[..5], [], Ten[5..]);
        vendor.Round("secret-1", "secret-2",
            [Present("u1", "Once")], [], [Present("u1", "Twice"), Removed("u2"), Present("u4", "Four")], [Removed("u1")],
            [Removed("u1", "deleted"), Removed("u3", "deleted"), Removed("nobody")]);
        vendor.Round("secret-2", "secret-3", [[]]);

        var first = await vendor.RunAsync("first");
        var second = await vendor.RunAsync("second");
        var third = await vendor.RunAsync("third");

        Assert.Equal(("full", "nothing was read before", 10L), (first.Mode, first.FullReason, first.Inserts));
        Assert.Equal(("incremental", null, 0L, 1L, 3L, 7L, 4L), (second.Mode, second.FullReason, second.Inserts, second.Updates, second.Deletes, second.Latest, second.Synced));
        Assert.Equal(
            ["DELETE|u1", "DELETE|u2", "DELETE|u3", "UPDATE|u4"],
            vendor.Host.Warehouse("select change_type, external_id from users_cdc where workflow_id = 'second' order by external_id"));
        Assert.Equal(("incremental", 0L, 7L), (third.Mode, third.Deletes + third.DeletesHeld + third.DeletesUnconfirmed, third.Latest));
        Assert.Equal(
            [".1", ".2", ".3", "secret-1.1", "secret-1.2", "secret-1.3", "secret-1.4", "secret-1.5", "secret-2.1"], vendor.Asked);
        Assert.Equal(["/v1.0/users/delta?$deltatoken=secret-3"], vendor.Host.Warehouse("select cursor from reading_cursors"));
        Assert.Equal(["third"], vendor.Host.Warehouse("select workflow_id from run_readings where cursor is not null"));
        var journal = vendor.Host.Journal();
        Assert.Contains("nothing was read before", journal, StringComparison.Ordinal);
        Assert.DoesNotContain("secret-", journal, StringComparison.Ordinal);
    }

    [Theory]
    [Trait("case", "42")]
    [Trait("promise", "P4")]
    [InlineData("t1.2", 400, "syncStateNotFound")]
    [InlineData("t1", 410, "resyncRequired")]
    public async Task Changes_that_are_not_kept_any_more_let_the_same_run_read_everything(string expired, int status, string code)
    {
        await using var vendor = await StartAsync();
        vendor.Round("", "t1", Ten);
        await vendor.RunAsync("first");
        vendor.Round("", "t2", Ten[1..5], Ten[5..]);
        vendor.Round("t1", "never", [Present("u1", "Ghost"), Present("ghost"), Removed("u2"), "{}"], []);
        vendor.Round("t2", "t3", [Present("u3", "Three")]);
        vendor.Expired[expired] = (status, code);

        var second = await RunWithRestartAsync(vendor, "second", page => page == 2 && vendor.Asked.Last() == ".1", () => { });
        var third = await vendor.RunAsync("third");

        Assert.Equal(("full", "the source did not keep the changes any more"), (second.Mode, second.FullReason));
        Assert.Equal((9L, 0L, 0L, 1L, 9L), (second.Staged, second.Inserts, second.Updates, second.Deletes, second.Latest));
        Assert.Equal(["DELETE|u0"], vendor.Host.Warehouse("select change_type, external_id from users_cdc where workflow_id = 'second'"));
        Assert.Equal(["0"], vendor.Host.Warehouse("select count(*) from users_quarantine"));
        Assert.Equal(("incremental", 1L), (third.Mode, third.Updates));
        Assert.Equal("t2.1", vendor.Asked.Last());
    }

    [Fact]
    [Trait("promise", "P8")]
    public async Task A_run_that_was_not_applied_leaves_its_changes_to_the_next_and_one_that_was_not_synced_leaves_its_rows()
    {
        await using var vendor = await StartAsync();
        vendor.Round("", "t1", Ten);
        vendor.Round("t1", "t2", [Present("new"), Removed("u1")]);
        vendor.Round("t2", "t3", [Present("newer"), Removed("u2")]);
        vendor.Round("t3", "t4", [[]]);
        await vendor.RunAsync("first");

        var client = vendor.Host.Client;
        await PipelineHost.ResultAsync(await client.StartAsync(new ExtractAndLoad("org-001", "okta"), "detected"));
        await PipelineHost.ResultAsync(await client.StartAsync(new DetectChanges("org-001", "okta", "detected")));
        var replayed = await vendor.RunAsync("replayed");
        await PipelineHost.ResultAsync(await client.StartAsync(new ExtractAndLoad("org-001", "okta"), "applied"));
        await PipelineHost.ResultAsync(await client.StartAsync(new DetectChanges("org-001", "okta", "applied")));
        await PipelineHost.ResultAsync(await client.StartAsync(new ApplyToLatest("org-001", "okta", "applied")));
        var synced = await vendor.RunAsync("synced");

        Assert.Equal([".1", "t1.1", "t1.1", "t2.1", "t3.1"], vendor.Asked);
        Assert.Equal((1L, 1L, 2L), (replayed.Inserts, replayed.Deletes, replayed.Synced));
        Assert.Equal((0L, 0L, 2L), (synced.Inserts, synced.Deletes, synced.Synced));
        Assert.Equal(["10|12"], vendor.Host.Warehouse("select (select count(*) from users_latest), (select count(*) from users_history)"));
    }

    [Fact]
    [Trait("promise", "P8")]
    public async Task A_run_that_goes_on_after_a_restart_asks_for_the_same_changes_and_a_failed_one_moves_nothing()
    {
        await using var vendor = await StartAsync();
        vendor.Round("", "t1", Ten);
        await vendor.RunAsync("first");
        vendor.Round("t1", "t2", [Present("new")], [Present("newer")]);
        vendor.Expired["t1.2"] = (403, "Authorization_RequestDenied");
        await Assert.ThrowsAnyAsync<Exception>(() => vendor.RunAsync("failed"));
        vendor.Expired.Clear();
        var second = await RunWithRestartAsync(vendor, "second", page => page == 2, () => Assert.Equal(
            ["/v1.0/users/delta?$deltatoken=t1"], vendor.Host.Warehouse("select cursor from reading_cursors")));

        Assert.Equal(("incremental", 2L, 12L), (second.Mode, second.Inserts, second.Latest));
        Assert.Equal(2, vendor.Asked.Count(asked => asked == "t1.1"));
        Assert.Equal(["/v1.0/users/delta?$deltatoken=t2"], vendor.Host.Warehouse("select cursor from reading_cursors"));
    }

    [Fact]
    [Trait("promise", "P4")]
    [Trait("promise", "P5")]
    public async Task Everything_is_read_when_changes_alone_do_not_tell()
    {
        await using var vendor = await StartAsync(options => options with { Deletes = new DeleteThresholds { MaxRows = 1 } });
        vendor.Round("", "t1", Ten);
        vendor.Round("t1", "t1", [[]]);
        await vendor.RunAsync("first");

        Assert.Equal("incremental", (await vendor.RunAsync("second")).Mode);
        var client = vendor.Host.Client;
        Assert.Equal(10, (await PipelineHost.ResultAsync(await client.StartAsync(new PlanPipeline("org-001", "okta"), "plan"))).Staged);
        Assert.Equal(["0"], vendor.Host.Warehouse("select count(*) from run_readings where workflow_id = 'plan'"));
        Assert.Equal(1, (await PipelineHost.ResultAsync(await client.StartAsync(new RootOrchestration()))).Totals.Incremental);
        Assert.Equal(0, (await PipelineHost.ResultAsync(await client.StartAsync(new RootOrchestration(Full: true)))).Totals.Incremental);
        Assert.Equal(("full", "it was asked for"), Read(await vendor.RunAsync("asked", full: true)));
        await vendor.Host.WriteWarehouseAsync("update reading_cursors set full_at = '2020-01-01T00:00:00.000Z'");
        Assert.Equal(("full", "it is time to look at everything again"), Read(await vendor.RunAsync("time")));
        await vendor.ConnectAsync(more: ",\"team\":\"other\"");
        Assert.Equal(("full", "the connector or the integration's settings have changed"), Read(await vendor.RunAsync("settings")));
        await vendor.ConnectAsync(pageSize: 7, more: ",\"team\":\"other\"");
        Assert.Equal(("incremental", null), Read(await vendor.RunAsync("page size")));

        vendor.Round("t1", "t2", [Removed("u1"), Removed("u2")]);
        vendor.Round("t2", "t3", [[]]);
        vendor.Round("", "t2", Ten[3..], [Ten[0]]);
        var held = await vendor.RunAsync("held");
        Assert.Equal(("incremental", 0L, 2L, 10L), (held.Mode, held.Deletes, held.DeletesHeld, held.Latest));
        var again = await vendor.RunAsync("again");
        Assert.Equal(("full", "deletes wait for another look"), Read(again));
        Assert.Equal((0L, 2L), (again.Deletes, again.DeletesHeld));
        await vendor.Host.Get<DeleteReviews>().ApproveAsync(Workshop.Okta, new HoldDecision(2, "a person"), default);
        var approved = await vendor.RunAsync("approved");
        Assert.Equal(("full", 2L, 8L), (approved.Mode, approved.Deletes, approved.Latest));
        Assert.Equal(("incremental", null), Read(await vendor.RunAsync("last")));
    }

    /// <summary>Runs the pipeline, and stops and starts the host while the run is about to read a page.</summary>
    private static async Task<PipelineSummary> RunWithRestartAsync(DeltaVendor vendor, string id, Func<int, bool> isThere, Action look)
    {
        var (reached, goOn) = (new TaskCompletionSource(), new TaskCompletionSource());
        vendor.Host.BeforePage = async page =>
        {
            if (!isThere(page) || goOn.Task.IsCompleted)
                return;
            reached.TrySetResult();
            await goOn.Task;
        };
        var run = vendor.RunAsync(id);
        if (await Task.WhenAny(reached.Task, run) == run)
            Assert.Fail($"The run ended before it came to the page: {await run}");
        look();
        var restart = vendor.Host.RestartAsync();
        goOn.SetResult();
        await restart;
        return await vendor.RunAsync(id);
    }

    private static (string Mode, string? Reason) Read(PipelineSummary summary) => (summary.Mode, summary.FullReason);
}
