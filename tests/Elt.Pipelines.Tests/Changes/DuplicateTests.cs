using System.Globalization;
using Elt.Pipelines.Changes;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Tests.Suite;
using Xunit;

namespace Elt.Pipelines.Tests.Changes;

/// <summary>Several records with one key in one extract.</summary>
[Trait("promise", "P3")]
public sealed class DuplicateTests : IAsyncLifetime
{
    private Workshop _workshop = null!;

    public async Task InitializeAsync() => _workshop = await Workshop.CreateAsync();

    public Task DisposeAsync()
    {
        _workshop.Dispose();
        return Task.CompletedTask;
    }

    [Fact]
    [Trait("case", "25")]
    public async Task The_same_record_on_two_pages_is_one_row_and_no_duplicate()
    {
        var detected = await RunAsync("run-1", [Record("1", "Jos\u00e9"), Record("2", "B")], [Record("3", "C"), Record("1", "Jose\u0301")]);

        Assert.Equal(new DetectSummary(3, 3, 0, 0, 0), detected);
        Assert.Equal(["3|0"], _workshop.Rows("select staged, duplicates from pipeline_runs"));
    }

    [Theory]
    [Trait("case", "26")]
    [InlineData("10:00", "09:00", "first")]
    [InlineData("09:00", "10:00", "second")]
    [InlineData("10:00", "10:00", "second")]
    [InlineData(null, null, "second")]
    [InlineData("10:00", null, "second")]
    [InlineData(null, "09:00", "second")]
    [InlineData("10:00:00.0000002", "10:00:00.0000001", "first")]
    public async Task Of_differing_records_the_one_changed_last_counts_or_else_the_last(string? first, string? second, string expected)
    {
        SourceRecord[][] pages = [[Record("1", "first", first), Record("2", "B")], [Record("3", "C"), Record("1", "second", second)]];
        var detected = await RunAsync("run-1", pages);
        var name = _workshop.Rows("select name from users_latest where external_id = '1'");
        await _workshop.AcquireAsync("run-2");
        // A page that is fetched late, or again, has the same say.
        foreach (var page in new[] { 2, 1, 2 })
            await _workshop.StageAsync("run-2", new SourcePage(page, pages[page - 1], page == 2, 2, null));

        Assert.Equal(new DetectSummary(3, 3, 0, 0, 0) { Duplicates = 1 }, detected);
        Assert.Equal([expected], name);
        Assert.Equal(new DetectSummary(3, 0, 0, 0, 0) { Duplicates = 1 }, await _workshop.DetectAsync("run-2"));
        Assert.Equal(["1", "1"], _workshop.Rows("select duplicates from pipeline_runs"));
    }

    [Fact]
    [Trait("case", "26")]
    public async Task Of_three_records_a_single_one_without_a_date_makes_the_last_one_count()
    {
        await RunAsync("run-1", [Record("1", "a", "12:00")], [Record("2", "2"), Record("1", "b")], [Record("1", "c", "11:00"), Record("3", "3")]);
        Assert.Equal(["c"], _workshop.Rows("select name from users_latest where external_id = '1'"));

        await RunAsync("run-2", [Record("1", "a", "12:00")], [Record("2", "2"), Record("1", "b", "10:00")], [Record("1", "c", "11:00"), Record("3", "3")]);
        Assert.Equal(["a"], _workshop.Rows("select name from users_latest where external_id = '1'"));
    }

    [Theory]
    [Trait("case", "27")]
    [InlineData(null, null, null, 1)]
    [InlineData("10:00", "11:00", "12:00", 1)]
    [InlineData("10:00", "12:00", null, 1)]
    [InlineData("10:00", "12:00", "11:00", 0)]
    public async Task A_record_that_is_changed_twice_and_then_removed_is_deleted_and_nothing_else(string? first, string? second, string? removed, int deletes)
    {
        await RunAsync("run-1", [Record("1", "a"), Record("2", "b")]);

        var detected = await RunAsync(
            "run-2",
            [Record("1", "b", first), Record("2", "b")],
            [Record("1", "c", second), Record("1", null, removed) with { Values = [], State = RecordState.Removed }]);

        Assert.Equal((0, 1 - deletes, deletes, 1), (detected.Inserts, detected.Updates, detected.Deletes, detected.Duplicates));
        Assert.Equal([deletes == 1 ? "DELETE|1|-" : "UPDATE|1|name"], _workshop.ChangesOf("run-2"));
    }

    [Fact]
    [Trait("case", "14")]
    public async Task A_mark_that_a_record_is_gone_which_nobody_knows_changes_nothing()
    {
        var gone = Record("9", null) with { Values = [], State = RecordState.Deleted };
        var first = await RunAsync("run-1", [Record("1", "a"), gone]);

        Assert.Equal(new DetectSummary(1, 1, 0, 0, 0), first);
        Assert.Equal(new DetectSummary(1, 0, 0, 0, 0), await RunAsync("run-2", [Record("1", "a"), gone]));
        Assert.Empty(_workshop.ChangesOf("run-2"));
    }

    [Fact]
    [Trait("promise", "P6")]
    public async Task A_known_record_whose_counting_copy_cannot_be_taken_keeps_its_values()
    {
        await RunAsync("run-1", Many());
        var bad = Record("u01", "bad", "11:00") with { Problems = [new RecordProblem("type", "email", "Expected text, found object.")], Raw = "{}" };

        var second = await RunAsync("run-2", [bad, .. Many()[1..]], [Record("u01", "older", "10:00")]);

        Assert.Equal(new DetectSummary(20, 0, 0, 0, 0) { Quarantined = 1, Duplicates = 1 }, second);
        Assert.Equal(["u01"], _workshop.Rows("select name from users_latest where external_id = 'u01'"));

        SourceRecord[] Many() => [.. Enumerable.Range(1, 20).Select(i => $"u{i:00}").Select(id => Record(id, id, "10:00"))];
    }

    private static SourceRecord Record(string id, string? name, string? updatedAt = null) => new(id, [name, $"{id}@example.org", null])
    {
        UpdatedAt = updatedAt is null ? null : DateTimeOffset.Parse($"2026-01-02T{updatedAt}Z", CultureInfo.InvariantCulture),
    };

    private async Task<DetectSummary> RunAsync(string runId, params SourceRecord[][] pages)
    {
        await _workshop.AcquireAsync(runId);
        foreach (var (i, records) in pages.Index())
            await _workshop.StageAsync(runId, new SourcePage(i + 1, records, i + 1 == pages.Length, pages.Length, null));
        var detected = await _workshop.DetectAsync(runId);
        await _workshop.ApplyAsync(runId);
        return detected;
    }
}
