using System.Text;
using Elt.Durable;
using Elt.Pipelines.Destinations;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Sources.Manifests;
using Elt.Pipelines.Tests.Sources;
using Elt.Pipelines.Tests.Suite;
using Elt.Pipelines.Warehouse;
using Xunit;

namespace Elt.Pipelines.Tests.Changes;

/// <summary>Changes as they follow from what a source sends.</summary>
public sealed class MappedChangesTests
{
    [Theory]
    [Trait("promise", "P3")]
    [Trait("case", "8")]
    [InlineData("integer", 0)]
    [InlineData("text", 1)]
    public async Task One_number_in_other_spellings_is_no_change_of_an_integer_and_one_of_a_text(string type, int updates)
    {
        using var workshop = await Workshop.CreateAsync();
        await RunAsync("run-1", "1");

        Assert.Equal(0, await RunAsync("run-2", "\"1\""));
        Assert.Equal(updates, await RunAsync("run-3", "1.0"));
        Assert.Equal(0, await RunAsync("run-4", "1.0"));

        async Task<long> RunAsync(string runId, string number)
        {
            await workshop.AcquireAsync(runId);
            await workshop.StageAsync(runId, Parse($$"""{"rows":[{"id":"1","n":{{number}}}]}""", type));
            var detected = await workshop.DetectAsync(runId);
            await workshop.ApplyAsync(runId);
            return detected.Updates;
        }
    }

    [Fact]
    [Trait("case", "48")]
    [Trait("case", "49")]
    public async Task Keys_that_differ_in_any_digit_are_different_records()
    {
        using var workshop = await Workshop.CreateAsync();
        await workshop.AcquireAsync("run-1");
        await workshop.StageAsync("run-1", Parse("""{"rows":[{"id":9007199254740992},{"id":9007199254740993},{"id":"007"},{"id":7}]}""", "text"));

        Assert.Equal(4, (await workshop.DetectAsync("run-1")).Inserts);
        await workshop.ApplyAsync("run-1");
        Assert.Equal(["007", "7", "9007199254740992", "9007199254740993"], workshop.Rows("select external_id from users_latest order by 1"));
    }

    [Fact]
    [Trait("promise", "P4")]
    [Trait("case", "11")]
    public async Task A_page_that_fails_for_good_leaves_latest_watermark_and_destination_as_they_were()
    {
        await using var host = await PipelineHost.StartAsync();
        await host.ConnectAsync(User.Many(45));
        await host.RunAsync("run-1");
        var before = State();
        await host.ConnectAsync([new User("new"), .. User.Many(43, from: 2)]);
        host.Provider.Instead = (context, page) =>
        {
            context.Response.StatusCode = page == 3 ? 404 : 200;
            return Task.FromResult(page == 3);
        };

        await Assert.ThrowsAsync<WorkflowFailedException>(() => host.RunAsync("run-2", batches: 1));

        Assert.Equal(before, State());
        Assert.Empty(host.Warehouse("select * from users_cdc where workflow_id = 'run-2'"));
        host.Provider.Instead = (_, _) => Task.FromResult(false);
        var third = await host.RunAsync("run-3");
        Assert.Equal((1, 2, 44), (third.Inserts, third.Deletes, third.Latest));

        string[] State() =>
        [
            .. host.Warehouse("select * from users_latest"),
            .. Workshop.Rows(host.DestinationDatabase, "select external_id, last_seq, (select last_run_id from sync_stream) from users"),
        ];
    }

    private static SourcePage Parse(string body, string type)
    {
        var manifest = Connector.Parse(
            $$"""
            {"name":"small","pagination":{"type":"none"},"records":{"path":"/rows"},"key":["/id"],"fields":{"name":{"from":["/n"],"type":"{{type}}"} } }
            """,
            "test",
            Dataset.Users).Manifest;
        using var answer = SourceAnswer.Read(new HttpResponseMessage(), Encoding.UTF8.GetBytes(body), "GET test");
        return new PageParser(manifest, Dataset.Users)
            .Parse(answer.Body, _ => [], new PageRequest(DemoPages.Integration, 1, 10), DemoPages.Integration.ProviderData.ApiEndpoint, "GET test");
    }
}
