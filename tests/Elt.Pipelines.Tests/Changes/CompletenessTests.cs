using Elt.Pipelines.Sources;
using Elt.Pipelines.Staging;
using Elt.Pipelines.Tests.Suite;
using Xunit;

namespace Elt.Pipelines.Tests.Changes;

[Trait("promise", "P4")]
public sealed class CompletenessTests
{
    private static readonly User[] Ten = User.Many(10);

    [Fact]
    public Task A_page_in_the_middle_that_is_missing_is_a_gap() =>
        AssertRefusedAsync("2 of the pages 1 to 3", Workshop.Page(1, Ten[..4], 3), Workshop.Page(3, Ten[8..], 3));

    [Fact]
    public Task An_end_that_was_not_reached_is_a_gap() =>
        AssertRefusedAsync("end was not reached after 2 pages", Workshop.Page(1, Ten[..4], 3), Workshop.Page(2, Ten[4..8], 3));

    [Fact]
    public Task No_page_at_all_is_a_gap() => AssertRefusedAsync("end was not reached after 0 pages");

    [Fact]
    public Task Fewer_records_than_declared_are_a_gap() =>
        AssertRefusedAsync("declares 10 records, 9 different ones", Workshop.Page(1, Ten[..4], 2, 10), Workshop.Page(2, Ten[5..], 2, 10));

    [Fact]
    public Task More_records_than_declared_are_a_contradiction() =>
        AssertRefusedAsync("declares 8 records, 10 different ones", Workshop.Page(1, Ten, 1, 8));

    [Fact]
    public Task A_record_read_twice_in_place_of_another_is_a_gap() =>
        AssertRefusedAsync("declares 10 records, 9 different ones", Workshop.Page(1, Ten[..5], 2, 10), Workshop.Page(2, [Ten[0], .. Ten[6..]], 2, 10));

    [Fact]
    public async Task A_short_page_and_an_empty_page_in_the_middle_are_no_gap()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.AcquireAsync("run-1");
        await workshop.StageAsync("run-1", Workshop.Page(1, Ten[..2], 4, 10));
        await workshop.StageAsync("run-1", Workshop.Page(2, [], 4, 10));
        await workshop.StageAsync("run-1", Workshop.Page(3, Ten[2..9], 4, 10));
        await workshop.StageAsync("run-1", Workshop.Page(4, Ten[9..], 4, 10));

        Assert.Equal(10, (await workshop.DetectAsync("run-1")).Inserts);
    }

    [Fact]
    public async Task An_empty_integration_is_complete()
    {
        using var workshop = await Workshop.CreateAsync();

        Assert.Equal(0, (await workshop.RunAsync("run-1", [])).Staged);
    }

    private static async Task AssertRefusedAsync(string reason, params SourcePage[] pages)
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.RunAsync("run-0", [.. Ten, new User("other")]);
        var before = workshop.Rows("select * from users_latest");
        await workshop.AcquireAsync("run-1");
        foreach (var page in pages)
            await workshop.StageAsync("run-1", page);

        var refused = await Assert.ThrowsAsync<IncompleteExtractException>(() => workshop.DetectAsync("run-1"));

        Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
        Assert.Empty(workshop.ChangesOf("run-1"));
        Assert.Equal(before, workshop.Rows("select * from users_latest"));
    }
}
