using Elt.Service.Demo;
using Elt.Testing;

namespace Elt.Service.Tests;

/// <summary>One service with one connected integration of 30 users, shared by the tests of a class.</summary>
public sealed class ServiceFixture : IAsyncLifetime
{
    private readonly TempFolder _data = new();

    internal ServiceProcess Service { get; private set; } = null!;

    internal DemoProvider Provider { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Provider = await DemoProvider.StartAsync(new DemoProviderOptions { Users = 30 });
        Service = await ServiceProcess.StartAsync(_data.Path);
        await Service.ConnectAsync("org-001", "demo", Provider.Endpoint("org-001", "demo"));
    }

    public async Task DisposeAsync()
    {
        await Service.DisposeAsync();
        await Provider.DisposeAsync();
        _data.Dispose();
    }
}
