using Elt.Pipelines.Sources;
using Elt.Testing;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Elt.Pipelines.Tests.Sources.Connectors;

/// <summary>Who asks: tokens that are renewed, secrets by reference, hosts that are not followed.</summary>
public sealed class CredentialTests : IAsyncLifetime
{
    private readonly FrozenTime _time = new();
    private Vendor _vendor = null!;
    private int _tokens;

    public async Task InitializeAsync()
    {
        _vendor = await Vendor.StartAsync();
        _vendor.Time = _time;
    }

    public async Task DisposeAsync() => await _vendor.DisposeAsync();

    [Fact]
    [Trait("promise", "P10")]
    public async Task Case_41_a_refused_token_is_renewed_once_and_the_page_is_read()
    {
        Accept(token => token == "Bearer at-2");

        Assert.Single(await _vendor.ReadAsync(_vendor.Connect("microsoft-graph", "/users")));
        Assert.Equal(2, _tokens);
    }

    [Fact]
    [Trait("promise", "P10")]
    public async Task Case_41_a_second_refusal_is_a_matter_of_credentials()
    {
        Accept(_ => false);

        var error = await _vendor.FailAsync(_vendor.Connect("microsoft-graph", "/users"));

        Assert.Equal(SourceErrorClass.Auth, error.ErrorClass);
        Assert.Equal(2, _tokens);
    }

