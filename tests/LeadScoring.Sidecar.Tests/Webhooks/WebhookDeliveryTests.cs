using System.Net;
using System.Text;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Webhooks;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.TestHost;

namespace LeadScoring.Sidecar.Tests.Webhooks;

/// <summary>What receivers do to us, on real sockets.</summary>
[Trait("Category", "Server")]
public sealed class WebhookDeliveryTests : IAsyncLifetime
{
    private static readonly string[] Scores = ["score.updated"];
    private readonly SidecarFactory sidecar = WebhookWorld.Sidecar();
    private WebhookReceiver receiver = null!;

    public async Task InitializeAsync()
    {
        await sidecar.InitializeAsync();
        receiver = await WebhookReceiver.StartAsync();
    }

    public async Task DisposeAsync()
    {
        await receiver.DisposeAsync();
        await sidecar.DisposeAsync();
    }

    private static async Task UntilDeliveredAsync(TestOrganization organization, string id, int count) =>
        await Waiting.UntilAsync(async () => (await organization.DeliveriesAsync(id, "delivered")).Length == count, $"Not all of {count} were delivered.");

    [Fact]
    public async Task Deliver_Event_IsSignedAndTellsTheScore()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (id, secret) = await organization.SubscribeAsync(receiver.Url, WebhookEventTypes.All);
        var score = await organization.ScoreAsync("jane", 1, 1);
        await receiver.UntilAsync(r => r.Accepted.Count() >= 3, "score, grade, review");
        await UntilDeliveredAsync(organization, id, 3);
        Assert.Equal(["score.updated", "grade.changed", "review.needed"], receiver.Requests.Select(r => r.Type));
        Assert.Equal(3, receiver.Requests.Select(r => r.EventId).Distinct().Count());
        foreach (var request in receiver.Requests)
        {
            Assert.True(request.IsSignedWith(secret));
            Assert.False(request.IsSignedWith(WebhookSignature.NewSecret()));
            Assert.False((request with { Body = [.. request.Body, (byte)' '] }).IsSignedWith(secret));
            Assert.Equal((request.EventId, organization.Id), (request.Json.Text("id"), request.Json.Text("organization_id")));
            Assert.Equal(("jane", 45, "A", true), (request.Data.Text("lead_id"), request.Data.GetProperty("score").GetDouble(), request.Data.Text("grade"), request.Data.GetProperty("needs_review").GetBoolean()));
            Assert.Equal(score.GetProperty("recommendations").Text("next_best_action"), request.Data.Text("next_best_action"));
            Assert.Equal(score.Text("review_reason"), request.Data.Text("review_reason"));
            Assert.DoesNotContain("call_count", Encoding.UTF8.GetString(request.Body), StringComparison.Ordinal);
        }

