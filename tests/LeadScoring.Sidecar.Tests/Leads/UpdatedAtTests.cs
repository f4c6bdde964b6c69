using LeadScoring.Sidecar.Scoring;
using LeadScoring.Sidecar.Tests.Scoring;

namespace LeadScoring.Sidecar.Tests.Leads;

/// <summary>Who asks for what changed since a moment misses nothing, though events of a lead that waits for its score do not move it each.</summary>
public sealed class UpdatedAtTests : IAsyncLifetime
{
    private readonly TestClock clock = new();
    private readonly SidecarFactory sidecar;
    private TestOrganization organization = null!;

    public UpdatedAtTests() => sidecar = TestClock.Sidecar(clock);

    public async Task InitializeAsync()
    {
        await sidecar.InitializeAsync();
        organization = await sidecar.NewOrganizationAsync();
    }

    public Task DisposeAsync() => sidecar.DisposeAsync();

    [Fact]
    public async Task Fold_LeadThatWaits_MovesWithItsScoreAndAfterAMinute()
    {
        var start = clock.GetUtcNow();
        await SendAsync("1");
        Assert.Equal(start, await UpdatedAsync());
        clock.Advance(TimeSpan.FromSeconds(2));
        await SendAsync("2");
        Assert.Equal(start, await UpdatedAsync());
        Assert.Equal(2, (await organization.LeadAsync("a"))!.Revision);
        clock.Advance(TimeSpan.FromSeconds(1));
        await ScoreAsync();
        Assert.Equal(start.AddSeconds(3), await UpdatedAsync());

        // Nothing new: another score is no change of the lead.
        clock.Advance(TimeSpan.FromSeconds(1));
        await organization.ScoreAsync(new { lead_id = "a" });
        Assert.Equal(start.AddSeconds(3), await UpdatedAsync());

        await SendAsync("3");
        Assert.Equal(start.AddSeconds(4), await UpdatedAsync());
        clock.Advance(TimeSpan.FromSeconds(61));
        await SendAsync("4");
        Assert.Equal(start.AddSeconds(65), await UpdatedAsync());
    }

    [Fact]
    public async Task Fold_LeadWithOutcome_MovesEachTime()
    {
        await SendAsync("1");
        await organization.PostAsync("/v1/outcomes", new { lead_id = "a", converted = true, occurred_at = "2026-06-01" });
        for (var i = 2; i < 4; i++)
        {
            clock.Advance(TimeSpan.FromSeconds(1));
            await SendAsync($"{i}");
            Assert.Equal(clock.GetUtcNow(), await UpdatedAsync());
        }
    }

    private async Task SendAsync(string id) =>
        Assert.Equal(1, (await organization.PostAsync("/v1/events", new { event_id = id, lead_id = "a", type = "page_view", source = "website", occurred_at = "2026-06-01T10:00:00Z" })).Body.Int("accepted"));

    private async Task ScoreAsync() => Assert.Equal(1, await sidecar.Get<RescoreChangedLeads>().RunOnceAsync(CancellationToken.None));

    private async Task<DateTimeOffset> UpdatedAsync() => DateTimeOffset.FromUnixTimeMilliseconds((await organization.LeadAsync("a"))!.UpdatedAtMs);
}
