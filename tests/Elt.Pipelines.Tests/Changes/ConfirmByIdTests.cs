using Elt.Durable;
using Elt.Pipelines.Changes;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Tests.Sources;
using Elt.Pipelines.Tests.Sources.Connectors;
using Elt.Pipelines.Tests.Suite;
using Elt.Pipelines.Warehouse;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Elt.Pipelines.Tests.Changes;

/// <summary>Where a record can move to a page that was read before, the source is asked for those that are missing.</summary>
[Trait("promise", "P7")]
public sealed class ConfirmByIdTests
{
    [Fact]
    [Trait("case", "28")]
    [Trait("case", "30")]
    [Trait("promise", "P14")]
    public async Task A_user_that_moved_while_the_source_was_read_stays_and_one_that_is_gone_is_deleted_in_the_same_run_and_once()
    {
        await using var directory = await ScimDirectory.StartAsync(pageSize: 5);
        directory.Has(Enumerable.Range(1, 10));
        await directory.RunAsync("one");
        int[] left = [1, 2, 3, 4, 5, 6, 7, 8, 10];
        directory.Has(left);
        // User 2 goes when page 1 has been read: user 6 moves to it.
        directory.BeforePage = start => directory.Has(start == 6 ? left.Except([2]) : left);

        var second = await directory.RunAsync("two");
        Assert.Equal(new[] { 1, 6, 9 }.Select(ScimDirectory.Id), directory.Asked);
        Assert.Equal((1, 0, 9, 1), (second.Deletes, second.DeletesUnconfirmed, second.Latest, second.Synced));
        directory.BeforePage = _ => { };
        var third = await directory.RunAsync("three");
        var fourth = await directory.RunAsync("four");

        Assert.Equal((1, 0, 8), (third.Deletes, third.DeletesUnconfirmed, third.Latest));
        Assert.Equal((0, 0, 8), (fourth.Deletes, fourth.DeletesUnconfirmed, fourth.Latest));
        Assert.Equal(
            ["two|DELETE|user-009", "three|DELETE|user-002"],
            directory.Host.Warehouse("select r.workflow_id, change_type, external_id from users_cdc c join pipeline_runs r using (workflow_id) where change_type <> 'INSERT' order by run_seq"));
        Assert.Equal(["0"], directory.Host.Warehouse("select count(*) from users_missing"));
        Assert.DoesNotContain("user-00", directory.Host.Journal(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_process_that_ends_in_the_middle_asks_for_no_user_again_but_the_one_in_flight()
    {
        await using var directory = await ScimDirectory.StartAsync(pageSize: 200);
        directory.Has(Enumerable.Range(1, 200));
        await directory.RunAsync("one");
        directory.Has(Enumerable.Range(1, 170));
        var inFlight = new TaskCompletionSource<string>();
        directory.Instead = async (context, id) =>
        {
            if (directory.Asked.Count == 29 && inFlight.TrySetResult(id))
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted);
            return false;
        };

        var run = directory.RunAsync("two");
        var interrupted = await inFlight.Task.WaitAsync(PipelineHost.Patience());
        await directory.Host.RestartAsync();
        var second = await directory.RunAsync("two");

        Assert.Equal((30, 0, 170), (second.Deletes, second.DeletesUnconfirmed, second.Latest));
        Assert.Equal([interrupted], directory.Asked.CountBy(id => id).Where(asked => asked.Value > 1).Select(asked => asked.Key));
        Assert.Equal(31 + 1, directory.Asked.Count);
        await Assert.ThrowsAnyAsync<Exception>(() => run);
    }

    [Theory]
    [InlineData(403, "{}", 2)]
    [InlineData(500, "{}", 7)]
    [InlineData(200, "{\"id\":\"somebody-else\"}", 3)]
    public async Task What_the_source_does_not_say_is_left_to_a_second_run_and_fails_none(int status, string body, int asked)
    {
        await using var directory = await ScimDirectory.StartAsync(pageSize: 20);
        directory.Has(Enumerable.Range(1, 10));
        await directory.RunAsync("one");
        directory.Has(Enumerable.Range(1, 8));
        directory.Instead = async (context, id) =>
        {
            if (id == ScimDirectory.Id(1))
                return false;
            await Vendor.WriteAsync(context, body, status);
            return true;
        };

        var second = await directory.RunAsync("two");
        Assert.Equal((0, 2, 10), (second.Deletes, second.DeletesUnconfirmed, second.Latest));
        Assert.Equal(asked, directory.Asked.Count);
        var third = await directory.RunAsync("three");

        Assert.Equal((2, 0, 8), (third.Deletes, third.DeletesUnconfirmed, third.Latest));
    }

    [Fact]
    public async Task Where_a_user_that_was_just_read_is_not_found_nothing_is_believed()
    {
        await using var directory = await ScimDirectory.StartAsync(pageSize: 20);
        directory.Has(Enumerable.Range(1, 10));
        await directory.RunAsync("one");
        directory.Has(Enumerable.Range(1, 8));
        directory.Instead = async (context, _) =>
        {
            await Vendor.WriteAsync(context, "{}", 404);
            return true;
        };

        var second = await directory.RunAsync("two");

        Assert.Equal((0, 2, 10), (second.Deletes, second.DeletesUnconfirmed, second.Latest));
        Assert.Equal([ScimDirectory.Id(1)], directory.Asked);
    }

    [Fact]
    public async Task An_error_that_passes_is_tried_again()
    {
        await using var directory = await ScimDirectory.StartAsync(pageSize: 20);
        directory.Has(Enumerable.Range(1, 10));
        await directory.RunAsync("one");
        directory.Has(Enumerable.Range(1, 9));
        directory.Instead = async (context, id) =>
        {
            if (directory.Asked.Count(asked => asked == id) > 1)
                return false;
            await Vendor.WriteAsync(context, "{}", 503);
            return true;
        };

        Assert.Equal(1, (await directory.RunAsync("two")).Deletes);
        Assert.Equal(4, directory.Asked.Count);
    }

    [Fact]
    public async Task A_run_asks_for_so_many_and_the_others_wait_for_the_next_one()
    {
        var manifest = DemoPages.Connectors.Of(new ConnectedIntegration("1", "org", "scim2", DemoPages.Integration.ProviderData)).Json
            .Replace("/{key}\"", "/{key}\", \"max\": 3", StringComparison.Ordinal);
        await using var directory = await ScimDirectory.StartAsync(100, ConnectorLibrary.Inline, $",\"connector\":{manifest}");
        directory.Has(Enumerable.Range(1, 50));
        await directory.RunAsync("one");
        directory.Has(Enumerable.Range(1, 45));

        var second = await directory.RunAsync("two");
        var third = await directory.RunAsync("three");

        Assert.Equal((3, 2, 47), (second.Deletes, second.DeletesUnconfirmed, second.Latest));
        Assert.Equal((2, 0, 45), (third.Deletes, third.DeletesUnconfirmed, third.Latest));
        Assert.Equal(new[] { 1, 46, 47, 48, 1, 49, 50 }.Select(ScimDirectory.Id), directory.Asked);
    }

    [Fact]
    [Trait("promise", "P5")]
    public async Task Nobody_is_asked_for_deletes_that_are_held()
    {
        await using var directory = await ScimDirectory.StartAsync(pageSize: 100);
        directory.Has(Enumerable.Range(1, 50));
        await directory.RunAsync("one");
        directory.Has([]);

        Assert.Equal((0, 50), await directory.RunAsync("two") is var run ? (run.Deletes, run.DeletesHeld) : default);
        directory.Has(Enumerable.Range(1, 20));
        Assert.Equal((0, 30), await directory.RunAsync("three") is var next ? (next.Deletes, next.DeletesHeld) : default);

        Assert.Empty(directory.Asked);
    }

    [Fact]
    [Trait("promise", "P15")]
    public void A_key_leads_nowhere_but_below_the_endpoint()
    {
        var rule = new ByIdConfirm("/{key}/profile");
        var values = new RequestValues(DemoPages.Integration.ProviderData, new Dictionary<string, string>());

        Assert.Equal("https://h/api/users/..%2F%3Fa%3D%23%40%E5%AD%97%20b/profile", Address("../?a=#@字 b"));
        Assert.Equal("https://h/api/users/%252e%252e/profile", Address("%2e%2e"));
        Assert.Throws<SourceException>(() => Address(".."));
        Assert.Throws<SourceException>(() => Address("."));

        string Address(string key) => rule.Address(new Uri("https://h/api/users/?active=true"), key, values).AbsoluteUri;
    }

    [Theory]
    [InlineData("{\"ok\":true,\"user\":{\"id\":\"7\",\"deleted\":false}}", true)]
    [InlineData("{\"ok\":true,\"user\":{\"id\":\"7\",\"deleted\":true}}", false)]
    [InlineData("{\"ok\":true,\"user\":{\"id\":\"7\",\"is_bot\":true}}", false)]
    [InlineData("{\"ok\":false,\"error\":\"user_not_found\"}", false)]
    [InlineData("{\"ok\":false,\"error\":\"invalid_auth\"}", null)]
    public async Task What_an_answer_means_is_said_by_the_connector(string answer, bool? isThere)
    {
        await using var vendor = await Vendor.StartAsync();
        vendor.Answer = context => Vendor.WriteAsync(context, answer);
        var integration = vendor.Connect("slack", "/api/users.info");
        var slack = vendor.ConnectorOf(integration);
        var byId = new ByIdConfirm("/{key}") { Record = "/user", Gone = [new AnswerMatch { Path = "/error", Values = ["user_not_found"] }] };
        var connector = slack with { Manifest = slack.Manifest with { Deletes = new DeleteRules { Confirm = byId } } };
        using var source = vendor.Source();

        if (isThere is { } expected)
            Assert.Equal(expected ? Presence.There : Presence.Gone, await source.LookUpAsync(integration, connector, "7", default));
        else
            Assert.Equal(SourceErrorClass.Auth, (await Assert.ThrowsAsync<SourceException>(() => source.LookUpAsync(integration, connector, "7", default))).ErrorClass);
        Assert.Equal(["GET /api/users.info/7"], vendor.Requests);
    }
}