        var webhook = await organization.WebhookAsync(id);
        Assert.Equal((0, 0), (webhook.Int("pending"), webhook.Int("dead")));
        Assert.NotNull(webhook.Text("last_success"));
        Assert.Null(webhook.Text("last_failure"));
    }

    [Fact]
    public async Task Deliver_ReceiverAnswers500_IsTriedAgainWithTheSameId()
    {
        var failures = 0;
        receiver.Respond = http =>
        {
            http.Response.StatusCode = Interlocked.Increment(ref failures) <= 3 ? 500 : 204;
            return Task.CompletedTask;
        };
        var organization = await sidecar.NewOrganizationAsync();
        var (id, _) = await organization.SubscribeAsync(receiver.Url, Scores);
        await organization.ScoreAsync("a", 1, 0);
        await UntilDeliveredAsync(organization, id, 1);
        Assert.Equal(4, receiver.Requests.Count);
        Assert.Single(receiver.Requests.Select(r => r.EventId).Distinct());
        Assert.Equal(4, (await organization.DeliveriesAsync(id, "delivered"))[0].Int("attempts"));
        Assert.Equal("answered 500", (await organization.WebhookAsync(id)).GetProperty("last_failure").Text("reason"));
    }

    [Fact]
    public async Task Deliver_ReceiverHangs_TimesOutAndHoldsNobodyElse()
    {
        var hang = true;
        receiver.Respond = async http =>
        {
            if (Volatile.Read(ref hang)) await Task.Delay(Timeout.Infinite, http.RequestAborted);
        };
        await using var other = await WebhookReceiver.StartAsync();
        var organization = await sidecar.NewOrganizationAsync();
        var (hanging, _) = await organization.SubscribeAsync(receiver.Url, Scores);
        var (quick, _) = await organization.SubscribeAsync(other.Url, Scores);
        for (var i = 0; i < 20; i++) await organization.ScoreAsync("l" + i, 1, 0);
        await UntilDeliveredAsync(organization, quick, 20);
        Assert.Empty(await organization.DeliveriesAsync(hanging, "delivered"));
        await Waiting.UntilAsync(async () => (await organization.WebhookAsync(hanging)).TryGetProperty("last_failure", out _), "The hanging request never ended.");
        Assert.Equal("no answer within 2 s", (await organization.WebhookAsync(hanging)).GetProperty("last_failure").Text("reason"));
        Volatile.Write(ref hang, false);
        await UntilDeliveredAsync(organization, hanging, 20);
    }

    [Fact]
    public async Task Deliver_Redirect_IsNotFollowed()
    {
        await using var inner = await WebhookReceiver.StartAsync();
        receiver.Respond = http =>
        {
            http.Response.StatusCode = 307;
            http.Response.Headers.Location = inner.Url.ToString();
            return Task.CompletedTask;
        };
        var organization = await sidecar.NewOrganizationAsync();
        var (id, _) = await organization.SubscribeAsync(receiver.Url, Scores);
        await organization.ScoreAsync("a", 1, 0);
        await receiver.UntilAsync(r => r.Requests.Count >= 3, "tries");
        Assert.Empty(inner.Requests);
        Assert.Contains("redirects are not followed", (await organization.WebhookAsync(id)).GetProperty("last_failure").Text("reason"));
    }

    /// <summary>Status and headers are the acknowledgement; a body that never ends is not waited for.</summary>
    [Fact]
    public async Task Deliver_BodyDripsForEver_CountsOnceAndHoldsNothing()
    {
        receiver.Respond = async http =>
        {
            await http.Response.StartAsync();
            while (!http.RequestAborted.IsCancellationRequested)
            {
                await http.Response.WriteAsync("x");
                await http.Response.Body.FlushAsync();
                await Task.Delay(20);
            }
        };
        var organization = await sidecar.NewOrganizationAsync();
        var (id, _) = await organization.SubscribeAsync(receiver.Url, Scores);
        for (var i = 0; i < 30; i++) await organization.ScoreAsync("l" + i, 1, 0);
        await UntilDeliveredAsync(organization, id, 30);
        await receiver.UntilAsync(r => r.Requests.Count == 30, "The connections are cut off.");
        Assert.Equal(30, receiver.Requests.Select(r => r.EventId).Distinct().Count());
    }

    [Fact]
    public async Task Deliver_HeadersDrip_TimesOut()
    {
        using var listener = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var dripping = Task.Run(async () =>
        {
            using var connection = await listener.AcceptTcpClientAsync();
            var stream = connection.GetStream();
            await stream.WriteAsync("HTTP/1.1 200 OK\r\nX: "u8.ToArray());
            try
            {
                for (var i = 0; i < 500; i++)
                {
                    await stream.WriteAsync("y"u8.ToArray());
                    await Task.Delay(20);
                }
            }
            catch (IOException)
            {
                // Cut off, as planned.
                return true;
            }

            return false;
        });
        var organization = await sidecar.NewOrganizationAsync();
        var (id, _) = await organization.SubscribeAsync(new Uri($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/"), Scores);
        var (_, answer) = await organization.SendAsync(HttpMethod.Post, $"/v1/webhooks/{id}/test");
        Assert.Equal("no answer within 2 s", answer.Text("failure"));
        Assert.True(await dripping, "It was listened to for ten seconds.");
    }

    [Fact]
    public async Task Deliver_ClosedInTheMiddle_IsTriedAgainBeforeTheStatusAndDoneAfterIt()
    {
        var requests = 0;
        var delivered = new TaskCompletionSource();
        receiver.Respond = async http =>
        {
            if (Interlocked.Increment(ref requests) == 1) http.Abort();
            else
            {
                http.Response.ContentLength = 1_000;
                await http.Response.WriteAsync("half");
                await http.Response.Body.FlushAsync();
                // A reset on top of it could overtake the headers.
                await delivered.Task;
                http.Abort();
            }
        };
        var organization = await sidecar.NewOrganizationAsync();
        var (id, _) = await organization.SubscribeAsync(receiver.Url, Scores);
        await organization.ScoreAsync("a", 1, 0);
        await UntilDeliveredAsync(organization, id, 1);
        delivered.SetResult();
        await receiver.UntilAsync(r => r.Requests.Count == 2, "both");
        Assert.Equal("the connection was closed before the answer", (await organization.WebhookAsync(id)).GetProperty("last_failure").Text("reason"));
    }

    /// <summary>Down, back, failing now and then: what the ledger says is what arrives, at least once and in its order.</summary>
    [Fact]
    public async Task Deliver_ReceiverDownAndBack_EveryEventArrivesInOrderPerLead()
    {
        const int Leads = 12, Rounds = 8;
        var organization = await sidecar.NewOrganizationAsync();
        var port = receiver.Url.Port;
        var (id, _) = await organization.SubscribeAsync(receiver.Url, Scores);
        List<Received> accepted = [];
        for (var round = 0; round < Rounds; round++)
        {
            if (round == 2)
            {
                await receiver.DisposeAsync();
                accepted.AddRange(receiver.Accepted);
            }

            if (round == 5)
            {
                receiver = await WebhookReceiver.StartAsync(port);
                var count = 0;
                receiver.Respond = async http =>
                {
                    // Slow and fast ones by turns, and one in five is refused: without order they would overtake each other.
                    var n = Interlocked.Increment(ref count);
                    await Task.Delay(n % 3 * 15);
                    http.Response.StatusCode = n % 5 == 0 ? 503 : 200;
                };
            }

            for (var lead = 0; lead < Leads; lead++) await organization.ScoreAsync("l" + lead, calls: round % 4, showings: (round + lead) % 2);
        }

        await UntilDeliveredAsync(organization, id, await EventsAsync());
        accepted.AddRange(receiver.Accepted);
        Assert.Contains(receiver.Requests, r => r.Status == 503);
        for (var lead = 0; lead < Leads; lead++)
        {
            var ledger = (await organization.GetAsync($"/v1/leads/l{lead}/scores")).Body.GetProperty("scores").EnumerateArray().Reverse().Select(s => s.GetProperty("score").GetDouble());
            // Repetitions are allowed, going back is not: the first arrivals are the ledger.
            var arrived = accepted.Where(r => r.Data.Text("lead_id") == "l" + lead).DistinctBy(r => r.EventId).Select(r => r.Data.GetProperty("score").GetDouble());
            Assert.Equal(ledger, arrived);
        }

        async Task<int> EventsAsync() => (int)await sidecar.CountAsync($"select count(*) from scores where organization_id = '{organization.Id}'");
    }

    [Fact]
    public async Task Deliver_FormerOfTheLeadFails_NextWaitsAndOtherLeadsDoNot()
    {
        var letThrough = false;
        receiver.Respond = async http =>
        {
            var body = await new StreamReader(http.Request.Body).ReadToEndAsync();
            http.Response.StatusCode = !Volatile.Read(ref letThrough) && body.Contains("\"blocked\"", StringComparison.Ordinal) && body.Contains("\"score\":20", StringComparison.Ordinal) ? 500 : 200;
        };
        var organization = await sidecar.NewOrganizationAsync();
        var (id, _) = await organization.SubscribeAsync(receiver.Url, Scores);
        await organization.ScoreAsync("blocked", 1, 0);
        await organization.ScoreAsync("blocked", 1, 1);
        await organization.ScoreAsync("free", 0, 1);
        await receiver.UntilAsync(r => r.Requests.Count(q => q.Status == 500) >= 3 && r.Accepted.Any(), "tries of the blocked one, and the free one");
        Assert.Equal(["free"], receiver.Accepted.Select(r => r.Data.Text("lead_id")));
        Volatile.Write(ref letThrough, true);
        await UntilDeliveredAsync(organization, id, 3);
        Assert.Equal([20, 45], receiver.Accepted.Where(r => r.Data.Text("lead_id") == "blocked").Select(r => r.Data.GetProperty("score").GetDouble()));
    }

    [Fact]
    public async Task Deliver_Gone_DisablesTheWebhookAndKeepsWhatWaits()
    {
        receiver.Respond = http =>
        {
            http.Response.StatusCode = 410;
            return Task.CompletedTask;
        };
        var organization = await sidecar.NewOrganizationAsync();
        var (id, _) = await organization.SubscribeAsync(receiver.Url, Scores);
        await organization.ScoreAsync("a", 1, 0);
        await Waiting.UntilAsync(async () => !(await organization.WebhookAsync(id)).GetProperty("enabled").GetBoolean(), "It is still enabled.");
        Assert.Contains("410", (await organization.WebhookAsync(id)).Text("disabled_reason"));
        // Nothing is recorded for it meanwhile.
        await organization.ScoreAsync("b", 1, 0);
        Assert.Equal(1, (await organization.WebhookAsync(id)).Int("pending"));
        receiver.Respond = _ => Task.CompletedTask;
        var (status, _) = await organization.SendAsync(HttpMethod.Put, $"/v1/webhooks/{id}", new { url = receiver.Url.ToString(), events = Scores });
        Assert.Equal(HttpStatusCode.OK, status);
        await UntilDeliveredAsync(organization, id, 1);
        Assert.Equal(2, receiver.Requests.Count);
    }

    [Fact]
    public async Task Deliver_RetryAfter_LeavesTheReceiverAlone()
    {
        var since = TimeProvider.System.GetTimestamp();
        receiver.Respond = http =>
        {
            if (receiver.Requests.IsEmpty)
            {
                http.Response.StatusCode = 429;
                http.Response.Headers.RetryAfter = "2";
            }

            return Task.CompletedTask;
        };
        var organization = await sidecar.NewOrganizationAsync();
        var (id, _) = await organization.SubscribeAsync(receiver.Url, Scores);
        await organization.ScoreAsync("a", 1, 0);
        await Waiting.UntilAsync(async () => (await organization.WebhookAsync(id)).TryGetProperty("paused_until", out _), "It is not paused.");
        // Another lead's event waits as well: the receiver asked for patience, not the lead.
        await organization.ScoreAsync("b", 1, 0);
        await UntilDeliveredAsync(organization, id, 2);
        Assert.True(TimeProvider.System.GetElapsedTime(since) >= TimeSpan.FromSeconds(1.9), "It came back too early.");
        Assert.Equal(3, receiver.Requests.Count);
    }

    [Fact]
    public async Task Deliver_TwoReplicas_ShareTheWorkAndDoubleNothing()
    {
        const int Leads = 60;
        receiver.Respond = _ => Task.Delay(20);
        var organization = await sidecar.NewOrganizationAsync();
        var (id, _) = await organization.SubscribeAsync(receiver.Url, WebhookEventTypes.All);
        var settings = new Dictionary<string, string?>(sidecar.Settings) { ["LeadScoring:Data"] = sidecar.Data, ["LeadScoring:Database"] = sidecar.Get<Database>().Setting, ["LeadScoring:Durability"] = "normal", ["LeadScoring:Training:RunHere"] = "false", ["LeadScoring:Jobs:RunHere"] = "false" };
        var builder = SidecarApp.CreateBuilder(settings);
        builder.WebHost.UseTestServer();
        await using (var replica = builder.Build())
        {
            await replica.StartAsync();
            for (var i = 0; i < Leads; i++) await organization.ScoreAsync("l" + i, 1, 1);
            await UntilDeliveredAsync(organization, id, Leads * 3);
            await replica.StopAsync();
        }

        Assert.Equal(Leads * 3, receiver.Requests.Count);
        Assert.Equal(Leads * 3, receiver.Requests.Select(r => r.EventId).Distinct().Count());
        foreach (var lead in receiver.Requests.GroupBy(r => r.Data.Text("lead_id"))) Assert.Equal(["score.updated", "grade.changed", "review.needed"], lead.Select(r => r.Type));
    }
}
