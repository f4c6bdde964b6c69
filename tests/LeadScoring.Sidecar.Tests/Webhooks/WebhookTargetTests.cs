using System.Net;
using System.Net.Sockets;
using LeadScoring.Sidecar.Webhooks;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Tests.Webhooks;

/// <summary>Where webhooks may go, however the address is written and whatever its name means today.</summary>
public sealed class WebhookTargetTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    [Theory]
    [InlineData("http://127.0.0.1/")]
    [InlineData("http://127.1/")]
    [InlineData("http://2130706433/")]
    [InlineData("http://0x7f000001/")]
    [InlineData("http://0x7f.0.0.1/")]
    [InlineData("http://0177.0.0.1/")]
    [InlineData("http://017700000001/")]
    [InlineData("http://0.0.0.0/")]
    [InlineData("http://0/")]
    [InlineData("http://[::]/")]
    [InlineData("http://[::1]/")]
    [InlineData("http://[::ffff:127.0.0.1]/")]
    [InlineData("http://[::ffff:a9fe:a9fe]/latest/meta-data/")]
    [InlineData("http://169.254.169.254/latest/meta-data/")]
    [InlineData("http://[fd00:ec2::254]/")]
    [InlineData("http://localhost/")]
    [InlineData("https://user:pass@example.com/")]
    [InlineData("ftp://example.com/")]
    [InlineData("file:///etc/passwd")]
    public async Task Create_PrivateOrStrangeTarget_IsRefused(string url)
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, body) = await organization.PostAsync("/v1/webhooks", new { url, events = new[] { "grade.changed" } });
        Assert.True(status == HttpStatusCode.BadRequest, $"{url}: {status}");
        Assert.Equal("/url", body.At("errors", 0).Text("pointer"));
    }

    private static Task<SendResult> SendAsync(SendWebhook send, string url) => send.RunAsync(new Uri(url), [new byte[32]], "evt_1", "{}", CancellationToken.None);

    /// <summary>A name that was public when it was looked at and is private when it is connected to: the address that was checked is the one that is connected to.</summary>
    [Fact]
    public async Task Send_NameThatChanges_NeverReachesThePrivateAddress()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        var lookups = 0;
        var options = Options.Create(new WebhookOptions { Timeout = TimeSpan.FromMilliseconds(300) });
        using var send = new SendWebhook(options, TimeProvider.System)
        {
            // First what is public (and answers nobody: the discard prefix), then this machine.
            Resolve = (_, _) => Task.FromResult(++lookups == 1 ? [IPAddress.Parse("203.0.112.1")] : new[] { IPAddress.Loopback, IPAddress.Parse("::ffff:127.0.0.1"), IPAddress.Parse("169.254.169.254") }),
        };
        Assert.NotNull((await SendAsync(send, $"http://receiver.example:{port}/")).Failure);
        var second = await SendAsync(send, $"http://receiver.example:{port}/");
        Assert.Contains("address of a private network", second.Failure);
        Assert.Equal(2, lookups);
        Assert.False(listener.Pending());
    }

    [Fact]
    public async Task Send_PrivateHostThatIsNamed_IsReachedAndOthersAreNot()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        var options = Options.Create(new WebhookOptions { AllowedPrivateHosts = "n8n", Timeout = TimeSpan.FromMilliseconds(500) });
        using var send = new SendWebhook(options, TimeProvider.System) { Resolve = (_, _) => Task.FromResult(new[] { IPAddress.Loopback }) };
        Assert.Contains("no answer within", (await SendAsync(send, $"http://n8n:{port}/")).Failure);
        Assert.True(listener.Pending());
        (await listener.AcceptSocketAsync()).Dispose();
        Assert.Contains("address of a private network", (await SendAsync(send, $"http://n8n.example:{port}/")).Failure);
        Assert.False(listener.Pending());
    }
}
