using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Events;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Recommendations;
using LeadScoring.Sidecar.Tests.Scoring;

namespace LeadScoring.Sidecar.Tests.Recommendations;

/// <summary>What is learned of an organization's leads is kept, and used by the next score without any model.</summary>
public sealed class LearnContactNormsTests : IAsyncLifetime
{
    private readonly TestClock clock = new();
    private readonly SidecarFactory sidecar;

    public LearnContactNormsTests() => sidecar = TestClock.Sidecar(clock);

    public Task InitializeAsync() => sidecar.InitializeAsync();

    public Task DisposeAsync() => sidecar.DisposeAsync();

    [Fact]
    public async Task RunOnce_LeadsOfOneHour_DecideForALeadOfWhomNothingIsKnown()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var other = await sidecar.NewOrganizationAsync();
        // Thirty leads, each on five Tuesdays at 15:30 in New York; the clock stands at Wednesday, 8:00 there.
        var events = from lead in Enumerable.Range(0, 30)
                     from week in Enumerable.Range(0, 5)
                     select new LeadEvent("lead-" + lead, new ActivityEvent($"{lead}-{week}", "chat", "website", new DateTimeOffset(2026, 5, 5, 19, 30, 0, TimeSpan.Zero).AddDays(7 * week).ToUnixTimeMilliseconds()));
        await sidecar.Get<EventStore>().AppendAsync(organization.Id, [.. events], CancellationToken.None);

        async Task<string?> AtAsync(TestOrganization whose) => (await whose.ScoreAsync(new { lead_id = "new", lead = new { age = 30 } })).GetProperty("recommendations").Text("optimal_contact_time");
        Assert.Equal("2026-06-10T13:00:00.000Z", await AtAsync(organization));

        foreach (var id in (string[])[organization.Id, other.Id]) await sidecar.Get<LearnContactNorms>().RunAsync(id, CancellationToken.None);
        var norms = await sidecar.Get<ContactNormsStore>().GetAsync(organization.Id, null, CancellationToken.None);
        Assert.Equal((30, 150.0), (norms!.Leads, norms.Evidence));
        Assert.Same(norms, await sidecar.Get<ContactNormsStore>().GetAsync(organization.Id, norms, CancellationToken.None));

        // Seen when the loaded model is looked after next: within a second.
        clock.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal("2026-06-16T19:00:00.000Z", await AtAsync(organization));
        Assert.Equal("2026-06-10T13:00:00.000Z", await AtAsync(other));

        Assert.Equal("Learned from 30 leads.", await sidecar.Get<LearnContactNorms>().RunAsync(organization.Id, CancellationToken.None));
    }
}
