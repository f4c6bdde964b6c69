using LeadScoring.Connectors.Http;
using LeadScoring.Connectors.Tests.HubSpot;
using LeadScoring.Connectors.Tests.Simulators;

namespace LeadScoring.Connectors.Tests.Http;

/// <summary>What a vendor may do to a request, told with one vendor: the HTTP is the same for all.</summary>
public sealed class ResilienceTests
{
    private static Task<IReadOnlyList<ContactRecord>> FetchAsync(HubSpotWorld world, string id) => world.Connector.FetchContactsAsync([id], CancellationToken.None);

    [Fact]
    public async Task Send_429WithRetryAfter_WaitsSoLongAndSucceeds()
    {
        await using var world = await HubSpotWorld.StartAsync();
        var id = world.HubSpot.Add("contacts");
        world.HubSpot.Fail(2, 429, headers: ("Retry-After", "7"));
        Assert.Single(await FetchAsync(world, id));
        Assert.Equal(2, world.Clock.Waits.Count(w => w == TimeSpan.FromSeconds(7)));
        Assert.Equal(3, world.HubSpot.Seen.Count);
    }

    [Fact]
    public async Task Send_429OfTheDay_IsNotHeldButTold()
    {
        await using var world = await HubSpotWorld.StartAsync();
        world.HubSpot.Fail(1, 429, body: "{\"policyName\":\"DAILY\",\"category\":\"RATE_LIMITS\"}");
        var failure = await Assert.ThrowsAsync<ConnectorException>(() => FetchAsync(world, "1"));
        Assert.Equal((ConnectorFailure.RateLimited, TimeSpan.FromHours(1)), (failure.Failure, failure.RetryAfter));
        Assert.Single(world.HubSpot.Seen);
        // And nothing is sent while it lasts.
        await Assert.ThrowsAsync<ConnectorException>(() => FetchAsync(world, "1"));
        Assert.Single(world.HubSpot.Seen);
    }

    [Fact]
    public async Task Send_GatewayErrorsInHtml_AreTriedAgain()
    {
        await using var world = await HubSpotWorld.StartAsync();
        var id = world.HubSpot.Add("contacts");
        world.HubSpot.Fail(1, 502);
        world.HubSpot.Fail(1, 503);
        Assert.Single(await FetchAsync(world, id));
        Assert.Equal(3, world.HubSpot.Seen.Count);
    }

    [Fact]
    public async Task Send_BodyCutOff_IsTriedAgain()
    {
        await using var world = await HubSpotWorld.StartAsync();
        var id = world.HubSpot.Add("contacts", ("email", "a@example.com"));
        world.HubSpot.Truncate(1);
        Assert.Equal("a@example.com", Assert.Single(await FetchAsync(world, id)).Email);
        Assert.Equal(2, world.HubSpot.Seen.Count);
    }

    [Fact]
    public async Task Send_BodyThatStalls_IsGivenUpAndTriedAgain()
    {
        await using var world = await HubSpotWorld.StartAsync(s => s.Timeout = TimeSpan.FromSeconds(2));
        var id = world.HubSpot.Add("contacts");
        world.HubSpot.Stall(1);
        Assert.Single(await FetchAsync(world, id));
        Assert.Equal(2, world.HubSpot.Seen.Count);
    }

    [Fact]
    public async Task Send_FailsAndFails_BreaksTheCircuitAndSendsNoMore()
    {
        await using var world = await HubSpotWorld.StartAsync();
        world.HubSpot.Fail(1_000, 500);
        for (var i = 0; i < 4; i++) Assert.Equal(ConnectorFailure.Unavailable, (await Assert.ThrowsAsync<ConnectorException>(() => FetchAsync(world, "1"))).Failure);
        Assert.InRange(world.HubSpot.Seen.Count, 10, 19);
    }

    /// <summary>Bodies of CRMs hold people; the simulator's errors do, too.</summary>
    [Theory]
    [InlineData(400)]
    [InlineData(401)]
    [InlineData(403)]
    [InlineData(500)]
    public async Task Send_Refused_SaysStatusAndCodeAndNothingElse(int status)
    {
        await using var world = await HubSpotWorld.StartAsync();
        world.HubSpot.Fail(10, status, body: "{\"category\":\"VALIDATION_ERROR\",\"message\":\"secret@example.com\"}");
        var failure = await Assert.ThrowsAsync<ConnectorException>(() => FetchAsync(world, "12345"));
        Assert.Contains($"{status} VALIDATION_ERROR", failure.Message);
        foreach (var secret in (string[])["secret@example.com", HubSpotSimulator.Token, "12345"]) Assert.DoesNotContain(secret, failure.ToString());
    }

