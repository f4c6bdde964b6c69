using System.Net;
using LeadScoring.Sidecar.Webhooks;

namespace LeadScoring.Sidecar.Tests.Webhooks;

/// <summary>Events that were given up, and what is left of finished ones.</summary>
[Trait("Category", "Server")]
public sealed class WebhookDeadLetterTests : IAsyncLifetime
{
    private readonly SidecarFactory sidecar = WebhookWorld.Sidecar(("Webhooks:Attempts", "3"), ("Webhooks:FirstRetry", "00:00:00.02"));
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

    [Fact]
    public async Task Deliver_LastTryFails_IsDeadVisibleAndReplayable()
    {
        receiver.Respond = http =>
        {
            http.Response.StatusCode = 500;
            return Task.CompletedTask;
        };
        var organization = await sidecar.NewOrganizationAsync();
        var (id, _) = await organization.SubscribeAsync(receiver.Url, ["score.updated"]);
        await organization.ScoreAsync("a", 1, 0);
        await organization.ScoreAsync("a", 0, 1);
        await organization.ScoreAsync("b", 1, 0);
        await Waiting.UntilAsync(async () => (await organization.WebhookAsync(id)).Int("dead") == 3, "Not all are dead.");
        // The second event of a was sent although the first one is dead, and not before.
        Assert.Equal(9, receiver.Requests.Count);
        Assert.Equal([20, 20, 20, 35, 35, 35], receiver.Requests.Where(r => r.Data.Text("lead_id") == "a").Select(r => r.Data.GetProperty("score").GetDouble()));
        var dead = await organization.DeliveriesAsync(id, "dead");
        Assert.All(dead, d => Assert.Equal((3, "answered 500"), (d.Int("attempts"), d.Text("failure"))));

        receiver.Respond = _ => Task.CompletedTask;
        var one = dead.Single(d => d.GetProperty("payload").GetProperty("data").Text("lead_id") == "b").Text("event_id");
        Assert.Equal(1, (await organization.SendAsync(HttpMethod.Post, $"/v1/webhooks/{id}/replay?event_id={one}")).Body.Int("replayed"));
        await Waiting.UntilAsync(async () => (await organization.DeliveriesAsync(id, "delivered")).Length == 1, "The one was not delivered.");
        Assert.Equal(2, (await organization.SendAsync(HttpMethod.Post, $"/v1/webhooks/{id}/replay")).Body.Int("replayed"));
        await Waiting.UntilAsync(async () => (await organization.DeliveriesAsync(id, "delivered")).Length == 3, "Not all were delivered.");
        Assert.Equal(0, (await organization.WebhookAsync(id)).Int("dead"));
        Assert.Equal(HttpStatusCode.NotFound, (await organization.SendAsync(HttpMethod.Post, $"/v1/webhooks/{id}/replay?event_id={one}")).Status);
    }

    [Fact]
    public async Task Purge_Finished_GoesAfterItsTimeInBatches()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (id, _) = await organization.SubscribeAsync(receiver.Url, ["score.updated"]);
        for (var i = 0; i < 5; i++) await organization.ScoreAsync("l" + i, 1, 0);
        await Waiting.UntilAsync(async () => (await organization.DeliveriesAsync(id, "delivered")).Length == 5, "Not all were delivered.");
        var store = sidecar.Get<DeliveryStore>();
        Assert.Equal(0, await store.PurgeAsync(TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(5), 3, CancellationToken.None));
        Assert.Equal(0, await store.PurgeAsync(TimeSpan.FromMinutes(5), TimeSpan.Zero, 3, CancellationToken.None));
        // A clock has ticks: the last one may be of this very millisecond.
        await Task.Delay(5);
        Assert.Equal(3, await store.PurgeAsync(TimeSpan.Zero, TimeSpan.FromMinutes(5), 3, CancellationToken.None));
        Assert.Equal(2, await store.PurgeAsync(TimeSpan.Zero, TimeSpan.FromMinutes(5), 3, CancellationToken.None));
        Assert.Empty(await organization.DeliveriesAsync(id, "delivered"));
    }

    [Theory]
    [InlineData(1, 5)]
    [InlineData(2, 12.5)]
    [InlineData(11, 47_683.7)]
    public void Backoff_Grows_WithinAFifthOfItsMiddle(int failures, double seconds)
    {
        var first = TimeSpan.FromSeconds(5);
        Assert.Equal(seconds, DeliverWebhooks.Backoff(first, failures, 0.5).TotalSeconds, 0.1);
        Assert.Equal(0.8 * seconds, DeliverWebhooks.Backoff(first, failures, 0).TotalSeconds, 0.1);
        Assert.Equal(1.2 * seconds, DeliverWebhooks.Backoff(first, failures, 1).TotalSeconds, 0.1);
    }

    [Fact]
    public void Backoff_AllTries_ComeToAboutADay() =>
        Assert.InRange(Enumerable.Range(1, 11).Sum(n => DeliverWebhooks.Backoff(TimeSpan.FromSeconds(5), n, 0.5).TotalHours), 20, 26);
}
