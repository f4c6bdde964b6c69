using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace LeadScoring.Sidecar.Tests.Storage;

/// <summary>
/// A way to a server that can be cut: then connections break and new ones are refused, as when the server is gone. Or frozen: then connections stay and new ones are taken, and nothing is answered,
/// as with a server under SIGSTOP.
/// </summary>
internal sealed class TcpProxy : IAsyncDisposable
{
    private readonly string host;
    private readonly int port;
    private readonly ConcurrentBag<TcpClient> open = [];
    private TcpListener listener = new(IPAddress.Loopback, 0);
    private Task accepting;
    private volatile TaskCompletionSource? frozen;

    internal TcpProxy(string host, int port)
    {
        (this.host, this.port) = (host, port);
        listener.Start();
        Port = ((IPEndPoint)listener.LocalEndpoint).Port;
        accepting = AcceptAsync();
    }

    internal int Port { get; }

    internal void Freeze() => frozen = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What was held back goes on its way.</summary>
    internal void Thaw()
    {
        var waiting = frozen;
        frozen = null;
        waiting?.SetResult();
    }

    internal async Task CutAsync()
    {
        Thaw();
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

    private async Task PumpAsync(TcpClient from, TcpClient to)
    {
        try
        {
            var bytes = new byte[16_384];
            var (source, target) = (from.GetStream(), to.GetStream());
            while (await source.ReadAsync(bytes) is var read and > 0)
            {
                if (frozen is { } waiting) await waiting.Task;
                await target.WriteAsync(bytes.AsMemory(0, read));
            }
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // Cut, as planned.
        }

        to.Dispose();
        from.Dispose();
    }
}
