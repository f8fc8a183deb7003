using Elt.Service.Hosting;

namespace Elt.Service.Demo;

/// <summary>Keeps the service running at one address; starts it again when it dies.</summary>
internal sealed class ServiceSupervisor : IAsyncDisposable
{
    private const int MostRestarts = 200;

    private readonly Func<string, CancellationToken, Task<ChildProcess>> _start;
    private readonly int _restartsAllowed;
    private ChildProcess _service;

    private ServiceSupervisor(Func<string, CancellationToken, Task<ChildProcess>> start, ChildProcess service, bool mayDie)
    {
        _start = start;
        _service = service;
        _restartsAllowed = mayDie ? MostRestarts : 0;
    }

    public Uri Url => _service.Url;

    public int ProcessId => _service.Id;

    public int Restarts { get; private set; }

    /// <param name="start">Starts the service at an address.</param>
    /// <param name="url">The first address; port 0 takes a free one, which it then keeps.</param>
    /// <param name="mayDie">Its death is part of the demo.</param>
    /// <param name="ct">Gives up.</param>
    public static async Task<ServiceSupervisor> StartAsync(
        Func<string, CancellationToken, Task<ChildProcess>> start, string url, bool mayDie, CancellationToken ct) =>
        new(start, await start(url, ct), mayDie);

    /// <summary>Watches until told to stop.</summary>
    /// <exception cref="StartException">The service died, and should not have, or too often.</exception>
    public async Task WatchAsync(CancellationToken ct)
    {
        while (true)
        {
            var exitCode = await _service.WaitForExitAsync(ct);
            if (Restarts == _restartsAllowed)
                throw new StartException($"The service ended with exit code {exitCode}{(Restarts > 0 ? $" after {Restarts} restarts" : "")}.");
            Restarts++;
            var dead = _service;
            _service = await _start(dead.Url.GetLeftPart(UriPartial.Authority), ct);
            await dead.DisposeAsync();
        }
    }

    /// <summary>From now on the service is left alone.</summary>
    public void Keep() => _service.Keep();

    public ValueTask DisposeAsync() => _service.DisposeAsync();
}
