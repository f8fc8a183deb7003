using System.Text.Json;
using Elt.Testing;

namespace Elt.Service.Tests.EndToEnd;

public sealed class DemoTests : IDisposable
{
    private readonly TempFolder _data = new();

    public void Dispose() => _data.Dispose();

    [Fact]
    public async Task The_demo_stages_and_syncs_all_users_and_finds_no_change_the_second_time()
    {
        Assert.Equal((2, 120, 240, 240, 0, 0, 240, 240), Counts(await DemoAsync()));
        Assert.Equal((2, 120, 240, 0, 0, 0, 240, 0), Counts(await DemoAsync()));
    }

    [Fact]
    public async Task Chaos_crashes_the_service_and_changes_no_number()
    {
        var ran = await DemoAsync("--chaos");
        Assert.Equal((2, 120, 240, 240, 0, 0, 240, 240), Counts(ran));
        Assert.Matches(@"The service crashed (once|\d+ times) and was started again\.", ran.Error);
    }

    [Fact]
    public async Task With_postgres_set_journal_and_destination_are_there()
    {
        var (journal, destination) = (await PostgresServer.CreateDatabaseAsync(), await PostgresServer.CreateDatabaseAsync());
        var ran = await DemoAsync([], ("ELT_POSTGRES", journal), ("ELT_DESTINATION", destination));
        Assert.Equal((2, 120, 240, 240, 0, 0, 240, 240), Counts(ran));
        Assert.Equal("240", Assert.Single(await Rows.OfPostgresAsync(destination, "select count(*) from elt.users")));
        Assert.Equal("2", Assert.Single(await Rows.OfPostgresAsync(journal, "select count(*) from elt.connected_integrations")));
        Assert.False(File.Exists(_data.File("journal.db")));
    }

    [Theory]
    [InlineData(0, 1, 10)]
    [InlineData(1, 1, 10)]
    [InlineData(25, 3, 4)]
    public async Task Any_number_of_users_comes_out_even(int users, int integrations, int batches)
    {
        var ran = await DemoAsync("--users", $"{users}", "--integrations", $"{integrations}", "--batches", $"{batches}");
        var all = users * integrations;
        Assert.Equal((integrations, users, all, all, 0, 0, all, all), Counts(ran));
    }

    private Task<ProgramResult> DemoAsync(params string[] arguments) => DemoAsync(arguments, []);

    private Task<ProgramResult> DemoAsync(string[] arguments, params (string Name, string? Value)[] environment) =>
        Programs.RunAsync("elt-service", ["demo", "--json", "--data", _data.Path, .. arguments.Contains("--users") ? arguments : ["--users", "120", .. arguments]], environment);

    private static (int, int, int, int, int, int, int, int) Counts(ProgramResult ran)
    {
        Assert.True(ran.ExitCode == 0, ran.Error);
        var line = JsonElement.Parse(Assert.Single(ran.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries)));
        Assert.True(line.GetProperty("seconds").GetDouble() > 0);
        int Of(string name) => line.GetProperty(name).GetInt32();
        return (Of("integrations"), Of("users"), Of("staged"), Of("inserts"), Of("updates"), Of("deletes"), Of("latest"), Of("synced"));
    }
}
