using Elt.Pipelines.Integrations;
using Xunit;

namespace Elt.Pipelines.Tests.Integrations;

public sealed class IntegrationTests
{
    [Theory]
    [InlineData("org", "okta", "org.okta")]
    [InlineData("a.b", "c", "a%2Eb.c")]
    [InlineData("a", "b.c", "a.b%2Ec")]
    [InlineData("a/b", "c d%", "a%2Fb.c%20d%25")]
    [InlineData("ünïcode", "日本", "ünïcode.日本")]
    public void The_name_of_a_key_is_unique_and_fit_for_a_workflow_id(string organization, string integration, string name) =>
        Assert.Equal(name, new IntegrationKey(organization, integration).ToName());

    [Theory]
    [InlineData("", "okta")]
    [InlineData("org", " ")]
    [InlineData("org\n", "okta")]
    [InlineData("org", "😀")]
    public void A_key_with_a_part_that_is_blank_or_cannot_be_a_name_is_refused(string organization, string integration) =>
        Assert.Throws<ArgumentException>(() => new IntegrationKey(organization, integration));

    [Fact]
    public void A_part_of_a_key_has_at_most_100_characters() =>
        Assert.Throws<ArgumentException>(() => new IntegrationKey(new string('x', 101), "okta"));

    [Fact]
    public void Provider_data_are_read_and_written_back_with_members_that_are_not_known()
    {
        var data = ProviderData.Parse("""{"permission_source_name":"Okta","api_endpoint":"https://okta.example/users","region":"eu"}""");

        Assert.Equal(("Okta", "https://okta.example/users", 10), (data.PermissionSourceName, data.ApiEndpoint.AbsoluteUri, data.PageSize));
        Assert.Equal("""{"permission_source_name":"Okta","api_endpoint":"https://okta.example/users","page_size":10,"region":"eu"}""", data.ToJson());
    }

    [Theory]
    [InlineData("", "cannot be read")]
    [InlineData("null", "must be a JSON object")]
    [InlineData("[]", "cannot be read")]
    [InlineData("""{"api_endpoint":"https://x.example"}""", "permission_source_name")]
    [InlineData("""{"permission_source_name":" ","api_endpoint":"https://x.example"}""", "permission_source_name must not be blank")]
    [InlineData("""{"permission_source_name":"x"}""", "api_endpoint")]
    [InlineData("""{"permission_source_name":"x","api_endpoint":"/users"}""", "absolute http or https")]
    [InlineData("""{"permission_source_name":"x","api_endpoint":"ftp://x.example"}""", "absolute http or https")]
    [InlineData("""{"permission_source_name":"x","api_endpoint":"https://user:pw@x.example"}""", "without user info")]
    [InlineData("""{"permission_source_name":"x","api_endpoint":"https://x.example","page_size":0}""", "page_size must be 1 to 10000, it is 0")]
    [InlineData("""{"permission_source_name":"x","api_endpoint":"https://x.example","page_size":"10"}""", "page_size")]
    public void Provider_data_that_cannot_be_used_are_refused_with_the_reason(string json, string reason)
    {
        var error = Assert.Throws<FormatException>(() => ProviderData.Parse(json));

        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("pw", error.Message, StringComparison.Ordinal);
    }
}
