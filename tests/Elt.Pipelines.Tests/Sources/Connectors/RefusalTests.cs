using System.Globalization;
using Elt.Pipelines.Extract;
using Elt.Pipelines.Sources;
using Xunit;

namespace Elt.Pipelines.Tests.Sources.Connectors;

/// <summary>What answers mean, and how long to wait after them.</summary>
[Trait("promise", "P10")]
public sealed class RefusalTests : IAsyncLifetime
{
    private readonly FrozenTime _time = new();
    private Vendor _vendor = null!;

    public async Task InitializeAsync()
    {
        _vendor = await Vendor.StartAsync();
        _vendor.Time = _time;
    }

    public async Task DisposeAsync() => await _vendor.DisposeAsync();

    [Theory]
    [InlineData("ratelimited", SourceErrorClass.RateLimit)]
    [InlineData("token_revoked", SourceErrorClass.Auth)]
    [InlineData("invalid_cursor", SourceErrorClass.ExpiredCursor)]
    [InlineData("internal_error", SourceErrorClass.Network)]
    [InlineData("limit_required", SourceErrorClass.Data)]
    public async Task Slack_says_its_errors_with_status_200(string error, SourceErrorClass expected)
    {
        _vendor.Answer = context => Vendor.WriteAsync(context, $$"""{"ok":false,"error":"{{error}}"}""");

        Assert.Equal(expected, (await _vendor.FailAsync(_vendor.Connect("slack", "/users.list"))).ErrorClass);
    }

    [Theory]
    [InlineData("""{"error":{"errors":[{"reason":"userRateLimitExceeded"}]}}""", SourceErrorClass.RateLimit)]
    [InlineData("""{"error":{"errors":[{"reason":"quotaExceeded"}]}}""", SourceErrorClass.RateLimit)]
    [InlineData("""{"error":{"errors":[{"reason":"forbidden"}]}}""", SourceErrorClass.Auth)]
    [InlineData("<html>no</html>", SourceErrorClass.Auth)]
    public async Task Case_38_a_403_is_a_rate_limit_when_its_reason_says_so_and_else_a_matter_of_permission(string body, SourceErrorClass expected)
    {
        _vendor.Answer = context => context.Request.Path == "/token/t-1"
            ? Vendor.WriteAsync(context, """{"access_token":"at"}""")
            : Vendor.WriteAsync(context, body, 403);

        Assert.Equal(expected, (await _vendor.FailAsync(_vendor.Connect("google-workspace", "/users"))).ErrorClass);
    }

    [Theory]
    [InlineData("X-RateLimit-Remaining", "0", SourceErrorClass.RateLimit, 90.0)]
    [InlineData("Retry-After", "60", SourceErrorClass.RateLimit, 60.0)]
    [InlineData("X-RateLimit-Remaining", "12", SourceErrorClass.Auth, null)]
    public async Task GitHub_refuses_with_403_when_nothing_remains(string header, string value, SourceErrorClass expected, double? seconds)
    {
        _vendor.Answer = context =>
        {
            context.Response.Headers[header] = value;
            context.Response.Headers["X-RateLimit-Reset"] = _time.Now.AddSeconds(90).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
            return Vendor.WriteAsync(context, """{"message":"API rate limit exceeded"}""", 403);
        };

        var error = await _vendor.FailAsync(_vendor.Connect("github-org-members", "/orgs/x/members"));

        Assert.Equal((expected, seconds), (error.ErrorClass, error.RetryAfter?.TotalSeconds));
    }

    [Fact]
    public async Task Case_36_a_rate_limit_waits_until_its_reset_three_times_and_then_fails_the_run()
    {
        _vendor.Answer = context =>
        {
            context.Response.Headers["X-Rate-Limit-Reset"] = _time.Now.AddSeconds(2).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
            return Vendor.WriteAsync(context, "{}", 429);
        };

        var error = await _vendor.FailAsync(_vendor.Connect("okta", "/api/v1/users"));

        var policy = new PageRetry(new SourceOptions()).Policy with { Jitter = 0 };
        var waits = Enumerable.Range(1, 4).Select(attempt => policy.NextDelay(error, attempt, new Random(1))?.TotalSeconds);
        Assert.Equal(new double?[] { 2, 2, 2, null }, waits);
        Assert.Equal(SourceErrorClass.RateLimit, error.ErrorClass);
    }

