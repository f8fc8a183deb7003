using Elt.Pipelines.Integrations;
using Elt.Pipelines.Tests.Suite;
using Elt.Pipelines.Warehouse;
using Xunit;

namespace Elt.Pipelines.Tests.Changes;

[Trait("promise", "P8")]
public sealed class SupersededRunTests
{
    [Fact]
    [Trait("case", "56")]
    public async Task An_older_run_that_wakes_up_stages_nothing()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.AcquireAsync("old");
        await workshop.RunAsync("new", User.Many(3));

        var stale = await Assert.ThrowsAsync<StaleRunException>(() => workshop.StageAsync("old", Workshop.Page(1, User.Many(5))));

        Assert.Equal("new", stale.NewerRunId);
        Assert.Contains("superseded by run 'new'", stale.Message, StringComparison.Ordinal);
        Assert.Equal(["new"], workshop.Rows("select distinct workflow_id from users_staging"));
    }

    [Fact]
    [Trait("case", "56")]
    public async Task An_older_run_that_wakes_up_detects_and_applies_nothing()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.ExtractAsync("old", User.Many(5));
        await workshop.DetectAsync("old");
        await workshop.AcquireAsync("new");

        await Assert.ThrowsAsync<StaleRunException>(() => workshop.DetectAsync("old"));
        await Assert.ThrowsAsync<StaleRunException>(() => workshop.ApplyAsync("old"));

        Assert.Equal(["0"], workshop.Rows("select count(*) from users_latest"));
    }

    [Fact]
    public async Task A_run_that_acquires_twice_keeps_its_number()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.AcquireAsync("run-1");
        await workshop.AcquireAsync("run-1");
        await workshop.AcquireAsync("run-1", new IntegrationKey("org-002", "okta"));
        await workshop.AcquireAsync("run-2");

        Assert.Equal(
            ["org-001|1|run-1", "org-001|2|run-2", "org-002|1|run-1"],
            workshop.Rows("select organization_id, run_seq, workflow_id from pipeline_runs order by 1, 2"));
    }

    [Fact]
    public async Task A_run_that_never_acquired_its_integration_is_told_so()
    {
        using var workshop = await Workshop.CreateAsync();

        var refused = await Assert.ThrowsAsync<RunStateException>(() => workshop.StageAsync("run-1", Workshop.Page(1, [])));

        Assert.Contains("has not acquired org-001/okta", refused.Message, StringComparison.Ordinal);
    }
}
