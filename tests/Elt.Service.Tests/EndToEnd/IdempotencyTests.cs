using Elt.Service.Demo;
using Elt.Testing;

namespace Elt.Service.Tests.EndToEnd;

public sealed class IdempotencyTests : IDisposable
{
    private readonly TempFolder _data = new();

    public void Dispose() => _data.Dispose();

    [Fact]
    [Trait("promise", "P1")]
    public async Task The_same_id_twice_gives_the_same_result_and_changes_no_row_anywhere()
    {
        await using var provider = await DemoProvider.StartAsync(new DemoProviderOptions { Users = 120 });
        await using var service = await ServiceProcess.StartAsync(_data.Path);
        await service.ConnectAsync("org-001", "demo", provider.Endpoint("org-001", "demo"));
        string[] start =
        [
            "start", "elt-pipeline", "organization_id=org-001", "connected_integration_id=demo", "--id", "X", "--wait", "-o", "json",
        ];
        var first = await service.EltAsync(start);
        var rows = await AllRowsAsync();
        var requests = provider.Requests.Counts();

        var second = await service.EltAsync(start);
        Assert.Equal((0, ""), (first.ExitCode, first.Error));
        Assert.Contains("\"inserts\": 120", first.Out, StringComparison.Ordinal);
        Assert.Equal(first, second);
        Assert.Equal(rows, await AllRowsAsync());
        Assert.Equal(requests, provider.Requests.Counts());
    }

    private async Task<IReadOnlyList<string>> AllRowsAsync() =>
    [
        .. await Rows.OfFileAsync(_data.File("warehouse.db")),
        .. await Rows.OfFileAsync(_data.File("destination.db")),
        // Not the workers: their heartbeat goes on.
        .. (await Rows.OfFileAsync(_data.File("journal.db"))).Where(row => !row.StartsWith("workers:", StringComparison.Ordinal)),
    ];
}