    [Fact]
    public async Task OAuth_ManyAtOnce_RenewOnceAndKeepTheRotatedToken()
    {
        await using var world = await HubSpotWorld.StartAsync(OAuth);
        var id = world.HubSpot.Add("contacts");
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => FetchAsync(world, id)));
        Assert.Equal(1, world.HubSpot.Refreshes);
        Assert.Equal(world.HubSpot.RefreshToken, world.Tokens.Stored!.RefreshToken);
        // Before it ends, not after.
        world.Clock.Advance(TimeSpan.FromMinutes(29));
        await FetchAsync(world, id);
        Assert.Equal(2, world.HubSpot.Refreshes);
        Assert.DoesNotContain(world.HubSpot.Seen, r => r.Path.StartsWith("/crm/", StringComparison.Ordinal) && r.Authorization is not ("Bearer access-1" or "Bearer access-2"));
    }

    [Fact]
    public async Task OAuth_TokenRevoked_IsRenewedAndTheRequestRepeatedOnce()
    {
        await using var world = await HubSpotWorld.StartAsync(OAuth);
        var id = world.HubSpot.Add("contacts");
        await FetchAsync(world, id);
        world.HubSpot.Revoke("access-1");
        Assert.Single(await FetchAsync(world, id));
        Assert.Equal(2, world.HubSpot.Refreshes);
    }

    [Fact]
    public async Task OAuth_AnotherProcessRenewed_ItsTokenIsUsed()
    {
        await using var world = await HubSpotWorld.StartAsync(OAuth);
        var id = world.HubSpot.Add("contacts");
        await FetchAsync(world, id);
        using var other = ConnectorCatalog.Create(new ConnectorHost("hubspot", Settings(world), world.Tokens, world.Clock));
        Assert.Single(await other.FetchContactsAsync([id], CancellationToken.None));
        Assert.Equal(1, world.HubSpot.Refreshes);
    }

    private static void OAuth(ConnectorSettings settings) =>
        (settings.Token, settings.ClientId, settings.ClientSecret, settings.RefreshToken) = (null, HubSpotSimulator.ClientId, HubSpotSimulator.ClientSecret, "refresh-0");

    private static ConnectorSettings Settings(HubSpotWorld world)
    {
        var settings = new ConnectorSettings { BaseUrl = world.HubSpot.Url };
        OAuth(settings);
        return settings;
    }

    [Fact]
    public async Task Budget_Rate_IsKeptOverAnySecond()
    {
        var clock = new LeapClock();
        var budget = new RequestBudget("x", perSecond: 4, burst: 4, daily: null, reserveShare: 0, clock);
        var taken = new List<DateTimeOffset>();
        for (var i = 0; i < 40; i++)
        {
            await budget.TakeAsync(RequestPriority.Background, CancellationToken.None);
            taken.Add(clock.GetUtcNow());
        }

        // From the first on: a process that starts does not know what the one before it, killed a moment ago, used.
        Assert.All(taken, t => Assert.InRange(taken.Count(o => o > t - TimeSpan.FromSeconds(1) && o <= t), 1, 4));
        Assert.InRange((taken[^1] - taken[0]).TotalSeconds, 9.7, 9.9);
        clock.Advance(TimeSpan.FromSeconds(5));
        var idle = clock.GetUtcNow();
        for (var i = 0; i < 4; i++) await budget.TakeAsync(RequestPriority.Background, CancellationToken.None);
        Assert.Equal(idle, clock.GetUtcNow());
    }

    [Fact]
    public async Task Budget_DayUsedUp_LeavesTheReserveToWriteBackUntilMidnight()
    {
        var clock = new LeapClock();
        var budget = new RequestBudget("x", 1_000, 1_000, daily: 10, reserveShare: 0.2, clock);
        for (var i = 0; i < 8; i++) await budget.TakeAsync(RequestPriority.Background, CancellationToken.None);
        var failure = await Assert.ThrowsAsync<ConnectorException>(async () => await budget.TakeAsync(RequestPriority.Background, CancellationToken.None));
        Assert.Equal(new DateTimeOffset(2026, 11, 28, 0, 0, 0, TimeSpan.Zero), clock.GetUtcNow() + failure.RetryAfter);
        await budget.TakeAsync(RequestPriority.Foreground, CancellationToken.None);
        await budget.TakeAsync(RequestPriority.Foreground, CancellationToken.None);
        await Assert.ThrowsAsync<ConnectorException>(async () => await budget.TakeAsync(RequestPriority.Foreground, CancellationToken.None));
        clock.Advance(TimeSpan.FromHours(12));
        await budget.TakeAsync(RequestPriority.Background, CancellationToken.None);
        Assert.Equal(9, budget.Status.LeftToday);
    }

    [Fact]
    public void Budget_WhatOthersUsed_Counts()
    {
        var clock = new LeapClock();
        var budget = new RequestBudget("x", 10, 10, daily: 1_000, reserveShare: 0, clock);
        budget.Restore(DateOnly.FromDateTime(clock.GetUtcNow().UtcDateTime), 300);
        Assert.Equal(700, budget.Status.LeftToday);
        budget.Restore(DateOnly.FromDateTime(clock.GetUtcNow().UtcDateTime).AddDays(-1), 900);
        Assert.Equal(700, budget.Status.LeftToday);
        budget.Learn(left: 250);
        Assert.Equal(250, budget.Status.LeftToday);
    }
}
