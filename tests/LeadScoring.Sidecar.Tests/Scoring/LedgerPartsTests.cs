using LeadScoring.Ml.Calibration;
using LeadScoring.Sidecar.Leads;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Scoring;
using LeadScoring.Sidecar.Storage;
using LeadScoring.Sidecar.Tests.Training;

namespace LeadScoring.Sidecar.Tests.Scoring;

/// <summary>Each change of a score taken apart: new data, elapsed time, model, calibration; and the kernels of many leads a call behind it.</summary>
[Trait("Category", "Slow")]
public sealed class LedgerPartsTests : IAsyncLifetime
{
    private readonly TestClock clock = new();
    private readonly SidecarFactory sidecar;

    public LedgerPartsTests() => sidecar = TestClock.Sidecar(clock);

    public Task InitializeAsync() => sidecar.InitializeAsync();

    public Task DisposeAsync() => sidecar.DisposeAsync();

    private async Task AnchorAsync(TestOrganization organization, int version, double intercept)
    {
        await sidecar.Get<Database>().WriteAsync(
            async transaction =>
            {
                await sidecar.Get<AnchorStore>().AddAsync(transaction, organization.Id, version, new Anchor { Intercept = intercept, Verdict = AnchorVerdict.Reanchored }, AnchorStore.FromOutcomes, CancellationToken.None);
                await RescoringRunStore.StartAsync(transaction, organization.Id, RescoringReason.Anchor, 0, CancellationToken.None);
            },
            CancellationToken.None);
        sidecar.Get<ActiveModels>().Forget(organization.Id);
    }

    private async Task RescoreAsync()
    {
        var worker = sidecar.Get<RescoreChangedLeads>();
        await worker.LookAfterAgedAsync(CancellationToken.None);
        for (var rounds = 0; await worker.RunOnceAsync(CancellationToken.None) + await worker.RunBatchAsync(CancellationToken.None) > 0; rounds++) Assert.True(rounds < 50, "The queue does not empty.");
    }

    private static async Task<(double Before, double After, string Cause, double[] Parts)[]> ChangesAsync(TestOrganization organization)
    {
        var rows = (await organization.GetAsync("/v1/leads/a/scores?limit=1000")).Body.GetProperty("scores").EnumerateArray().Reverse().ToArray();
        return
        [
            .. rows.Skip(1).Select((row, i) => (
                rows[i].GetProperty("score").GetDouble(), row.GetProperty("score").GetDouble(), row.Text("cause")!,
                Array.ConvertAll(["new_data", "elapsed_time", "model", "calibration", "points"], part => row.GetProperty("change").GetProperty(part).GetDouble()))),
        ];
    }

    [NativeXGBoostFact]
    public async Task Score_AnotherAnchorAndNewsAtOnce_AreToldApart()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var version = await organization.UseModelAsync(await SmallModel.BundleAsync());
        await organization.PutLeadAsync("a", new { website_sessions = 4, avg_pages_viewed = 4, days_since_last_visit = 3 });
        await RescoreAsync();
        await AnchorAsync(organization, version, 0.7);
        await RescoreAsync();
        var only = Assert.Single(await ChangesAsync(organization));
        Assert.Equal("calibration", only.Cause);
        Assert.True(only.Parts[3] > 1, $"{only.Parts[3]} points by the anchor");
        Assert.Equal((0.0, 0.0, 0.0), (only.Parts[0], only.Parts[1], only.Parts[2]));

