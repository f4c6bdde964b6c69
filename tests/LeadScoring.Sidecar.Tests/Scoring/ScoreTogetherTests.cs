using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Scoring;
using LeadScoring.Sidecar.Tests.Training;

namespace LeadScoring.Sidecar.Tests.Scoring;

/// <summary>Scores that are made together are those that each would have got alone.</summary>
public sealed class ScoreTogetherTests(SidecarFactory sidecar) : IClassFixture<SidecarFactory>
{
    private async Task<(ActiveModel Active, ScoreInput[] Inputs)> LeadsAsync(int count)
    {
        var organization = await sidecar.NewOrganizationAsync();
        await SmallModel.SeedAsync(sidecar.Services, organization.Id, 0, count);
        await organization.UseModelAsync(await SmallModel.BundleAsync());
        var active = await sidecar.Get<ActiveModels>().GetAsync(organization.Id, CancellationToken.None);
        var inputs = new List<ScoreInput>();
        await foreach (var lead in sidecar.Get<LeadScoring.Sidecar.Leads.LeadStore>().StreamAllAsync(organization.Id, CancellationToken.None))
            inputs.Add(new ScoreInput(lead.Snapshot, 1_790_000_000_000, inputs.Count % 5 == 4, inputs.Count % 3 > 0));
        return (active, [.. inputs]);
    }

    private static void AssertSame(ScoreResult one, ScoreResult other)
    {
        Assert.Equal((one.Score.Points, one.Grade, one.ScoredBy, one.ReviewReason), (other.Score.Points, other.Grade, other.ScoredBy, other.ReviewReason));
        // Sums of many are made in another order: the last bits may differ.
        Assert.Equal(one.Score.Probability, other.Score.Probability, 1e-12);
        Assert.Equal(one.Score.Confidence, other.Score.Confidence, 1e-12);
        Assert.Equal(one.Interval!.Value.Low, other.Interval!.Value.Low, 1e-9);
        Assert.Equal(one.Factors is null, other.Factors is null);
        if (one.Factors is null) return;
        Assert.Equal(one.BasePoints, other.BasePoints, 0.02);
        var points = other.Factors!.ToDictionary(f => f.Feature, f => f.Points);
        // Explained in vectors, so the last digit may differ.
        Assert.All(one.Factors, f => Assert.Equal(f.Points, points.GetValueOrDefault(f.Feature), 0.0025));
        Assert.Equal(other.Score.Points, (double)((decimal)other.BasePoints + other.Factors!.Sum(f => (decimal)f.Points)), 9);
    }

    [NativeXGBoostFact]
    public async Task Score_ManyAndMixed_EachIsAsAlone()
    {
        var (active, inputs) = await LeadsAsync(70);
        var scorer = sidecar.Get<LeadScorer>();
        var together = scorer.Score(active, inputs);
        for (var i = 0; i < inputs.Length; i++) AssertSame(scorer.Score(active, [inputs[i]])[0], together[i]);
    }

    [NativeXGBoostFact]
    public async Task ScoreAsync_AtTheSameTime_AreMadeTogetherAndEachGetsItsOwn()
    {
        var (active, inputs) = await LeadsAsync(60);
        var scorer = sidecar.Get<LeadScorer>();
        var together = new ScoreTogether(scorer, Microsoft.Extensions.Options.Options.Create(new ScoringOptions()));
        // Without waiting in between: those that find no place free gather.
        using var start = new ManualResetEventSlim();
        var tasks = Enumerable.Range(0, 400).Select(i => Task.Factory.StartNew(
            () =>
            {
                start.Wait();
                return together.ScoreAsync(active, inputs[i % inputs.Length] with { Quick = false, WithFactors = true }).AsTask();
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap()).ToArray();
        start.Set();
        var results = await Task.WhenAll(tasks).WaitAsync(TimeSpan.FromMinutes(1));
        for (var i = 0; i < results.Length; i++) AssertSame(scorer.Score(active, [inputs[i % inputs.Length] with { Quick = false, WithFactors = true }])[0], results[i]);
        Assert.InRange(together.Largest, 2, 128);
    }

    [NativeXGBoostFact]
    public async Task ScoreAsync_Alone_IsDoneWhenItReturns()
    {
        var (active, inputs) = await LeadsAsync(1);
        var together = new ScoreTogether(sidecar.Get<LeadScorer>(), Microsoft.Extensions.Options.Options.Create(new ScoringOptions()));
        for (var i = 0; i < 50; i++) Assert.True(together.ScoreAsync(active, inputs[0] with { Quick = false, WithFactors = true }).IsCompletedSuccessfully);
    }
}
