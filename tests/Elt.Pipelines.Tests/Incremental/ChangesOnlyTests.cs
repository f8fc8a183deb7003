using Elt.Pipelines.Changes;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Tests.Suite;
using Elt.Pipelines.Warehouse;
using Xunit;

namespace Elt.Pipelines.Tests.Incremental;

/// <summary>What is detected in pages that hold only changes.</summary>
public sealed class ChangesOnlyTests
{
    [Fact]
    [Trait("case", "12")]
    [Trait("promise", "P4")]
    public async Task An_empty_answer_deletes_nothing_and_remembers_nothing_as_missing()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.RunAsync("full", User.Many(30));

        var detected = await DetectAsync(workshop, "changes");

        Assert.Equal(new DetectSummary(0, 0, 0, 0, 0), detected);
        Assert.Equal(["30|0"], workshop.Rows("select (select count(*) from users_latest), (select count(*) from users_missing)"));
    }

    [Fact]
    [Trait("promise", "P5")]
    [Trait("case", "63")]
    public async Task Many_marks_at_once_are_held_like_other_deletes_and_few_are_not()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.RunAsync("full", User.Many(50));

        Assert.Equal(10, (await DetectAsync(workshop, "few", Gone(1, 10))).Deletes);
        var held = await DetectAsync(workshop, "many", Gone(11, 12));
        Assert.Equal((0L, 12L, "12 of 40 records are more than 20 %"), (held.Deletes, held.DeletesHeld, held.HoldReason));
        Assert.Equal(["12"], workshop.Rows("select count(*) from delete_hold_records"));
    }

    [Fact]
    [Trait("promise", "P6")]
    public async Task One_change_that_cannot_be_taken_fails_no_run_and_resolves_nothing_that_did_not_come()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.RunAsync("full", User.Many(30));
        await DetectAsync(workshop, "bad-1", Bad("u000001"));

        var detected = await DetectAsync(workshop, "bad-2", Bad("u000002"), Bad(null), new SourceRecord("u000003", []) { State = RecordState.Removed });

        Assert.Equal((2L, 1L, 0L, 0L), (detected.Quarantined, detected.Deletes, detected.DeletesHeld, detected.DeletesUnconfirmed));
        Assert.Equal(["-|open", "u000001|open", "u000002|open"], workshop.Rows("select external_id, state from users_quarantine order by external_id"));
        await DetectAsync(workshop, "good", new SourceRecord("u000001", ["Fine", null, null]));
        Assert.Equal(["-|open", "u000001|resolved", "u000002|open"], workshop.Rows("select external_id, state from users_quarantine order by external_id"));
    }

    [Fact]
    [Trait("case", "42")]
    [Trait("promise", "P2")]
    public async Task A_page_of_the_pass_that_is_over_is_not_staged()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.AcquireAsync("run");
        await workshop.Warehouse.Database.WriteAsync(
            transaction => transaction.Execute(
                """
                insert into run_readings (organization_id, connected_integration_id, workflow_id, mode, pass, source_sha256, begun_at)
                values ('org-001', 'okta', 'run', 'full', 1, 'x', '2026-01-01T00:00:00.000Z')
                """),
            default);

        await Assert.ThrowsAsync<RunStateException>(() => workshop.StageAsync("run", Workshop.Page(1, User.Many(3))));
        await workshop.StageAsync("run", Workshop.Page(1, User.Many(2)) with { Pass = 1 });

        Assert.Equal(["2"], workshop.Rows("select count(*) from users_staging"));
    }

    private static SourceRecord[] Gone(int from, int count) =>
        [.. User.Many(count, from).Select(user => new SourceRecord(user.Id, []) { State = RecordState.Deleted })];

    private static SourceRecord Bad(string? id) =>
        new(id, ["Bad", null, null]) { Problems = [new RecordProblem("type", "name", "Expected text.")], Raw = "{}" };

    private static async Task<DetectSummary> DetectAsync(Workshop workshop, string runId, params SourceRecord[] records)
    {
        await workshop.AcquireAsync(runId);
        await workshop.StageAsync(runId, new SourcePage(1, records, IsLast: true, null, null) { Absence = AbsenceProof.Nothing });
        var detected = await workshop.DetectAsync(runId);
        await workshop.ApplyAsync(runId);
        return detected;
    }
}
