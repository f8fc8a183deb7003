using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Elt.Pipelines.Integrations;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Sources.Budgets;
using Elt.Pipelines.Tests.Sources.Connectors;
using Elt.Pipelines.Tests.Suite;
using Elt.Pipelines.Warehouse;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Elt.Pipelines.Tests.Sources;

public sealed class HttpSourceTests : IAsyncLifetime
{
    private static readonly SourceOptions Narrow = new() { MaxResponseBytes = 20_000, MaxPages = 50, AllowPrivateAddresses = true };

    private readonly HttpSource _source = Source(Narrow);
    private Provider _provider = null!;
    private ConnectedIntegration _integration = null!;

    public async Task InitializeAsync()
    {
        _provider = await Provider.StartAsync();
        _integration = _provider.Connect(Workshop.Okta, User.Many(25));
    }

    public async Task DisposeAsync()
    {
        _source.Dispose();
        await _provider.DisposeAsync();
    }

    [Fact]
    public async Task Pages_are_read_up_to_the_declared_last_one()
    {
        var first = await FetchAsync(1);
        var last = await FetchAsync(3);

        Assert.Equal((10, false, 3, 25L), (first.Records.Count, first.IsLast, first.TotalPages, first.DeclaredTotal));
        Assert.Equal(("u000001", "User 1", "u1@example.org", null), (first.Records[0].ExternalId, first.Records[0].Values[0], first.Records[0].Values[1], first.Records[0].Values[2]));
        Assert.Equal((5, true), (last.Records.Count, last.IsLast));
    }

    [Fact]
    [Trait("promise", "P9")]
    public async Task Without_totals_an_empty_page_is_the_end_and_a_short_one_is_not()
    {
        _provider.DeclaresTotals = false;

        var shortPage = await FetchAsync(3);
        var empty = await FetchAsync(4);

        Assert.Equal((5, false, null), (shortPage.Records.Count, shortPage.IsLast, shortPage.TotalPages));
        Assert.Equal((0, true), (empty.Records.Count, empty.IsLast));
    }

    [Fact]
    [Trait("promise", "P9")]
    public async Task With_totals_an_empty_page_in_the_middle_is_not_the_end()
    {
        Answer("""{"page":2,"total_pages":3,"users":[]}""");

        Assert.False((await FetchAsync(2)).IsLast);
    }

