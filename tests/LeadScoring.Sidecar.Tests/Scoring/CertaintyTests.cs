using System.Net;
using System.Text.Json;
using LeadScoring.Demo;
using LeadScoring.Ml.Bundles;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Explanation;
using LeadScoring.Ml.Features;
using LeadScoring.Sidecar.Models;
using LeadScoring.Sidecar.Scoring;
using LeadScoring.Sidecar.Tests.Training;
using Microsoft.Extensions.Options;

namespace LeadScoring.Sidecar.Tests.Scoring;

/// <summary>What an answer says about itself: sub-scores, words, interval, reason to review. The clock stands.</summary>
[Trait("Category", "Slow")]
public sealed class CertaintyTests : IAsyncLifetime
{
    private readonly SidecarFactory sidecar = TestClock.Sidecar(new TestClock());

    public Task InitializeAsync()
    {
        // High enough that some of a few leads are below it, whatever the day.
        sidecar.Settings["LeadScoring:Scoring:ConfidenceThreshold"] = "0.9";
        return sidecar.InitializeAsync();
    }

    public Task DisposeAsync() => sidecar.DisposeAsync();

    private static double Number(JsonElement element, string name) => element.GetProperty(name).GetDouble();

    private static JsonElement[] Factors(JsonElement answer) =>
        [.. answer.GetProperty("factors").GetProperty("positive").EnumerateArray(), .. answer.GetProperty("factors").GetProperty("negative").EnumerateArray()];

    [NativeXGBoostFact]
    public async Task Score_TenThousandLeads_FactorsAndSubScoresAddUpExactly()
    {
        var bundle = ModelBundle.Read(await SmallModel.BundleAsync());
        var active = new ActiveModel(1, bundle, new Explainer(bundle.Model), bundle.Model.Profile, null);
        var scorer = new LeadScorer(Options.Create(new ScoringOptions()));
        var world = new DemoWorld(DemoWorldSettings.Default(new TestClock().GetUtcNow().ToUnixTimeMilliseconds()) with { Seed = 4 });
        var worst = 0.0;
        Parallel.For(0, 10_000, i =>
        {
            var lead = world.HistoricalLead(i);
            var snapshot = new LeadSnapshot(lead.Attributes, ActivityState.Replay(lead.Events, lead.DecisionMs), lead.CreatedAtMs);
            var result = scorer.Score(active, snapshot, lead.DecisionMs, quick: false, withFactors: true);
            var answer = ScoreAnswer.Of("a", result, active, includeFactors: true, cached: false);
            Factor[] factors = [.. answer.Factors!.Positive, .. answer.Factors.Negative];
            var (score, parts) = ((decimal)answer.Score, answer.SubScores!);
            Assert.Equal(score, (decimal)answer.Factors.Base + factors.Sum(f => (decimal)f.Points));
            Assert.Equal(score, (decimal)parts.Base + (decimal)parts.Fit + (decimal)parts.Engagement + (decimal)parts.Intent);
            Assert.Equal(factors.Where(f => f.Group == "intent").Sum(f => (decimal)f.Points), (decimal)parts.Intent);
            Assert.Equal(factors.Where(f => f.Group == "demographic").Sum(f => (decimal)f.Points), (decimal)parts.Fit);
            Assert.All(factors, f => Assert.NotEmpty(f.Text));
            var exact = active.Explainer!.Explain(active.Extractor.Extract(snapshot, lead.DecisionMs));
            lock (world) worst = Math.Max(worst, Math.Abs(exact.Base - answer.Factors.Base));
        });
        // What rounding leaves in the base: half a tenth of the score, and half a thousandth a feature.
        Assert.InRange(worst, 0, 0.05 + (26 * 0.0005));
    }

