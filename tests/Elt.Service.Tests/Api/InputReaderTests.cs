using System.Text.Json;
using Elt.Pipelines.Orchestration;
using Elt.Service.Api;

namespace Elt.Service.Tests.Api;

public class InputReaderTests
{
    private sealed record Inner(string Key);

    private sealed record Sample(
        string OrganizationId, int Batches = 10, string? Note = null, bool Full = false, double Share = 0, DateTimeOffset? At = null,
        DayOfWeek Day = DayOfWeek.Monday, Inner? Inner = null, IReadOnlyList<int>? Pages = null);

    [Theory]
    [InlineData("""{"organization_id":"007"}""", """{"organizationId":"007"}""")]
    [InlineData("""{"organizationId":"true","num_batches":"5"}""", """{"organizationId":"true","batches":5}""")]
    [InlineData("""{"organization_id":"a","batches":5,"full":"true","share":"0.5"}""", """{"organizationId":"a","batches":5,"full":true,"share":0.5}""")]
    [InlineData("""{"organization_id":"a","note":"null","at":"null"}""", """{"organizationId":"a","note":"null","at":null}""")]
    [InlineData("""{"organization_id":"a","at":"2026-11-21T05:20:00Z","day":"Friday"}""", """{"organizationId":"a","at":"2026-11-21T05:20:00Z","day":"Friday"}""")]
    [InlineData("""{"organization_id":"a","inner":{"key":"k"},"pages":[1,2]}""", """{"organizationId":"a","inner":{"key":"k"},"pages":[1,2]}""")]
    [InlineData("""{"organization_id":"a","inner":"{\"key\":\"k\"}","pages":"[1,2]"}""", """{"organizationId":"a","inner":{"key":"k"},"pages":[1,2]}""")]
    public void Text_becomes_what_the_member_needs(string given, string fitted) => Assert.Equal(fitted, Fit(given).GetRawText());

    [Theory]
    [InlineData("""{}""", "organization_id", "'organization_id': missing; expected text.")]
    [InlineData("""{"organization_id":7}""", "organization_id", "'organization_id': expected text, found 7.")]
    [InlineData("""{"organization_id":null}""", "organization_id", "'organization_id': expected text, found null.")]
    [InlineData("""{"organization_id":"a","num_batches":"many"}""", "num_batches", "'num_batches': expected a whole number, found \"many\".")]
    [InlineData("""{"organization_id":"a","batches":"1.5"}""", "batches", "'batches': expected a whole number, found \"1.5\".")]
    [InlineData("""{"organization_id":"a","batches":5,"num_batches":5}""", "num_batches", "'num_batches': given twice.")]
    [InlineData("""{"organization_id":"a","full":"yes"}""", "full", "'full': expected true or false, found \"yes\".")]
    [InlineData("""{"organization_id":"a","inner":{"other":1}}""", "inner.other", "'inner.other': there is no such member; expected key.")]
    [InlineData("""{"organization_id":"a","inner":{}}""", "inner.key", "'inner.key': missing; expected text.")]
    [InlineData("""[]""", "", "Body: expected an object, found [].")]
    public void What_does_not_fit_is_refused_by_name(string given, string member, string message)
    {
        var refused = Assert.Throws<ProblemException>(() => Fit(given)).View;
        Assert.Equal((400, "urn:elt:problem:bad-input", member, message), (refused.Status, refused.Type, refused.Member, refused.Detail));
    }

    [Fact]
    public void An_unknown_member_is_answered_with_those_there_are() => Assert.Equal(
        "'organisation': there is no such member; expected organization_id, batches, note, full, share, at, day, inner, pages.",
        Assert.Throws<ProblemException>(() => Fit("""{"organisation":"a"}""")).View.Detail);

    [Fact]
    public void A_pipeline_can_be_asked_to_read_everything() => Assert.Equal(
        """{"organizationId":"a","connectedIntegrationId":"b","full":true}""",
        InputReader.Fit(typeof(EltPipeline), JsonElement.Parse("""{"organization_id":"a","connected_integration_id":"b","full":"true"}"""), "bad-input").GetRawText());

    private static JsonElement Fit(string given) => InputReader.Fit(typeof(Sample), JsonElement.Parse(given), "bad-input");
}