    [Theory]
    [InlineData(500, SourceErrorClass.Network)]
    [InlineData(502, SourceErrorClass.Network)]
    [InlineData(408, SourceErrorClass.Timeout)]
    [InlineData(504, SourceErrorClass.Timeout)]
    [InlineData(429, SourceErrorClass.RateLimit)]
    [InlineData(401, SourceErrorClass.Auth)]
    [InlineData(403, SourceErrorClass.Auth)]
    [InlineData(400, SourceErrorClass.Data)]
    [InlineData(422, SourceErrorClass.Data)]
    [InlineData(404, SourceErrorClass.Permanent)]
    [InlineData(302, SourceErrorClass.Permanent)]
    public async Task A_status_has_its_class_and_the_message_names_address_and_status(int status, SourceErrorClass expected)
    {
        _provider.Instead = (context, _) =>
        {
            context.Response.StatusCode = status;
            context.Response.Headers.Location = "http://elsewhere.example/secret";
            return Task.FromResult(true);
        };

        var error = await FailAsync();

        Assert.Equal(expected, error.ErrorClass);
        Assert.Contains($"/org-001/okta/users (page 1) answered {status}", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "nothing", SourceErrorClass.Network)]
    [InlineData("""{"page":1,"users":[{"id":"1","na""", "no complete JSON", SourceErrorClass.Network)]
    [InlineData(" <!DOCTYPE html><html>Sign in</html>", "a web page", SourceErrorClass.Network)]
    [InlineData("""[{"id":"1"}]""", "without the list 'users'", SourceErrorClass.Data)]
    [InlineData("""{"page":1,"users":{"id":"1"}}""", "without the list 'users'", SourceErrorClass.Data)]
    [InlineData("""{"page":1,"users":["1"]}""", "something else than objects", SourceErrorClass.Data)]
    [InlineData("""{"page":2,"users":[]}""", "answered with page 2", SourceErrorClass.Data)]
    [InlineData("""{"page":1,"total_pages":"many","users":[]}""", "'total_pages' is not a number", SourceErrorClass.Data)]
    public async Task An_answer_that_is_not_a_page_is_an_error(string body, string found, SourceErrorClass expected)
    {
        Answer(body);

        var error = await FailAsync();

        Assert.Equal(expected, error.ErrorClass);
        Assert.Contains(found, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("Sign in", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_that_breaks_off_is_a_network_error()
    {
        _provider.Instead = async (context, _) =>
        {
            context.Response.ContentLength = 1000;
            await context.Response.Body.WriteAsync("""{"page":1,"users":["""u8.ToArray());
            await context.Response.Body.FlushAsync();
            context.Abort();
            return true;
        };

        Assert.Equal(SourceErrorClass.Network, (await FailAsync()).ErrorClass);
    }

    [Fact]
    public async Task A_body_that_stalls_is_a_timeout()
    {
        _provider.Instead = async (context, _) =>
        {
            await context.Response.Body.WriteAsync("{"u8.ToArray());
            await context.Response.Body.FlushAsync();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return true;
        };

        using var impatient = Source(Narrow with { RequestTimeout = TimeSpan.FromMilliseconds(200) });

        var error = await Assert.ThrowsAsync<SourceException>(() => impatient.FetchAsync(new PageRequest(_integration, 1, 10), default));

        Assert.Equal(SourceErrorClass.Timeout, error.ErrorClass);
        Assert.Contains("did not answer within 0.2 s", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nobody_at_the_address_is_a_network_error()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();
        _integration = _integration with { ProviderData = _integration.ProviderData with { ApiEndpoint = new Uri($"http://127.0.0.1:{port}/users") } };

        var error = await FailAsync();

        Assert.Equal(SourceErrorClass.Network, error.ErrorClass);
        Assert.Contains($"127.0.0.1:{port}/users", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("promise", "P15")]
    public async Task An_answer_over_the_size_limit_is_refused()
    {
        Answer($$"""{"page":1,"users":[],"filler":"{{new string('x', 30_000)}}"}""");

        var error = await FailAsync();

        Assert.Equal(SourceErrorClass.Data, error.ErrorClass);
        Assert.Contains("more than 20,000 bytes", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("promise", "P9")]
    public async Task A_source_without_end_runs_into_the_page_limit()
    {
        var error = await Assert.ThrowsAsync<SourceException>(() => FetchAsync(51));

        Assert.StartsWith("page_limit", error.Message, StringComparison.Ordinal);
        Assert.Empty(_provider.Requests);
    }

    [Fact]
    public async Task A_rate_limit_says_when_to_come_back_in_seconds_or_as_a_date()
    {
        var inAnHour = TimeProvider.System.GetUtcNow().AddHours(1).ToString("R", CultureInfo.InvariantCulture);
        var stated = new Dictionary<string, TimeSpan?>();
        foreach (var header in new[] { "7", inAnHour, "Wed, 21 Oct 2015 07:28:00 GMT", "soon" })
        {
            _provider.Instead = (context, _) =>
            {
                context.Response.StatusCode = 429;
                context.Response.Headers.RetryAfter = header;
                return Task.FromResult(true);
            };
            stated[header] = (await FailAsync()).RetryAfter;
        }

        Assert.Equal(TimeSpan.FromSeconds(7), stated["7"]);
        Assert.InRange(stated[inAnHour]!.Value.TotalMinutes, 59, 60);
        Assert.Equal(TimeSpan.FromSeconds(1), stated["Wed, 21 Oct 2015 07:28:00 GMT"]);
        Assert.Null(stated["soon"]);
    }

    [Fact]
    public async Task A_stop_is_not_an_error_of_the_source()
    {
        using var stop = new CancellationTokenSource();
        _provider.Instead = async (context, _) =>
        {
            await stop.CancelAsync();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            return true;
        };

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _source.FetchAsync(new PageRequest(_integration, 1, 10), stop.Token));
    }

    private void Answer(string body) => _provider.Instead = async (context, _) =>
    {
        await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(body));
        return true;
    };

    private Task<SourcePage> FetchAsync(int page) => _source.FetchAsync(new PageRequest(_integration, page, 10), default);

    private Task<SourceException> FailAsync() => Assert.ThrowsAsync<SourceException>(() => FetchAsync(1));

    private static HttpSource Source(SourceOptions options) =>
        new(Dataset.Users, options, DemoPages.Connectors, new RequestBudgets(new Vendor.NoLimits(), options, TimeProvider.System), TimeProvider.System);
}
