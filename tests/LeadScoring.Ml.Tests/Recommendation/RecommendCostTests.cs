using LeadScoring.Ml.Features;
using LeadScoring.Ml.Recommendation;
using LeadScoring.Ml.Tests.Features;
using Xunit.Abstractions;

namespace LeadScoring.Ml.Tests.Recommendation;

/// <summary>Every full score recommends: it must stay small beside the score.</summary>
[Trait("Category", "Slow")]
public sealed class RecommendCostTests(ITestOutputHelper output)
{
    [Fact]
    public void Recommend_OneLead_AllocatesLittle()
    {
        var profile = ShippedProfiles.RealEstate.Value;
        var lead = new LeadSnapshot(new Dictionary<string, AttributeValue> { ["time_zone"] = AttributeValue.From("America/Denver"), ["age"] = AttributeValue.From(40) }, ActivityState.Replay(Events.Random(new Random(5), 60, Events.At("2026-03-04T12:00:00Z")), long.MaxValue));
        var now = Events.At("2026-06-10T07:00:00Z");
        var values = new FeatureExtractor(profile).Extract(lead, now);
        var (extraction, _) = Cost(_ => new FeatureExtractor(profile).Extract(lead, now));
        var (each, bytes) = Cost(i => Recommender.Recommend(profile, values, lead, "ABCD"[i % 4], now + i));
        output.WriteLine($"{each:0.00} us of processor time, {bytes} bytes a lead; extracting its features {extraction:0.00} us");
        // The texts for people are most of it. Time is only told: it is the machine's, and other tests run beside this one.
        Assert.InRange(bytes, 0, 3_000);
    }

    private static (double Microseconds, long Bytes) Cost(Action<int> call)
    {
        const int Calls = 50_000;
        for (var i = 0; i < Calls; i++) call(i);
        var (before, bytes) = (Environment.CpuUsage.TotalTime, GC.GetAllocatedBytesForCurrentThread());
        for (var i = 0; i < Calls; i++) call(i);
        return ((Environment.CpuUsage.TotalTime - before).TotalMicroseconds / Calls, (GC.GetAllocatedBytesForCurrentThread() - bytes) / Calls);
    }
}
