using System.Net;
using System.Net.Sockets;
using Elt.Testing;
using Npgsql;

namespace Elt.Service.Tests.Hosting;

public sealed class StartErrorTests : IDisposable
{
    private readonly TempFolder _data = new();

    public void Dispose() => _data.Dispose();

    [Fact]
    public async Task A_port_in_use_is_told()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var url = $"http://127.0.0.1:{((IPEndPoint)other.LocalEndpoint).Port}";
        await RefusedAsync(1, $"{url}: address already in use", ["--data", _data.Path, "--urls", url]);
    }

    [Fact]
    public async Task An_unwritable_data_directory_is_told()
    {
        // Below a file, so that it holds for root too.
        await File.WriteAllTextAsync(_data.File("file"), "");
        var directory = Path.Combine(_data.File("file"), "data");
        await RefusedAsync(1, $"'{directory}' cannot be written", ["--data", directory]);
    }

    [Fact]
    public async Task A_data_directory_in_use_is_told_and_its_owner_goes_on()
    {
        await using var owner = await ServiceProcess.StartAsync(_data.Path);
        await RefusedAsync(1, "is in use by another process", ["--data", _data.Path, "--urls", "http://127.0.0.1:0"]);
        Assert.Equal(0, (await owner.EltAsync("health")).ExitCode);
    }

    [Fact]
    public async Task A_file_that_is_no_database_is_told()
    {
        await File.WriteAllTextAsync(_data.File("journal.db"), new string('x', 4096));
        await RefusedAsync(1, "journal.db", ["--data", _data.Path, "--urls", "http://127.0.0.1:0"]);
    }

    [Fact]
    public async Task A_wrong_password_is_told_without_being_shown()
    {
        await using var server = await PostgresServer.StartAsync();
        var settings = new NpgsqlConnectionStringBuilder(await server.NewDatabaseAsync());
        await Rows.OfPostgresAsync(settings.ConnectionString, "create role ada login password 'right'");
        var rules = Assert.Single(await Rows.OfPostgresAsync(settings.ConnectionString, "show hba_file"));
        await Rows.OfPostgresAsync(settings.ConnectionString, $"copy (select 'host all all 127.0.0.1/32 scram-sha-256') to '{rules}'");
        await Rows.OfPostgresAsync(settings.ConnectionString, "select pg_reload_conf()");

        var place = $"{settings.Host}:{settings.Port}/{settings.Database} as user 'ada'";
        foreach (var name in new[] { "ELT_POSTGRES", "ELT_DESTINATION" })
        {
            var url = $"postgresql://ada:hunter2@{settings.Host}:{settings.Port}/{settings.Database}";
            await RefusedAsync(1, $"{name} ({place}): the server refuses the password", ["--data", _data.Path], (name, url));
        }
    }

    [Fact]
    public Task A_server_that_is_down_is_told() => RefusedAsync(
        1, "ELT_POSTGRES (127.0.0.1:1/elt as user 'ada'): the server is not reachable", ["--data", _data.Path],
        ("ELT_POSTGRES", "postgresql://ada:hunter2@127.0.0.1:1/elt"));

    [Fact]
    public async Task A_database_that_does_not_exist_is_told()
    {
        var settings = new NpgsqlConnectionStringBuilder(await PostgresServer.CreateDatabaseAsync()) { Database = "no_such_database" };
        await RefusedAsync(1, "there is no such database", ["--data", _data.Path], ("ELT_DESTINATION", settings.ConnectionString));
    }

    [Theory]
    [InlineData("'--bogus'", "--bogus")]
    [InlineData("--lease is a number of seconds", "--lease", "0")]
    [InlineData("--deletes is hard or soft", "--deletes", "gentle")]
    [InlineData("--history is on or off", "--history", "maybe")]
    [InlineData("--api-failures is a share", "--api-failures", "2")]
    [InlineData("--urls: 'http://0.0.0.0:80' is reachable from other machines", "--urls", "http://0.0.0.0:80")]
    [InlineData("--schedule-cron: 'daily' is not a cron expression", "--schedule-cron", "daily")]
    [InlineData("--schedule-zone: there is no time zone 'Mars/Base'", "--schedule-zone", "Mars/Base")]
    [InlineData("--log-format is text or json", "--log-format", "xml")]
    [InlineData("--log-level is Trace", "--log-level", "Loud")]
    [InlineData("--users is a number", "demo", "--users", "-1")]
    [InlineData("--fail-rate is a share", "demo-provider", "--fail-rate", "2")]
    public Task A_setting_that_cannot_be_used_is_told(string reason, params string[] arguments) => RefusedAsync(2, reason, arguments);

    [Fact]
    public async Task A_connector_that_cannot_be_used_is_told()
    {
        File.WriteAllText(_data.File("broken.json"), """{"name":"broken"}""");

        await RefusedAsync(1, "broken.json, $", ["--data", _data.Path, "--connectors", _data.Path, "--urls", "http://127.0.0.1:0"]);
        await RefusedAsync(1, "The connectors cannot be used", ["--data", _data.Path, "--connectors", _data.File("none"), "--urls", "http://127.0.0.1:0"]);
    }

    [Fact]
    public Task A_setting_from_the_environment_is_checked_alike() =>
        RefusedAsync(2, "--lease is a number of seconds", ["--data", _data.Path], ("ELT_LEASE", "0"));

    /// <summary>One line on stderr, nothing on stdout, no stack, no password.</summary>
    private static async Task RefusedAsync(int exitCode, string reason, string[] arguments, params (string Name, string? Value)[] environment)
    {
        var refused = await Programs.RunAsync("elt-service", [.. arguments], [.. environment, ("ELT_LOG_LEVEL", null)]);
        Assert.Equal((exitCode, ""), (refused.ExitCode, refused.Out));
        var told = Assert.Single(refused.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => !line.Contains(" info: ", StringComparison.Ordinal));
        Assert.StartsWith("elt-service: ", told, StringComparison.Ordinal);
        Assert.Contains(reason, told, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", refused.Error, StringComparison.Ordinal);
    }
}
