using System.Text.Json;
using Elt.Service.Demo;
using Elt.Testing;

namespace Elt.Service.Tests.EndToEnd;

public sealed class ChangedSourceTests : IDisposable
{
    private readonly TempFolder _data = new();

    public void Dispose() => _data.Dispose();

    [Fact]
    public async Task Changes_of_the_source_arrive_exactly_and_other_rows_are_not_written()
    {
        await using var provider = await DemoProvider.StartAsync(new DemoProviderOptions { Users = 400 });
        var destination = await PostgresServer.CreateDatabaseAsync();
        await using var service = await ServiceProcess.StartAsync(
            _data.Path, [], ("ELT_POSTGRES", await PostgresServer.CreateDatabaseAsync()), ("ELT_DESTINATION", destination));
        foreach (var organization in new[] { "org-001", "org-002" })
            await service.ConnectAsync(organization, "demo", provider.Endpoint(organization, "demo"));
        await RunAsync(service, "first");
        var before = await VersionsAsync(destination);

        var change = provider.Directory("org-001", "demo").Apply(new DemoChange
        {
            Organization = "org-001", Integration = "demo", Add = 7, Change = 5, Remove = 6, NullEmails = 4, FillEmails = 3,
        });
        var summary = await RunAsync(service, "second");
        Assert.Equal((7, 12, 6, 25), (Count("inserts"), Count("updates"), Count("deletes"), Count("synced")));

        var after = await VersionsAsync(destination);
        Assert.Equal(TruthOf(provider, "org-001").Concat(TruthOf(provider, "org-002")), await UsersAsync(destination));
        var touched = after.Except(before).Select(row => row.Split('|')[1]);
        Assert.Equal(change.Added.Concat(change.Changed).Concat(change.NulledEmails).Concat(change.FilledEmails).Order(), touched.Order());
        Assert.All(after.Except(before), row => Assert.StartsWith("org-001|", row, StringComparison.Ordinal));

        await RunAsync(service, "third");
        Assert.Equal(after, await VersionsAsync(destination));

        int Count(string name) => summary.GetProperty("totals").GetProperty(name).GetInt32();
    }

    private static async Task<JsonElement> RunAsync(ServiceProcess service, string id)
    {
        await service.StartRunAsync("root-orchestration", id, new { });
        var result = await service.ResultAsync(id);
        Assert.Equal(("SUCCESS", null), (result.Status, result.Error));
        return result.Result!.Value;
    }

    /// <summary>Each row with the transaction that wrote it.</summary>
    private static Task<IReadOnlyList<string>> VersionsAsync(string destination) =>
        Rows.OfPostgresAsync(destination, "select organization_id, external_id, xmin::text from elt.users order by 1, 2");

    private static Task<IReadOnlyList<string>> UsersAsync(string destination) =>
        Rows.OfPostgresAsync(destination, "select organization_id, external_id, name, email from elt.users order by 1, 2");

    private static IEnumerable<string> TruthOf(DemoProvider provider, string organization) => provider.Directory(organization, "demo").Page(1, 1000).Users
        .OrderBy(user => user.Id, StringComparer.Ordinal).Select(user => $"{organization}|{user.Id}|{user.Name}|{user.Email}");
}
