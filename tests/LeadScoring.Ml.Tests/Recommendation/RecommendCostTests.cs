using System.Diagnostics;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Recommendation;
using LeadScoring.Ml.Tests.Features;
using Xunit.Abstractions;

namespace LeadScoring.Ml.Tests.Recommendation;

/// <summary>Every full score recommends: it must stay small beside the score.</summary>
public sealed class RecommendCostTests(ITestOutputHelper output)
{
    [Fact]
    public void Recommend_OneLead_AllocatesLittle()
    {
        var profile = ShippedProfiles.RealEstate.Value;
        var lead = new LeadSnapshot(new Dictionary<string, AttributeValue> { ["time_zone"] = AttributeValue.From("America/Denver"), ["age"] = AttributeValue.From(40) }, ActivityState.Replay(Events.Random(new Random(5), 60, Events.At("2026-03-04T12:00:00Z")), long.MaxValue));
        var now = Events.At("2026-06-10T07:00:00Z");
        var values = new FeatureExtractor(profile).Extract(lead, now);
        for (var i = 0; i < 20_000; i++) Recommender.Recommend(profile, values, lead, "ABCD"[i % 4], now + i);
        const int Calls = 20_000;
        var before = GC.GetAllocatedBytesForCurrentThread();
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < Calls; i++) Recommender.Recommend(profile, values, lead, "ABCD"[i % 4], now + i);
        var (each, bytes) = (clock.Elapsed.TotalMicroseconds / Calls, (GC.GetAllocatedBytesForCurrentThread() - before) / Calls);
        output.WriteLine($"{each:0.00} us, {bytes} bytes a lead");
        // The texts for people are most of it. Time is only told: it is the machine's.
        Assert.InRange(bytes, 0, 3_000);
    }
}
