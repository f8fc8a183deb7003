using System.Net;
using System.Net.Sockets;

namespace Elt.Service.Demo;

/// <summary>Looks whether a port is free, on both loopback addresses.</summary>
internal static class FreePort
{
    public static bool Is(int port) => new[] { IPAddress.Loopback, IPAddress.IPv6Loopback }.All(address => CanListen(address, port));

    private static bool CanListen(IPAddress address, int port)
    {
        try
        {
            using var listener = new TcpListener(address, port);
            listener.Start();
            return true;
        }
        catch (SocketException e)
        {
            // A machine without IPv6 has nothing listening there either.
            return e.SocketErrorCode is SocketError.AddressFamilyNotSupported or SocketError.AddressNotAvailable;
        }
    }
}