    [Theory]
    [InlineData("epochSeconds", "1795238460", 60.0)]
    [InlineData("epochSeconds", "1795238000", 1.0)]
    [InlineData("epochSeconds", "soon", null)]
    [InlineData("epochMillis", "1795238401500", 1.5)]
    [InlineData("deltaSeconds", "7", 7.0)]
    [InlineData("deltaSeconds", "0", 1.0)]
    [InlineData("httpDate", "Sat, 21 Nov 2026 05:21:00 GMT", 60.0)]
    [InlineData("httpDate", "Sat, 21 Nov 2020 05:21:00 GMT", 1.0)]
    [InlineData("epochSeconds", "99999999999999999999", 86400.0)]
    public async Task Case_37_a_reset_is_understood_in_each_form_and_never_a_reason_to_hammer(string form, string header, double? seconds)
    {
        _vendor.Answer = context =>
        {
            context.Response.Headers["Reset"] = header;
            return Vendor.WriteAsync(context, "{}", 429);
        };

        var error = await _vendor.FailAsync(Rest($$"""
            "rateLimit":{"resetHeader":"Reset","resetIs":"{{form}}"}
            """));

        Assert.Equal(seconds, error.RetryAfter?.TotalSeconds);
    }

    [Theory]
    [InlineData("X-Retry-In", "7", 7.0)]
    [InlineData("X-Retry-In", "Sat, 21 Nov 2026 05:21:00 GMT", 60.0)]
    [InlineData("Retry-After", "7", 90.0)]
    public async Task The_wait_is_read_from_the_header_that_the_connector_names_and_else_from_the_reset(string header, string value, double seconds)
    {
        _vendor.Answer = context =>
        {
            context.Response.Headers[header] = value;
            context.Response.Headers["Reset"] = "90";
            return Vendor.WriteAsync(context, """[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]""", 403);
        };

        var error = await _vendor.FailAsync(Rest("""
            "rateLimit":{"retryAfterHeader":"X-Retry-In","resetHeader":"Reset","resetIs":"deltaSeconds"},
            "errors":[{"status":403,"path":"/0/errorCode","values":["REQUEST_LIMIT_EXCEEDED"],"class":"rateLimit"}]
            """));

        Assert.Equal((SourceErrorClass.RateLimit, seconds), (error.ErrorClass, error.RetryAfter!.Value.TotalSeconds));
    }

    [Fact]
    public async Task Case_39_a_login_page_with_status_200_is_tried_again_and_is_no_data()
    {
        _vendor.Answer = context => Vendor.WriteAsync(context, "<!DOCTYPE html><html>Sign in</html>");

        var error = await _vendor.FailAsync(_vendor.Connect("okta", "/api/v1/users"));

        Assert.Equal(SourceErrorClass.Network, error.ErrorClass);
        Assert.Contains("a web page", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Case_40_a_body_that_is_cut_is_a_network_error()
    {
        _vendor.Answer = context => Vendor.WriteAsync(context, """[{"id":"00u1","status":"ACT""");

        Assert.Equal(SourceErrorClass.Network, (await _vendor.FailAsync(_vendor.Connect("okta", "/api/v1/users"))).ErrorClass);
    }

    [Fact]
    public async Task The_first_rule_that_fits_counts()
    {
        _vendor.Answer = context => Vendor.WriteAsync(context, """{"code":"busy"}""", 400);

        var error = await _vendor.FailAsync(Rest("""
            "errors":[{"status":400,"path":"/code","values":["other"],"class":"auth"},{"status":400,"path":"/code","class":"rateLimit"},{"status":400,"class":"permanent"}]
            """));

        Assert.Equal(SourceErrorClass.RateLimit, error.ErrorClass);
    }

    [Fact]
    [Trait("promise", "P15")]
    public async Task An_answer_nested_too_deep_is_refused()
    {
        _vendor.Answer = context => Vendor.WriteAsync(context, $"{new string('[', 70)}{new string(']', 70)}");

        var error = await _vendor.FailAsync(Rest());

        Assert.Equal(SourceErrorClass.Data, error.ErrorClass);
        Assert.Contains("over 64 levels deep", error.Message, StringComparison.Ordinal);
    }

    private Elt.Pipelines.Integrations.ConnectedIntegration Rest(string more = "\"ignore\":[]") => _vendor.Connect("rest", "/rows", more: $$"""
        ,"connector":{"name":"rows","pagination":{"type":"none"},"records":{"path":"/rows"},"key":["/id"],"fields":{},{{more}}}
        """);
}
