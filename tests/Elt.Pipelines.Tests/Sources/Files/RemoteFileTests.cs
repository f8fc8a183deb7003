using System.Net;
using System.Net.Sockets;
using System.Text;
using Elt.Pipelines.Sources;
using Elt.Pipelines.Tests.Sources.Connectors;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Elt.Pipelines.Tests.Sources.Files;

/// <summary>Files that are downloaded, from a real server on the loopback address.</summary>
public sealed class RemoteFileTests : IAsyncLifetime
{
    private const string Users = "id,name\n1,A\n2,B\n3,C\n";

    private readonly Drawer _drawer = new();
    private Vendor _vendor = null!;

    public async Task InitializeAsync() => _vendor = await Vendor.StartAsync();

    public async Task DisposeAsync()
    {
        _drawer.Dispose();
        await _vendor.DisposeAsync();
    }

    [Fact]
    public async Task A_file_is_downloaded_once_and_read_in_pages()
    {
        Serve(Encoding.UTF8.GetBytes(Users));

        Assert.Equal(["1 A|", "2 B|", "3 C|"], Drawer.Shown(await ReadAsync("/users.csv")));
        Assert.Equal(["GET /users.csv"], _vendor.Requests);
        Assert.Empty(_drawer.Copies);
    }

    [Fact]
    public async Task A_packed_file_is_unpacked_also_when_the_server_calls_that_its_encoding()
    {
        _vendor.Answer = async context =>
        {
            Assert.Equal("", context.Request.Headers.AcceptEncoding.ToString());
            context.Response.Headers.ContentEncoding = "gzip";
            await context.Response.Body.WriteAsync(Drawer.Pack(Users));
        };

        Assert.Equal(["1 A|", "2 B|", "3 C|"], Drawer.Shown(await ReadAsync("/users.csv")));
        Assert.Equal(["1 A|", "2 B|", "3 C|"], Drawer.Shown(await ReadAsync("/users.csv.gz")));
    }