        // The next anchor takes the first one back, and a showing was asked for meanwhile: without it the score would be what it was at first.
        await organization.PutLeadAsync("a", new { showing_requests = 3, call_count = 2 });
        await AnchorAsync(organization, version, 0);
        await RescoreAsync();
        var both = (await ChangesAsync(organization))[^1];
        Assert.True(both.Parts[3] < -0.5 && both.Parts[0] != 0 && both.Parts[2] == 0, string.Join(" ", both.Parts));
        Assert.Equal(both.After - both.Before, both.Parts[..4].Sum(), 6);
    }

    /// <summary>News, time, anchors and versions in any order: every change is the sum of its parts, to the last digit.</summary>
    [NativeXGBoostFact]
    public async Task Score_FortyRandomSteps_EveryChangeIsTheSumOfItsParts()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var version = await organization.UseModelAsync(await SmallModel.BundleAsync());
        await organization.PutLeadAsync("a", new { website_sessions = 4 });
        await RescoreAsync();
        var random = new Random(11);
        for (var step = 0; step < 40; step++)
        {
            if (random.Next(2) == 0) clock.Advance(TimeSpan.FromHours(random.Next(1, 300)));
            if (random.Next(2) == 0) await organization.PutLeadAsync("a", new { website_sessions = random.Next(12), call_count = random.Next(3), showing_requests = random.Next(3) });
            if (random.Next(3) == 0) await AnchorAsync(organization, version, (random.NextDouble() * 2) - 1);
            if (random.Next(8) == 0) version = await organization.UseModelAsync(await SmallModel.BundleAsync());
            if (random.Next(4) == 0) await organization.ScoreAsync(new { lead_id = "a" });
            await RescoreAsync();
        }

        var changes = await ChangesAsync(organization);
        Assert.True(changes.Length > 25, $"{changes.Length} changes");
        Assert.All(changes, c =>
        {
            Assert.Equal(c.After - c.Before, c.Parts[..4].Sum(), 6);
            Assert.Equal(Math.Round(c.After - c.Before, 1), c.Parts[4]);
        });
        foreach (var (part, name) in ((int, string)[])[(0, "new data"), (1, "elapsed time"), (2, "model"), (3, "calibration")]) Assert.True(changes.Any(c => c.Parts[part] != 0) || part == 2, $"no change by {name}");
        Assert.Contains(changes, c => c.Cause == "calibration");
    }

    /// <summary>A batch of the workers: the scores and changes that each lead gets by itself, to the bit.</summary>
    [NativeXGBoostFact]
    public async Task ScoreStored_ManyLeads_AreTheSameAsOneByOne()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await SmallModel.SeedAsync(sidecar.Services, organization.Id, 0, 120);
        var version = await organization.UseModelAsync(await SmallModel.BundleAsync());
        await RescoreAsync();
        await AnchorAsync(organization, version, 0.4);
        clock.Advance(TimeSpan.FromDays(9));
        var active = await sidecar.Get<ActiveModels>().GetAsync(organization.Id, CancellationToken.None);
        var leads = new List<StoredLead>();
        await foreach (var lead in sidecar.Get<LeadStore>().StreamAllAsync(organization.Id, CancellationToken.None)) leads.Add(lead);
        leads.Add(new StoredLead("new", 1, leads[0].Snapshot, 0, true, null, null, null));
        var (scorer, nowMs) = (sidecar.Get<LeadScorer>(), clock.GetUtcNow().ToUnixTimeMilliseconds());
        var many = scorer.ScoreStored(active, leads, nowMs);
        Assert.Equal(121, many.Length);
        Assert.Contains(many, w => w.Result.ReviewReason is not null);
        for (var i = 0; i < leads.Count; i++)
        {
            var one = scorer.ScoreStored(active, leads[i], nowMs);
            Assert.Equal(one.LeadId, many[i].LeadId);
            Assert.Equal((one.Change, one.ScoredWith), (many[i].Change, many[i].ScoredWith));
            var empty = Array.Empty<LeadScoring.Ml.Features.FeatureValue>();
            Assert.Equal(one.Result with { Factors = null, Values = empty, BasePoints = 0 }, many[i].Result with { Factors = null, Values = empty, BasePoints = 0 });
            // Explanations of many leads are summed in lanes: the last digit that is shown, a thousandth of a point, may differ.
            Assert.Equal(one.Result.BasePoints, many[i].Result.BasePoints, 0.01);
            var factors = many[i].Result.Factors!.ToDictionary(f => f.Feature);
            Assert.All(one.Result.Factors!, f => Assert.Equal(f.Points, factors.TryGetValue(f.Feature, out var other) ? other.Points : 0, 0.0015));
            Assert.Equal(many[i].Result.Score.Points, many[i].Result.BasePoints + many[i].Result.Factors!.Sum(f => f.Points), 6);
        }
    }
}
