using Elt.Pipelines.Changes;
using Elt.Pipelines.Quality;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Tests.Suite;
using Xunit;

namespace Elt.Pipelines.Tests.Quality;

/// <summary>Records that cannot be taken, and records that the source says are gone.</summary>
[Trait("promise", "P6")]
public sealed class QuarantineTests : IAsyncLifetime
{
    private static readonly RecordProblem BadEmail = new("type", "email", "Expected text, found object.");

    private Workshop _workshop = null!;

    public async Task InitializeAsync() => _workshop = await Workshop.CreateAsync();

    public Task DisposeAsync()
    {
        _workshop.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    [Trait("case", "19")]
    public async Task Case_19_a_quarantined_record_that_is_known_is_not_deleted_and_keeps_its_values()
    {
        await RunAsync("run-1", Many(20));
        var second = await RunAsync("run-2", [Bad("u-01"), .. Many(20)[1..]]);
        Assert.Equal(new DetectSummary(20, 0, 0, 0, 0) { Quarantined = 1 }, second);
        Assert.Equal(["Name u-01"], _workshop.Rows("select name from users_latest where external_id = 'u-01'"));
        Assert.Equal(["u-01|{\"bad\":1}|open|type"], _workshop.Rows("select external_id, raw, state, json_extract(reasons, '$[0].rule') from users_quarantine"));
    }

    [Fact]
    [Trait("case", "20")]
    public async Task Case_20_a_record_without_key_is_quarantined_and_no_absence_deletes()
    {
        await RunAsync("run-1", Many(20));
        var second = await RunAsync("run-2", [new SourceRecord(null, [null, null, null]) { Raw = "{}" }, .. Many(20)[1..]]);
        Assert.Equal((1, 0, 1), (second.Quarantined, second.Deletes, second.DeletesHeld));
        Assert.Equal(["-|{}|key"], _workshop.Rows("select external_id, raw, json_extract(reasons, '$[0].rule') from users_quarantine"));
    }

    [Theory]
    [InlineData(RecordState.Removed)]
    [InlineData(RecordState.Deleted)]
    [InlineData(RecordState.OutOfScope)]
    [Trait("promise", "P4")]
    [Trait("case", "13")]
    [Trait("case", "21")]
    public async Task Case_21_a_record_that_is_said_to_be_gone_or_is_filtered_out_is_a_delete_once(object state)
    {
        await RunAsync("run-1", Many(20));
        var gone = new SourceRecord("u-01", (RecordState)state == RecordState.OutOfScope ? ["a", "b", null] : []) { State = (RecordState)state };
        Assert.Equal(new DetectSummary(19, 0, 0, 1, 0), await RunAsync("run-2", [gone, .. Many(20)[1..]]));
        Assert.Equal(new DetectSummary(19, 0, 0, 0, 0), await RunAsync("run-3", [gone, .. Many(20)[1..]]));
    }

    [Fact]
    public async Task More_than_a_tenth_in_quarantine_fails_the_run_and_nothing_is_applied()
    {
        await RunAsync("run-1", Many(20));
        var error = await Assert.ThrowsAsync<QualityGateException>(() => RunAsync("run-2", [Bad("u-01"), Bad("u-02"), Bad("u-03"), .. Many(21)[3..]]));
        Assert.Contains("3 of the 21 records", error.Message, StringComparison.Ordinal);
        Assert.Equal(["20"], _workshop.Rows("select count(*) from users_latest"));
        Assert.Empty(_workshop.ChangesOf("run-2"));
        Assert.Equal(["3"], _workshop.Rows("select count(*) from users_quarantine where state = 'open'"));
    }

    [Fact]
    public async Task A_record_that_comes_without_problems_again_leaves_the_quarantine()
    {
        await RunAsync("run-1", [Bad("u-01"), .. Many(20)[1..]]);
        await RunAsync("run-2", [Bad("u-01"), .. Many(20)[1..]]);
        Assert.Equal(["open|2"], _workshop.Rows("select state, runs from users_quarantine"));
        Assert.Equal(1, (await RunAsync("run-3", Many(20))).Inserts);
        Assert.Equal(["resolved|2"], _workshop.Rows("select state, runs from users_quarantine"));
        await RunAsync("run-4", [Bad("u-01"), .. Many(20)[1..]]);
        Assert.Equal(["open|3"], _workshop.Rows("select state, runs from users_quarantine"));
    }

    [Fact]
    public async Task A_page_that_is_staged_again_quarantines_nothing_twice()
    {
        await _workshop.AcquireAsync("run-1");
        SourceRecord[] records = [Bad("u-01"), .. Many(20)[1..]];
        await _workshop.StageAsync("run-1", new SourcePage(1, records, IsLast: true, 1, null));
        await _workshop.StageAsync("run-1", new SourcePage(1, records, IsLast: true, 1, null));
        Assert.Equal(["1|1"], _workshop.Rows("select count(*), sum(runs) from users_quarantine"));
    }

    private static SourceRecord[] Many(int count) =>
        [.. Enumerable.Range(1, count).Select(number => $"u-{number:00}").Select(id => new SourceRecord(id, [$"Name {id}", $"{id}@example.org", null]))];

    private static SourceRecord Bad(string id) => new(id, ["Other", null, null]) { Problems = [BadEmail], Raw = "{\"bad\":1}" };

    private async Task<DetectSummary> RunAsync(string runId, SourceRecord[] records)
    {
        await _workshop.AcquireAsync(runId);
        await _workshop.StageAsync(runId, new SourcePage(1, records, IsLast: true, 1, null));
        var detected = await _workshop.DetectAsync(runId);
        await _workshop.ApplyAsync(runId);
        return detected;
    }
}
