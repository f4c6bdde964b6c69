using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace LeadScoring.Sidecar.Tests.Storage;

/// <summary>A way to a server that can be cut: then connections break and new ones are refused, as when the server is gone.</summary>
internal sealed class TcpProxy : IAsyncDisposable
{
    private readonly string host;
    private readonly int port;
    private readonly ConcurrentBag<TcpClient> open = [];
    private TcpListener listener = new(IPAddress.Loopback, 0);
    private Task accepting;

    internal TcpProxy(string host, int port)
    {
        (this.host, this.port) = (host, port);
        listener.Start();
        Port = ((IPEndPoint)listener.LocalEndpoint).Port;
        accepting = AcceptAsync();
    }

    internal int Port { get; }

    internal async Task CutAsync()
    {
        listener.Stop();
        await accepting;
        while (open.TryTake(out var client)) client.Dispose();
    }

    internal void Restore()
    {
        listener = new TcpListener(IPAddress.Loopback, Port);
        listener.Start();
        accepting = AcceptAsync();
    }

    public async ValueTask DisposeAsync() => await CutAsync();

    private async Task AcceptAsync()
    {
        while (true)
        {
            try
            {
                var from = await listener.AcceptTcpClientAsync();
                open.Add(from);
                var to = new TcpClient();
                open.Add(to);
                await to.ConnectAsync(host, port);
                _ = PumpAsync(from, to);
                _ = PumpAsync(to, from);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException)
            {
                return;
            }
        }
    }

    private static async Task PumpAsync(TcpClient from, TcpClient to)
    {
        try
        {
            await from.GetStream().CopyToAsync(to.GetStream());
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // Cut, as planned.
        }

        to.Dispose();
        from.Dispose();
    }
}
