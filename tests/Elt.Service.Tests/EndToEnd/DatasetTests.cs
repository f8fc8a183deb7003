using System.Text.Json;
using Elt.Service.Api;
using Elt.Service.Demo;
using Elt.Testing;

namespace Elt.Service.Tests.EndToEnd;

/// <summary>A declared dataset, from its file to the answers of the API and the command line.</summary>
public sealed class DatasetTests
{
    [Fact]
    public async Task A_file_declares_a_dataset_that_integrations_feed_and_people_see()
    {
        using var data = new TempFolder();
        Directory.CreateDirectory(data.File("datasets"));
        await File.WriteAllTextAsync(
            data.File("datasets/people.json"),
            """{"name":"people","key":"Id at the provider.","columns":[{"name":"title","type":"text"},{"name":"number","type":"integer"}]}""");
        await using var provider = await DemoProvider.StartAsync(new DemoProviderOptions { Users = 20 });
        await using var service = await ServiceProcess.StartAsync(data.Path, ["--datasets", data.File("datasets")]);
        await service.ConnectAsync("org-001", "demo", provider.Endpoint("org-001", "demo"));
        var connector = JsonElement.Parse(
            """
            {"name":"people","dataset":"people","pageSize":{"param":"page_size"},"pagination":{"type":"page","pageParam":"page","totalPagesPath":"/total_pages"},
             "records":{"path":"/users"},"key":["/id"],"fields":{"title":{"from":["/name"]}}}
            """);
        using var connected = await service.PostAsync(ApiPath.Integrations, new IntegrationView
        {
            Id = "people",
            OrganizationId = "org-001",
            Provider = "rest",
            ProviderData = JsonSerializer.SerializeToElement(
                new { permission_source_name = "People", api_endpoint = provider.Endpoint("org-001", "people"), connector }),
        });
        connected.EnsureSuccessStatusCode();

        await service.StartRunAsync("root-orchestration", "all", new { });
        Assert.Equal("SUCCESS", (await service.ResultAsync("all")).Status);

        Assert.Equal(
            ["connected_integrations / 2", .. Tables("users", "org-001/demo"), .. Tables("people", "org-001/people")], await service.CountTablesAsync());
        Assert.Equal(
            ["demo users", "people people"],
            (await service.GetAsync<IntegrationList>(ApiPath.Integrations)).Integrations.Select(integration => $"{integration.Id} {integration.Dataset}"));
        var people = (await service.GetAsync<DatasetList>(ApiPath.Datasets)).Datasets[^1];
        Assert.Equal(("people", "Id at the provider.", new DatasetColumnView("number", "integer")), (people.Name, people.Key, people.Columns[^1]));
        Assert.Equal("users\npeople\n", (await service.EltAsync("datasets", "-o", "id")).Out);
        Assert.Contains("title text, number integer", (await service.EltAsync("datasets")).Out, StringComparison.Ordinal);

        static IEnumerable<string> Tables(string dataset, string integration) =>
            new[] { $"{dataset}_staging", $"{dataset}_cdc", $"{dataset}_latest", $"destination.{dataset}" }.Select(table => $"{table} {integration} 20");
    }
}
