using System.Net;
using System.Net.Sockets;

namespace LeadScoring.Workflows.Tests.Servers;

internal static class Ports
{
    /// <summary>A free port whose successor is free as well: n8n takes a second one for its task runners.</summary>
    public static int FreePair()
    {
        while (true)
        {
            using var first = new TcpListener(IPAddress.Loopback, 0);
            first.Start();
            var port = ((IPEndPoint)first.LocalEndpoint).Port;
            if (port == IPEndPoint.MaxPort) continue;
            using var second = new TcpListener(IPAddress.Loopback, port + 1);
            try
            {
                second.Start();
                return port;
            }
            catch (SocketException)
            {
                // taken: try another pair
            }
        }
    }

    public static int Free()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}

/// <summary>A port that refuses every connection for as long as this lives: bound, so that nobody else takes it, but not listening.</summary>
internal sealed class DeadPort : IDisposable
{
    private readonly Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

    public DeadPort() => socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));

    public Uri Url => new($"http://127.0.0.1:{((IPEndPoint)socket.LocalEndPoint!).Port}");

    public void Dispose() => socket.Dispose();
}
