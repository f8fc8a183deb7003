using Elt.Pipelines.Sources;
using Elt.Pipelines.Staging;
using Elt.Pipelines.Tests.Suite;
using Xunit;

namespace Elt.Pipelines.Tests.Staging;

[Trait("promise", "P2")]
public sealed class PageStagingTests
{
    [Fact]
    [Trait("case", "22")]
    [Trait("case", "23")]
    public async Task A_page_fetched_again_never_adds_to_what_is_staged()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.AcquireAsync("run-1");
        var first = await workshop.StageAsync("run-1", Workshop.Page(1, User.Many(10), totalPages: 1));

        var fewer = await workshop.StageAsync("run-1", Workshop.Page(1, User.Many(7, from: 5), totalPages: 9));

        Assert.Equal(new StagedPage(1, 10, 0, true, 1), first);
        Assert.Equal(first, fewer);
        Assert.Equal(["10|u000001|u000010"], workshop.Rows("select count(*), min(external_id), max(external_id) from users_staging"));
        Assert.Equal(first, workshop.Staging.Find(Workshop.Okta, "run-1", 1));
    }

    [Fact]
    public async Task Attempts_that_race_for_a_page_stage_one_of_them_whole()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.AcquireAsync("run-1");

        var results = await Task.WhenAll(Enumerable.Range(0, 8).Select(attempt =>
            Task.Run(() => workshop.StageAsync("run-1", Workshop.Page(1, User.Many(20 + attempt, from: attempt * 100))))));

        Assert.Single(results.Distinct());
        Assert.Equal([$"{results[0].Rows}"], workshop.Rows("select count(*) from users_staging"));
        Assert.Equal(["1"], workshop.Rows("select max(cast(substr(external_id, 2) as integer)) - min(cast(substr(external_id, 2) as integer)) + 1 = count(*) from users_staging"));
    }

    [Fact]
    [Trait("case", "23")]
    public async Task A_page_whose_transaction_fails_leaves_nothing_and_can_be_staged_after()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.AcquireAsync("run-1");
        var page = Workshop.Page(1, User.Many(10));

        await Assert.ThrowsAsync<IOException>(
            () => workshop.Staging.StageAsync(Workshop.Okta, "run-1", page, () => throw new IOException("gone"), default));

        Assert.Null(workshop.Staging.Find(Workshop.Okta, "run-1", 1));
        Assert.Equal(["0"], workshop.Rows("select count(*) from users_staging"));
        Assert.Equal(10, (await workshop.StageAsync("run-1", page)).Rows);
    }

    [Fact]
    [Trait("promise", "P9")]
    public async Task A_page_with_the_keys_of_another_page_is_a_pagination_loop()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.AcquireAsync("run-1");
        await workshop.StageAsync("run-1", Workshop.Page(1, User.Many(10)));
        await workshop.StageAsync("run-1", Workshop.Page(2, User.Many(10, from: 11)));

        var loop = await Assert.ThrowsAsync<SourceException>(() => workshop.StageAsync("run-1", Workshop.Page(3, User.Many(10))));

        Assert.Equal(SourceErrorClass.Data, loop.ErrorClass);
        Assert.StartsWith("pagination_loop: page 3 of org-001/okta has the same keys as page 1", loop.Message, StringComparison.Ordinal);
        Assert.Equal(["20"], workshop.Rows("select count(*) from users_staging"));
    }

    [Fact]
    public async Task Records_without_a_usable_key_are_counted_and_not_staged()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.AcquireAsync("run-1");
        var tooLong = new string('x', 513);

        var staged = await workshop.StageAsync("run-1", Workshop.Page(1, [new User("1"), new User(null), new User("  "), new User(tooLong), new User("2")], 1));

        Assert.Equal(new StagedPage(1, 2, 3, true, 1), staged);
        Assert.Equal(new ExtractSummary(1, 2, 2, 3), workshop.Staging.Summarize(Workshop.Okta, "run-1"));
    }
}
