using System.Net;
using System.Net.Sockets;
using Elt.Durable;
using Elt.Testing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Xunit;

namespace Elt.Pipelines.Tests;

public sealed class PipelineDatabasesTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_folder_that_does_not_exist_is_named()
    {
        var error = await FailAsync(Options with { WarehousePath = _folder.File("missing/warehouse.db") });

        Assert.Equal(
            $"The warehouse file '{_folder.File("missing/warehouse.db")}' cannot be used: its folder does not exist or may not be written. Create the folder or choose another one.",
            error);
    }

    [Fact]
    public async Task A_file_that_is_something_else_is_named()
    {
        await File.WriteAllTextAsync(_folder.File("destination.db"), new string('x', 5000));

        Assert.EndsWith("it is not a SQLite database. Move it away or choose another file.", await FailAsync(Options), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("promise", "P14")]
    public async Task A_server_that_refuses_the_password_is_named_without_it()
    {
        await using var server = await PostgresServer.StartAsync();
        var admin = new NpgsqlConnectionStringBuilder(await server.NewDatabaseAsync());
        await using (var dataSource = NpgsqlDataSource.Create(admin))
        {
            await using var restrict = dataSource.CreateCommand("create role loader login; alter role loader nologin");
            await restrict.ExecuteNonQueryAsync();
        }
        var error = await FailAsync(Postgres(new NpgsqlConnectionStringBuilder(admin.ToString()) { Username = "loader", Password = "s3cret" }.ToString()));

        Assert.Contains($"The destination database at 127.0.0.1:{admin.Port}/{admin.Database} (user loader) cannot be used: role \"loader\" is not permitted to log in", error, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_that_does_not_exist_is_named()
    {
        var connection = new NpgsqlConnectionStringBuilder(await PostgresServer.CreateDatabaseAsync()) { Database = "nowhere" };

        Assert.EndsWith("database \"nowhere\" does not exist. Create the database or correct its name.", await FailAsync(Postgres(connection.ToString())), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_does_not_answer_is_named()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        listener.Stop();

        var error = await FailAsync(Postgres($"Host=127.0.0.1;Port={port};Username=u;Database=d"));

        Assert.Contains($"127.0.0.1:{port}/d (user u)", error, StringComparison.Ordinal);
        Assert.EndsWith("Check that the server runs and that host and port are right.", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Starting_again_changes_nothing()
    {
        await using var services = Services(Options);
        var databases = services.GetRequiredService<PipelineDatabases>();
        await databases.InitializeAsync();
        await databases.InitializeAsync();

        Assert.Equal(0, (await databases.CountTablesAsync()).ConnectedIntegrations);
        await services.GetRequiredService<Elt.Pipelines.Warehouse.WarehouseFile>().CheckAsync();
    }

    [Fact]
    public void Options_that_contradict_themselves_are_refused()
    {
        Assert.Throws<ArgumentException>(() => Services(Options with { DestinationPath = null }));
        Assert.Throws<ArgumentException>(() => Services(Options with { IntegrationsConnectionString = "Host=x" }));
        Assert.Throws<ArgumentOutOfRangeException>(() => Services(Options with { MaxParallelBatches = 0 }));
        Assert.Throws<FormatException>(() => Services(Options with { ScheduleCron = "daily" }));
    }

    private PipelineOptions Options => new()
    {
        WarehousePath = _folder.File("warehouse.db"),
        IntegrationsPath = _folder.File("journal.db"),
        DestinationPath = _folder.File("destination.db"),
    };

    private PipelineOptions Postgres(string connectionString) => Options with { DestinationPath = null, DestinationConnectionString = connectionString };

    private static async Task<string> FailAsync(PipelineOptions options)
    {
        await using var services = Services(options);
        var error = await Assert.ThrowsAsync<PipelineSetupException>(() => services.GetRequiredService<PipelineDatabases>().InitializeAsync());
        return error.Message;
    }

    private static ServiceProvider Services(PipelineOptions options)
    {
        var services = new ServiceCollection().AddLogging();
        services.AddDurable(durable => durable.UseSqlite(options.WarehousePath + ".journal").AddPipelines(options));
        return services.BuildServiceProvider();
    }
}