    [Fact]
    public async Task A_token_serves_until_it_is_about_to_expire()
    {
        Accept(_ => true);
        var integration = _vendor.Connect("microsoft-graph", "/users");
        var request = new PageRequest(integration, 1, 10, Connector: _vendor.ConnectorOf(integration));
        using var source = _vendor.Source();

        await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => source.FetchAsync(request, default)));
        Assert.Equal(1, _tokens);
        _time.Now += TimeSpan.FromSeconds(3541);
        await source.FetchAsync(request, default);

        Assert.Equal(2, _tokens);
    }

    [Fact]
    public async Task Requests_that_are_refused_at_once_renew_the_token_once()
    {
        var both = new TaskCompletionSource();
        var refused = 0;
        _vendor.Answer = async context =>
        {
            if (context.Request.Path == "/token/t-1")
            {
                await AnswerTokenAsync(context);
                return;
            }
            if (context.Request.Headers.Authorization != "Bearer at-1")
            {
                await Vendor.WriteAsync(context, """{"value":[]}""");
                return;
            }
            if (Interlocked.Increment(ref refused) == 2)
                both.SetResult();
            await both.Task;
            context.Response.StatusCode = 401;
        };
        var integration = _vendor.Connect("microsoft-graph", "/users");
        var request = new PageRequest(integration, 1, 10, Connector: _vendor.ConnectorOf(integration));
        using var source = _vendor.Source();

        await Task.WhenAll(source.FetchAsync(request, default), source.FetchAsync(request, default));

        Assert.Equal(2, _tokens);
    }

    [Fact]
    public async Task A_token_endpoint_that_refuses_is_a_matter_of_credentials()
    {
        _vendor.Answer = context => Vendor.WriteAsync(context, """{"error":"invalid_grant"}""", 400);

        Assert.Equal(SourceErrorClass.Auth, (await _vendor.FailAsync(_vendor.Connect("google-workspace", "/users"))).ErrorClass);
    }

    [Theory]
    [Trait("promise", "P14")]
    [InlineData("hunter2", "expected a reference")]
    [InlineData("env:ELT_POSTGRES", "expected a reference")]
    [InlineData("env:NO_SUCH_VARIABLE", "the environment has no variable 'NO_SUCH_VARIABLE'")]
    [InlineData("file:relative", "expected a reference")]
    [InlineData("file:/no/such/file", "its file cannot be read")]
    public async Task A_secret_is_a_reference_and_no_message_shows_a_value(string reference, string expected)
    {
        var integration = Keyed(reference);

        var error = await _vendor.FailAsync(integration);

        Assert.Equal(SourceErrorClass.Auth, error.ErrorClass);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", error.Message, StringComparison.Ordinal);
        Assert.Empty(_vendor.Requests);
    }

    [Fact]
    public async Task A_secret_may_be_kept_in_a_file()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder.File("token"), "from-file\n");
        string? seen = null;
        _vendor.Answer = context =>
        {
            seen = context.Request.Headers["X-Key"];
            return Vendor.WriteAsync(context, """{"rows":[]}""");
        };

        await _vendor.ReadAsync(Keyed($"file:{folder.File("token")}"));

        Assert.Equal("from-file", seen);
    }

    [Fact]
    public async Task What_the_integration_lacks_is_named()
    {
        var error = await _vendor.FailAsync(_vendor.Connect("rest", "/rows", more: """
            ,"connector":{"name":"rows","query":{"d":"{config.domain}"},"pagination":{"type":"none"},"records":{"path":"/rows"},"key":["/id"],"fields":{}}
            """));

        Assert.Contains("provider_data.domain", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [Trait("promise", "P15")]
    [InlineData("http://elsewhere.example/users?page=2")]
    [InlineData("https://127.0.0.1/users?page=2")]
    [InlineData("//elsewhere.example/users")]
    [InlineData("http://user@{host}/users?page=2")]
    public async Task A_next_page_at_another_host_is_not_followed(string next)
    {
        _vendor.Answer = context =>
        {
            context.Response.Headers.Link = $"<{next.Replace("{host}", context.Request.Host.Value, StringComparison.Ordinal)}>; rel=\"next\"";
            return Vendor.WriteAsync(context, """[{"id":"1"}]""");
        };

        var error = await _vendor.FailAsync(_vendor.Connect("okta", "/users"));

        Assert.StartsWith("foreign_host", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("elsewhere", error.Message, StringComparison.Ordinal);
        Assert.Single(_vendor.Requests);
    }

    [Fact]
    [Trait("promise", "P15")]
    public async Task A_source_at_a_private_address_is_refused_unless_that_is_allowed()
    {
        using var source = _vendor.Source(new SourceOptions());

        var error = await Assert.ThrowsAsync<SourceException>(
            () => source.FetchAsync(new PageRequest(_vendor.Connect("okta", "/users"), 1, 10), default));

        Assert.Equal(SourceErrorClass.Permanent, error.ErrorClass);
        Assert.Contains("loopback, link-local or private", error.Message, StringComparison.Ordinal);
        Assert.Empty(_vendor.Requests);
    }

    [Theory]
    [Trait("promise", "P15")]
    [InlineData("127.0.0.1", true)]
    [InlineData("10.1.2.3", true)]
    [InlineData("172.31.255.255", true)]
    [InlineData("192.168.0.1", true)]
    [InlineData("169.254.169.254", true)]
    [InlineData("100.64.0.1", true)]
    [InlineData("0.0.0.0", true)]
    [InlineData("255.255.255.255", true)]
    [InlineData("::1", true)]
    [InlineData("::", true)]
    [InlineData("fe80::1", true)]
    [InlineData("fd00::1", true)]
    [InlineData("::ffff:10.0.0.1", true)]
    [InlineData("64:ff9b::7f00:1", true)]
    [InlineData("2002:7f00:1::", true)]
    [InlineData("8.8.8.8", false)]
    [InlineData("172.32.0.1", false)]
    [InlineData("2606:4700::1111", false)]
    [InlineData("64:ff9b::808:808", false)]
    public void Addresses_that_reach_inward_are_known(string address, bool inward) =>
        Assert.Equal(inward, InwardAddress.Is(System.Net.IPAddress.Parse(address)));

    private Elt.Pipelines.Integrations.ConnectedIntegration Keyed(string reference)
    {
        var integration = _vendor.Connect("rest", "/rows", more: """
            ,"connector":{"name":"rows","auth":{"type":"apiKey","in":"header","name":"X-Key","value":"{secret.token}"},
              "pagination":{"type":"none"},"records":{"path":"/rows"},"key":["/id"],"fields":{}}
            """);
        var data = integration.ProviderData.ToJson().Replace("\"token\":\"env:VENDOR_TEST_TOKEN\"", $"\"token\":\"{reference}\"", StringComparison.Ordinal);
        return integration with { ProviderData = Elt.Pipelines.Integrations.ProviderData.Parse(data) };
    }

    private void Accept(Func<string, bool> accepts) => _vendor.Answer = context =>
    {
        if (context.Request.Path == "/token/t-1")
            return AnswerTokenAsync(context);
        return accepts(context.Request.Headers.Authorization!)
            ? Vendor.WriteAsync(context, """{"value":[]}""")
            : Vendor.WriteAsync(context, "{}", 401);
    };

    private Task AnswerTokenAsync(HttpContext context) =>
        Vendor.WriteAsync(context, $$"""{"access_token":"at-{{Interlocked.Increment(ref _tokens)}}","expires_in":"3600"}""");
}