    [NativeXGBoostFact]
    public async Task Score_Answer_SaysIntervalWordsAndReasonTheSameWheneverItIsGivenOut()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.UseModelAsync(await SmallModel.BundleAsync());
        await SmallModel.SeedAsync(sidecar.Services, organization.Id, 0, 60, seed: 9);
        var ids = (await organization.GetAsync("/v1/leads?limit=200")).Body.GetProperty("leads").EnumerateArray().Select(l => l.Text("lead_id")!).ToArray();
        int reviews = 0, rates = 0;
        foreach (var id in ids)
        {
            var answer = await organization.ScoreAsync(new { lead_id = id, include_factors = true });
            var (interval, probability) = (answer.GetProperty("conversion_interval"), Number(answer, "conversion_probability"));
            Assert.Equal(0.9, Number(interval, "level"));
            Assert.True(Number(interval, "low") > 0 && Number(interval, "low") <= probability && probability <= Number(interval, "high") && Number(interval, "high") < 1, interval.ToString());
            Assert.Equal(answer.GetProperty("needs_review").GetBoolean(), answer.TryGetProperty("review_reason", out var reason));
            if (answer.GetProperty("needs_review").GetBoolean())
            {
                reviews++;
                Assert.Contains("is below 90 %: ", reason.GetString());
            }

            foreach (var factor in Factors(answer))
            {
                if (!factor.TryGetProperty("base_rate", out var rate)) continue;
                rates++;
                Assert.Contains("convert at ", factor.Text("text"));
                Assert.InRange(Number(rate, "converts"), 0.0001, 0.9999);
                Assert.InRange(rate.Int("n"), 20, 1_500);
            }

            var cached = (await organization.GetAsync($"/v1/leads/{id}/score")).Body;
            Assert.Equal("True", cached.Text("cached"));
            foreach (var name in (string[])["factors", "sub_scores", "conversion_interval"]) Assert.Equal(answer.GetProperty(name).ToString(), cached.GetProperty(name).ToString());
            Assert.Equal(answer.Text("review_reason"), cached.Text("review_reason"));
            var row = (await organization.GetAsync($"/v1/leads/{id}/scores")).Body.GetProperty("scores").EnumerateArray().First();
            Assert.Equal(interval.ToString(), row.GetProperty("conversion_interval").ToString());
            Assert.Equal(Factors(answer).Select(f => f.Text("text")).Order(), row.GetProperty("factors").EnumerateArray().Select(f => f.Text("text")).Order());
        }

        Assert.True(reviews > 0 && rates > 100, $"{reviews} reviews, {rates} rates");
    }

    [NativeXGBoostFact]
    public async Task Score_Quick_HasItsOwnConfidenceAndInterval()
    {
        var organization = await sidecar.NewOrganizationAsync();
        await organization.UseModelAsync(await SmallModel.BundleAsync());
        var model = ModelBundle.Read(await SmallModel.BundleAsync()).Model;
        var quick = await organization.ScoreAsync(new { lead_id = "a", save = false, scoring_type = "quick", lead = new { showing_requests = 2, website_sessions = 9 } });
        Assert.Equal("primary", quick.Text("scored_by"));
        var around = model.Certainty.PrimaryIntervals.Around(Number(quick, "conversion_probability"));
        Assert.Equal(around.Low, Number(quick.GetProperty("conversion_interval"), "low"), 2e-4);
        Assert.Equal(around.High, Number(quick.GetProperty("conversion_interval"), "high"), 2e-4);
        Assert.False(quick.TryGetProperty("sub_scores", out _));
    }

    [Fact]
    public async Task Score_ByRules_HasWordsAndSaysWhyToReviewButNoInterval()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var answer = await organization.ScoreAsync(new { lead_id = "a", lead = new { showing_requests = 3, recency = 40, email_open_rate = 0.5 }, include_factors = true });
        Assert.Equal(["3 showing requests", "E-mail open rate 50 %", "Last activity 40 days ago"], Factors(answer).Select(f => f.Text("text")).Order(StringComparer.Ordinal));
        Assert.False(answer.TryGetProperty("conversion_interval", out _));
        Assert.Contains("scored by rules", answer.Text("review_reason"));
        var parts = answer.GetProperty("sub_scores");
        Assert.Equal((10.0, 0.0, 35.0 - 15 + 4, 0.0), (Number(parts, "base"), Number(parts, "fit"), Number(parts, "engagement"), Number(parts, "intent")));
    }

    [Fact]
    public void ReviewReason_Each_IsNamed()
    {
        FeatureValue[] known = [.. Enumerable.Repeat(new FeatureValue(1, null), 4)], unknown = [new(1, null), FeatureValue.Missing, FeatureValue.Missing, FeatureValue.Missing];
        Assert.Null(ReviewReason.Of(new LeadScore(0.5, 0.7), 0.7, ScoredBy.Ensemble, false, [0.5, 0.5], known));
        Assert.Equal(
            "confidence 55 % is below 70 %: the probability of 52 % is close to the 50 % that decides; the models disagree, from 30 % to 75 %; only 1 of 4 features are known",
            ReviewReason.Of(new LeadScore(0.52, 0.55), 0.7, ScoredBy.Ensemble, false, [0.3, 0.75], unknown));
        Assert.Equal("confidence 60 % is below 70 %: leads like this were often decided wrongly", ReviewReason.Of(new LeadScore(0.9, 0.6), 0.7, ScoredBy.Primary, false, [], known));
    }

    [NativeXGBoostFact]
    public async Task Score_BundleOfAnEarlierVersion_IsRefusedWithAWord()
    {
        var organization = await sidecar.NewOrganizationAsync();
        var (status, body) = await organization.SendBundleAsync(Formats.Earlier(await SmallModel.BundleAsync()));
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains("earlier version", body.ToString());
        Assert.Contains("Train again", body.ToString());
    }
}
