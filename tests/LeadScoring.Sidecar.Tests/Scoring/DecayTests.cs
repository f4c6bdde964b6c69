using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Scoring;
using LeadScoring.Sidecar.Tests.Training;
using Xunit.Abstractions;

namespace LeadScoring.Sidecar.Tests.Scoring;

/// <summary>A learned model lets a score fade when nothing happens: recency is a feature, and the outcomes have taught it what silence means.</summary>
public sealed class DecayTests(ITestOutputHelper output) : IAsyncLifetime
{
    private readonly TestClock clock = new();
    private SidecarFactory sidecar = null!;

    public Task InitializeAsync() => (sidecar = TestClock.Sidecar(clock)).InitializeAsync();

    public Task DisposeAsync() => sidecar.DisposeAsync();

    [NativeXGBoostFact]
    public async Task Score_LearnedModelAndNoNewEvent_FallsWithTime()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await SmallModel.SeedAsync(sidecar.Services, organization.Id, 0, 400);
        await organization.UseModelAsync(await SmallModel.BundleAsync());
        sidecar.Get<ActiveModels>().Forget(organization.Id);
        var active = await sidecar.Get<ActiveModels>().GetAsync(organization.Id, CancellationToken.None);
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        var means = new List<double>();
        var leads = new List<StoredLead>();
        await foreach (var lead in sidecar.Get<LeadStore>().StreamAllAsync(organization.Id, CancellationToken.None)) leads.Add(lead);
        double[] At(int days) => [.. leads.Select(l => LeadScorer.PointsOf(active, active.Extractor.Extract(l.Snapshot, now + (days * ActivityState.DayMs))))];
        var before = At(0);
        foreach (var days in (int[])[0, 7, 30, 90]) means.Add(At(days).Average());
        var later = At(90);
        var rose = before.Zip(later).Count(p => p.Second > p.First + 2) / (double)leads.Count;
        output.WriteLine($"mean score after 0, 7, 30, 90 days of silence: {string.Join(", ", means.Select(m => m.ToString("0.0")))}; more than 2 points up after 90 days: {rose:P0} of {leads.Count} leads");
        Assert.Equal(means.OrderDescending(), means);
        Assert.True(means[^1] < means[0] - 5, $"{means[0]:0.0} to {means[^1]:0.0}");
        // Fading is learned and not forced: some leads rise with time in the pipeline. Most do not.
        Assert.InRange(rose, 0, 0.25);
    }
}
