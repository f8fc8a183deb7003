using Elt.Pipelines.Changes;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Staging;
using Elt.Pipelines.Tests.Suite;
using Elt.Pipelines.Warehouse;
using Xunit;

namespace Elt.Pipelines.Tests.Changes;

public sealed class ChangeDetectionTests
{
    [Fact]
    [Trait("case", "1")]
    public async Task A_first_run_inserts_everything()
    {
        using var workshop = await Workshop.CreateAsync();

        var first = await workshop.RunAsync("run-1", User.Many(250));

        Assert.Equal(new DetectSummary(250, 250, 0, 0, 0), first);
        Assert.Equal(["250"], workshop.Rows("select count(*) from users_latest"));
    }

    [Fact]
    [Trait("case", "2")]
    public async Task The_same_data_again_changes_nothing()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.RunAsync("run-1", User.Many(250));
        var before = workshop.Rows("select * from users_latest");

        var second = await workshop.RunAsync("run-2", User.Many(250));

        Assert.Equal(new DetectSummary(250, 0, 0, 0, 0), second);
        Assert.Empty(workshop.ChangesOf("run-2"));
        Assert.Equal(before, workshop.Rows("select * from users_latest"));
    }

    [Theory]
    [InlineData(null, "A", "b", "b", "name")]
    [InlineData("A", null, "b", "b", "name")]
    [InlineData(null, "", "b", "b", "name")]
    [InlineData("", null, "b", "b", "name")]
    [InlineData("ab", "a", "c", "bc", "name,email")]
    [InlineData("a", "A", "b", "b", "name")]
    [InlineData("a", "a", null, "b", "email")]
    [InlineData("a", "b", "b", "a", "name,email")]
    [Trait("promise", "P3")]
    [Trait("case", "3")]
    [Trait("case", "4")]
    [Trait("case", "5")]
    [Trait("case", "6")]
    public async Task A_change_of_any_column_is_an_update_null_or_not(string? nameBefore, string? nameAfter, string? emailBefore, string? emailAfter, string fields)
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.RunAsync("run-1", [new User("1", nameBefore, emailBefore), new User("2")]);

        var second = await workshop.RunAsync("run-2", [new User("1", nameAfter, emailAfter), new User("2")]);

        Assert.Equal(new DetectSummary(2, 0, 1, 0, 0), second);
        Assert.Equal([$"UPDATE|1|{fields}"], workshop.ChangesOf("run-2"));
        Assert.Equal([$"{nameAfter ?? "-"}|{emailAfter ?? "-"}"], workshop.Rows("select name, email from users_latest where external_id = '1'"));
    }

    [Fact]
    [Trait("promise", "P3")]
    public async Task A_member_that_is_missing_and_one_that_is_null_are_the_same()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.RunAsync("run-1", [new User("1", Email: null)]);
        await workshop.AcquireAsync("run-2");
        var page = Elt.Pipelines.Tests.Sources.DemoPages.Parse("""{"users":[{"name":"Name","id":"1"}],"total_pages":1}"""u8.ToArray());
        await workshop.StageAsync("run-2", page);

        Assert.Equal(new DetectSummary(1, 0, 0, 0, 0), await workshop.DetectAsync("run-2"));
    }

    [Fact]
    [Trait("promise", "P3")]
    [Trait("case", "7")]
    public async Task Other_members_are_compared_by_value_not_by_their_order_or_spelling()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.RunAsync("run-1", [new User("1", More: """ "team" : {"b":[1,2], "a":"\u00e9"}, "active":true """)]);

        var reordered = await workshop.RunAsync("run-2", [new User("1", More: """ "active":true,"team":{"a":"é","b":[1, 2]} """)]);
        var changed = await workshop.RunAsync("run-3", [new User("1", More: """ "active":true,"team":{"a":"é","b":[2, 1]} """)]);

        Assert.Equal(0, reordered.Updates);
        Assert.Equal(1, changed.Updates);
        Assert.Equal(["UPDATE|1|attributes"], workshop.ChangesOf("run-3"));
        Assert.Equal(["""{"active":true,"team":{"a":"é","b":[2,1]}}"""], workshop.Rows("select attributes from users_latest"));
    }

    [Fact]
    [Trait("promise", "P4")]
    [Trait("case", "9")]
    public async Task A_record_that_is_gone_is_deleted_once()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.RunAsync("run-1", User.Many(20));

        var second = await workshop.RunAsync("run-2", User.Many(19));
        var third = await workshop.RunAsync("run-3", User.Many(19));

        Assert.Equal(new DetectSummary(19, 0, 0, 1, 0), second);
        Assert.Equal(["DELETE|u000020|-"], workshop.ChangesOf("run-2"));
        Assert.Equal(new DetectSummary(19, 0, 0, 0, 0), third);
        Assert.Equal(["19"], workshop.Rows("select count(*) from users_latest"));
    }

    [Fact]
    [Trait("promise", "P4")]
    [Trait("case", "63")]
    public async Task A_record_whose_key_changes_is_deleted_and_inserted()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.RunAsync("run-1", User.Many(20));

        var second = await workshop.RunAsync("run-2", [new User("a000020", "User 20"), .. User.Many(19)]);

        Assert.Equal(new DetectSummary(20, 1, 0, 1, 0), second);
        Assert.Equal(["INSERT|a000020|-", "DELETE|u000020|-"], workshop.ChangesOf("run-2"));
    }

    [Theory]
    [InlineData(1000, 800, 200, 0)]
    [InlineData(1000, 799, 0, 201)]
    [InlineData(3, 2, 1, 0)]
    [InlineData(12, 3, 9, 0)]
    [InlineData(12, 2, 0, 10)]
    [InlineData(3, 0, 0, 3)]
    [InlineData(1000, 0, 0, 1000)]
    [InlineData(4000, 3500, 500, 0)]
    [InlineData(4000, 3499, 0, 501)]
    [Trait("promise", "P5")]
    [Trait("case", "15")]
    [Trait("case", "16")]
    [Trait("case", "17")]
    public async Task Deletes_of_many_at_once_are_held(int before, int after, int deletes, int held)
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.RunAsync("run-1", User.Many(before), pageSize: 1000);

        var second = await workshop.RunAsync("run-2", User.Many(after), pageSize: 1000);

        Assert.Equal((deletes, held, held > 0), (second.Deletes, second.DeletesHeld, second.HoldReason is not null));
        Assert.Equal([$"{before - deletes}"], workshop.Rows("select count(*) from users_latest"));
    }

    [Fact]
    [Trait("promise", "P5")]
    [Trait("case", "18")]
    public async Task Inserts_and_updates_go_on_while_deletes_are_held_and_the_next_run_looks_anew()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.RunAsync("run-1", User.Many(100));

        var second = await workshop.RunAsync("run-2", [new User("u000001", "changed"), new User("new")]);
        var third = await workshop.RunAsync("run-3", [.. User.Many(100), new User("new")]);

        Assert.Equal((1, 1, 0, 99), (second.Inserts, second.Updates, second.Deletes, second.DeletesHeld));
        Assert.Equal((0, 1, 0, 0), (third.Inserts, third.Updates, third.Deletes, third.DeletesHeld));
    }

    [Fact]
    [Trait("promise", "P6")]
    [Trait("case", "20")]
    public async Task A_record_without_a_usable_key_holds_back_deletes_and_fails_nothing()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.RunAsync("run-1", User.Many(20));

        var second = await workshop.RunAsync("run-2", [.. User.Many(18), new User(null), new User("new")]);

        Assert.Equal((1, 0, 2), (second.Inserts, second.Deletes, second.DeletesHeld));
        Assert.Contains("1 records without a usable key", second.HoldReason, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("promise", "P11")]
    [Trait("case", "51")]
    public async Task The_same_external_id_in_other_organizations_or_integrations_is_another_record()
    {
        using var workshop = await Workshop.CreateAsync();
        IntegrationKey[] keys = [new("org-001", "okta"), new("org-002", "okta"), new("org-001", "google")];
        foreach (var key in keys)
            Assert.Equal(3, (await workshop.RunAsync("run-1", User.Many(3), key)).Inserts);

        var second = await workshop.RunAsync("run-2", User.Many(2), keys[0]);

        Assert.Equal(1, second.Deletes);
        Assert.Equal(
            ["org-001|google|3", "org-001|okta|2", "org-002|okta|3"],
            workshop.Rows("select organization_id, connected_integration_id, count(*) from users_latest group by 1, 2 order by 1, 2"));
        Assert.Equal(["9"], workshop.Rows("select count(distinct id) from (select id from users_latest union select id from users_cdc)"));
    }

    [Fact]
    [Trait("case", "26")]
    public async Task The_same_id_on_two_pages_is_one_record_and_the_later_page_wins()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.AcquireAsync("run-1");
        await workshop.StageAsync("run-1", Workshop.Page(2, [new User("3"), new User("1", "late")], totalPages: 2));
        await workshop.StageAsync("run-1", Workshop.Page(1, [new User("1", "early"), new User("2")], totalPages: 2));

        var detected = await workshop.DetectAsync("run-1");
        await workshop.ApplyAsync("run-1");

        Assert.Equal(new DetectSummary(3, 3, 0, 0, 0) { Duplicates = 1 }, detected);
        Assert.Equal(["late"], workshop.Rows("select name from users_latest where external_id = '1'"));
    }

    [Fact]
    public async Task Detecting_or_applying_a_run_again_changes_nothing()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.RunAsync("run-1", User.Many(5));
        await workshop.ExtractAsync("run-2", User.Many(4));
        var detected = await workshop.DetectAsync("run-2");

        Assert.Equal(detected, await workshop.DetectAsync("run-2"));
        await workshop.ApplyAsync("run-2");
        var before = workshop.Rows("select * from users_latest");
        Assert.Equal(detected, await workshop.DetectAsync("run-2"));
        await workshop.ApplyAsync("run-2");

        Assert.Equal(before, workshop.Rows("select * from users_latest"));
        Assert.Equal(["DELETE|u000005|-"], workshop.ChangesOf("run-2"));
    }

    [Fact]
    public async Task What_earlier_runs_staged_is_pruned_also_when_they_failed()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.RunAsync("run-1", User.Many(30), pageSize: 10);
        await workshop.ExtractAsync("run-2", User.Many(30), pageSize: 10);
        await workshop.RunAsync("other", User.Many(3), new IntegrationKey("org-002", "okta"));
        await workshop.ExtractAsync("run-3", User.Many(30), pageSize: 10);
        await workshop.RunAsync("run-4", User.Many(30), pageSize: 10);

        Assert.Equal(["other|3", "run-4|30"], workshop.Rows("select workflow_id, count(*) from users_staging group by 1 order by 1"));
        Assert.Equal(["other|1", "run-4|3"], workshop.Rows("select workflow_id, count(*) from extract_pages group by 1 order by 1"));
    }

    [Fact]
    public async Task Applying_what_was_not_detected_is_refused()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.ExtractAsync("run-1", User.Many(3));

        var refused = await Assert.ThrowsAsync<RunStateException>(() => workshop.ApplyAsync("run-1"));

        Assert.Contains("detect-changes first", refused.Message, StringComparison.Ordinal);
        Assert.Equal(["0"], workshop.Rows("select count(*) from users_latest"));
    }
}
