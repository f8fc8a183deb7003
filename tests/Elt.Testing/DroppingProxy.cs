using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Elt.Testing;

/// <summary>
/// A TCP proxy on loopback that can lose an answer: once armed, the next request that holds a given text still reaches the server, but
/// the connection is cut when the server answers. So the server has done what was asked, and the client cannot know.
/// </summary>
public sealed class DroppingProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly IPEndPoint _server;
    private readonly Task _accepting;
    private byte[]? _armed;
    private int _dropped;

    /// <param name="serverPort">Port of the server on the loopback address.</param>
    public DroppingProxy(int serverPort)
    {
        _server = new IPEndPoint(IPAddress.Loopback, serverPort);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>Port of the proxy on the loopback address.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>How many answers were lost so far.</summary>
    public int Dropped => Volatile.Read(ref _dropped);

    /// <summary>Loses the answer to the next request that holds the text.</summary>
    public void DropAnswerTo(string text) => Volatile.Write(ref _armed, Encoding.UTF8.GetBytes(text));

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        var connections = new List<Task>();
        try
        {
            while (true)
                connections.Add(ServeAsync(await _listener.AcceptTcpClientAsync(_stop.Token)));
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(connections);
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using var server = new TcpClient();
        using (client)
        {
            try
            {
                await server.ConnectAsync(_server, _stop.Token);
                var isDropping = false;
                var requests = PumpAsync(client.GetStream(), server.GetStream(), data =>
                {
                    if (Volatile.Read(ref _armed) is { } text && data.IndexOf(text) >= 0 && Interlocked.CompareExchange(ref _armed, null, text) == text)
                        Volatile.Write(ref isDropping, true);
                    return true;
                });
                var answers = PumpAsync(server.GetStream(), client.GetStream(), _ => !Volatile.Read(ref isDropping));
                await Task.WhenAny(requests, answers);
                if (isDropping)
                    Interlocked.Increment(ref _dropped);
            }
            catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
            {
                // One side hung up: so does the other.
            }
        }
    }

    private delegate bool Forward(ReadOnlySpan<byte> data);

    private async Task PumpAsync(NetworkStream from, NetworkStream to, Forward forward)
    {
        var buffer = new byte[64 * 1024];
        while (await from.ReadAsync(buffer, _stop.Token) is > 0 and var count)
        {
            if (!forward(buffer.AsSpan(0, count)))
                return;
            await to.WriteAsync(buffer.AsMemory(0, count), _stop.Token);
        }
    }
}