    [Fact]
    [Trait("promise", "P2")]
    public async Task After_a_restart_the_same_file_is_read_on_and_another_one_is_refused()
    {
        var integration = Drawer.Connect(_vendor.Address + "/users.csv");
        Serve(Encoding.UTF8.GetBytes(Users));
        var first = await _drawer.FetchAsync(integration, 1, 2);

        _drawer.Restart();
        Assert.Equal(["3 C|"], Drawer.Shown([await _drawer.FetchAsync(integration, 2, 2, first.NextCursor)]));

        _drawer.Restart();
        Serve(Encoding.UTF8.GetBytes(Users.Replace('C', 'D')));
        var error = await Assert.ThrowsAsync<SourceException>(() => _drawer.FetchAsync(integration, 2, 2, first.NextCursor));
        Assert.Equal(SourceErrorClass.ExpiredCursor, error.ErrorClass);
        Assert.StartsWith("file_changed", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(404, SourceErrorClass.Permanent)]
    [InlineData(401, SourceErrorClass.Auth)]
    [InlineData(429, SourceErrorClass.RateLimit)]
    [InlineData(503, SourceErrorClass.Network)]
    [InlineData(204, SourceErrorClass.Network)]
    [InlineData(302, SourceErrorClass.Permanent)]
    public async Task A_refusal_is_the_error_that_it_is_for_any_source(int status, SourceErrorClass errorClass)
    {
        _vendor.Answer = context =>
        {
            context.Response.StatusCode = status;
            context.Response.Headers.Location = "http://127.0.0.1:1/";
            return Task.CompletedTask;
        };

        Assert.Equal(errorClass, (await FailAsync("/users.csv")).ErrorClass);
        Assert.Single(_vendor.Requests);
    }

    [Fact]
    [Trait("promise", "P14")]
    public async Task Credentials_are_sent_and_not_told()
    {
        _vendor.Answer = context => context.Request.Headers.Authorization == $"Bearer {Vendor.Token}"
            ? context.Response.WriteAsync(Users)
            : Task.FromException(new InvalidOperationException());
        var own = """
            ,"secrets":{"token":"env:VENDOR_TEST_TOKEN"},"connector":{"name":"hr","auth":{"type":"bearer","token":"{secret.token}"},"file":{},"records":{"path":""},
            "key":["/id"],"fields":{"name":{"from":["/name"]} } }
            """;

        var page = await _drawer.FetchAsync(Drawer.Connect(_vendor.Address + "/users.csv?v=secret", own, "rest"), 1, 2);

        Assert.Equal(["1 A|", "2 B|"], Drawer.Shown([page]));
        Assert.DoesNotContain("secret", page.NextCursor, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("promise", "P15")]
    public async Task An_inward_address_is_refused()
    {
        using var strict = new Drawer(options => options with { AllowPrivateAddresses = false });

        var error = await strict.FailAsync(Drawer.Connect(_vendor.Address + "/users.csv"));

        Assert.Equal(SourceErrorClass.Permanent, error.ErrorClass);
        Assert.Contains("loopback, link-local or private", error.Message, StringComparison.Ordinal);
        Assert.Empty(_vendor.Requests);
    }

    [Fact]
    [Trait("promise", "P15")]
    public async Task A_download_over_the_size_limit_is_refused()
    {
        using var narrow = new Drawer(options => options with { MaxFileBytes = 10 });
        Serve(Encoding.UTF8.GetBytes(Users));

        Assert.Contains("over 10 bytes", (await narrow.FailAsync(Drawer.Connect(_vendor.Address + "/users.csv"))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    [Trait("promise", "P15")]
    public async Task A_download_that_stalls_is_a_timeout(bool afterHeaders)
    {
        using var impatient = new Drawer(options => options with { RequestTimeout = TimeSpan.FromMilliseconds(200) });
        _vendor.Answer = async context =>
        {
            if (afterHeaders)
                await context.Response.WriteAsync("id,name\n");
            await context.Response.Body.FlushAsync();
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        };

        Assert.Equal(SourceErrorClass.Timeout, (await impatient.FailAsync(Drawer.Connect(_vendor.Address + "/users.csv"))).ErrorClass);
    }

    [Theory]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nid,name\n1,A\n", SourceErrorClass.Network, "broke off")]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nD\r\nid,name\n1,A\n\r\n", SourceErrorClass.Network, "broke off")]
    [InlineData("HTTP/1.1 200 OK\r\n\r\nid,name\n1,A\n", SourceErrorClass.Data, "without saying how long the file is")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nid,name\n1,A\n\n", null, "")]
    [Trait("promise", "P4")]
    public async Task A_download_that_breaks_off_is_never_the_end(string answer, SourceErrorClass? errorClass, string reason)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var server = AnswerOnceAsync(listener, answer);
        var read = _drawer.ReadAsync(Drawer.Connect($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/users.csv"));

        if (errorClass is null)
            Assert.Equal(["1 A|"], Drawer.Shown(await read));
        else
        {
            var error = await Assert.ThrowsAsync<SourceException>(() => read);
            Assert.Equal(errorClass, error.ErrorClass);
            Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        }
        await server;
    }

    private static async Task AnswerOnceAsync(TcpListener listener, string answer)
    {
        using var socket = await listener.AcceptSocketAsync();
        await socket.ReceiveAsync(new byte[4096]);
        await socket.SendAsync(Encoding.ASCII.GetBytes(answer));
        socket.Shutdown(SocketShutdown.Both);
    }

    private void Serve(byte[] bytes) => _vendor.Answer = async context => await context.Response.Body.WriteAsync(bytes);

    private Task<IReadOnlyList<SourcePage>> ReadAsync(string path) => _drawer.ReadAsync(Drawer.Connect(_vendor.Address + path), 2);

    private Task<SourceException> FailAsync(string path) => _drawer.FailAsync(Drawer.Connect(_vendor.Address + path));
}
