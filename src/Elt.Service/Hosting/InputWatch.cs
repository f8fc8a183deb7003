namespace Elt.Service.Hosting;

/// <summary>Stops the host when its standard input ends: the process that started it is gone, however it went.</summary>
internal static class InputWatch
{
    public static IDisposable Begin(IHost host)
    {
        var lifetime = host.Services.GetRequiredService<IHostApplicationLifetime>();
        var logger = host.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Elt.Service");
        var input = Console.OpenStandardInput();
        // A read of the console can't be cancelled, so it has a thread of its own that ends with the process.
        new Thread(() =>
        {
            Span<byte> discarded = stackalloc byte[256];
            while (input.Read(discarded) > 0)
            {
                // Only the end counts.
            }
            Log.InputEnded(logger);
            lifetime.StopApplication();
        }) { IsBackground = true, Name = "standard input" }.Start();
        return input;
    }
}
