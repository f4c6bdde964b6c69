using System.Collections.Frozen;
using LeadScoring.Demo;
using LeadScoring.Ml.Ensemble;
using LeadScoring.Ml.Features;
using LeadScoring.Ml.Tests.XGBoost;
using LeadScoring.Ml.Training;
using LeadScoring.Ml.XGBoost;

namespace LeadScoring.Ml.Tests.Features;

/// <summary>Extraction allocates nothing, and its shortcuts change nothing.</summary>
public sealed class ExtractionCostTests
{
    private const int Leads = 1_000;

    private static readonly Lazy<(LeadSnapshot[] Snapshots, long[] AsOf, float[] Labels)> World = new(() =>
    {
        var world = new DemoWorld(DemoWorldSettings.Default(1_767_225_600_000));
        DemoLead[] leads = [.. Enumerable.Range(0, Leads).Select(world.HistoricalLead)];
        return (
            Array.ConvertAll(leads, l => new LeadSnapshot(l.Attributes, ActivityState.Replay(l.Events, l.DecisionMs), l.CreatedAtMs)),
            Array.ConvertAll(leads, l => l.DecisionMs), Array.ConvertAll(leads, l => l.Outcome!.Converted ? 1f : 0f));
    });

    [NativeXGBoostFact]
    public void ExtractAndScore_ThousandLeads_AllocateNothing()
    {
        var (snapshots, asOf, labels) = World.Value;
        var profile = ShippedProfiles.RealEstate.Value;
        var extractor = new FeatureExtractor(profile);
        var width = profile.Features.Count;
        var values = new FeatureValue[Leads * width];
        for (var i = 0; i < Leads; i++) extractor.Extract(snapshots[i], asOf[i], values.AsSpan(i * width, width));
        var settings = new TrainingSettings
        {
            GradientBoosting = XGBoostParameters.GradientBoosting with { Rounds = 10, MaxDepth = 3 },
            RandomForest = XGBoostParameters.RandomForest with { ParallelTrees = 10, MaxDepth = 8 },
            Folds = 2,
        };
        var model = EnsembleTrainer.Train(new TrainingSet(profile, values, labels, asOf), settings, null, default).Model;
        // Not extracted and scored in vain: attributes and activity are both there.
        Assert.Contains(snapshots, s => s.Attributes.Count > 0 && s.Activity.Events > 0);
        var row = new FeatureValue[model.Profile.Features.Count];
        for (var i = 0; i < Leads; i++) Score(i);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < Leads; i++) Score(i);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Score(int i)
        {
            model.Extractor.Extract(snapshots[i], asOf[i], row);
            model.Score(row);
        }
    }

    [Fact]
    public void Extract_AttributesInAnyDictionary_GivesTheSameValues()
    {
        var extractor = new FeatureExtractor(ShippedProfiles.RealEstate.Value);
        var (snapshots, asOf, _) = World.Value;
        for (var i = 0; i < 200; i++)
        {
            var lead = snapshots[i];
            var expected = extractor.Extract(lead with { Attributes = lead.Attributes.ToFrozenDictionary(StringComparer.Ordinal) }, asOf[i]);
            var many = new Dictionary<string, AttributeValue>(lead.Attributes, StringComparer.Ordinal);
            for (var k = 0; k < 300; k++) many[$"other{k}"] = AttributeValue.From(k);
            Assert.Equal(expected, extractor.Extract(lead, asOf[i]));
            Assert.Equal(expected, extractor.Extract(lead with { Attributes = new Dictionary<string, AttributeValue>(lead.Attributes) }, asOf[i]));
            Assert.Equal(expected, extractor.Extract(lead with { Attributes = many }, asOf[i]));
        }
    }

    [Fact]
    public void Extract_NamesInAnotherCase_FollowTheDictionarysComparer()
    {
        var extractor = new FeatureExtractor(ShippedProfiles.RealEstate.Value);
        var at = ShippedProfiles.RealEstate.Value.IndexOf("family_size");
        double Of(StringComparer comparer) =>
            extractor.Extract(new LeadSnapshot(new Dictionary<string, AttributeValue>(comparer) { ["Family_Size"] = AttributeValue.From(4) }, new ActivityState()), 0)[at].Number;
        Assert.Equal(4, Of(StringComparer.OrdinalIgnoreCase));
        Assert.Equal(double.NaN, Of(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("America/New_York")]
    [InlineData("Europe/Berlin")]
    [InlineData("Australia/Lord_Howe")]   // half an hour of summer time
    [InlineData("Asia/Kolkata")]
    [InlineData("UTC")]
    public void ShiftAt_AroundEveryChangeOfTheClocks_IsTheZonesOwn(string name)
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById(name);
        var hours = new ZoneHours(zone);
        var changes = 0;
        for (var minute = Events.At("2025-01-01T00:00:00Z"); minute < Events.At("2027-01-01T00:00:00Z"); minute += 15 * 60_000)
        {
            foreach (var at in (long[])[minute - 1, minute, minute, minute + 1, minute - 1])
                Assert.Equal((int)Math.Round(zone.GetUtcOffset(DateTimeOffset.FromUnixTimeMilliseconds(at)).TotalHours), hours.ShiftAt(at));
            changes += zone.GetUtcOffset(DateTimeOffset.FromUnixTimeMilliseconds(minute)) != zone.GetUtcOffset(DateTimeOffset.FromUnixTimeMilliseconds(minute - 1)) ? 1 : 0;
        }

        Assert.Equal(name is "UTC" or "Asia/Kolkata" ? 0 : 4, changes);
        Assert.Equal((int)Math.Round(zone.GetUtcOffset(DateTimeOffset.FromUnixTimeMilliseconds(-1)).TotalHours), hours.ShiftAt(-1));
    }

    [Fact]
    public void CountOwnEventsByWeek_RandomActivity_IsEachWeeksOwnEvents()
    {
        var random = new Random(4);
        var now = Events.At("2026-03-04T12:00:00Z");
        for (var repetition = 0; repetition < 50; repetition++)
        {
            var state = ActivityState.Replay(Events.Random(random, 200, now), long.MaxValue);
            var today = ActivityState.DayOf(now) + random.Next(-30, 30);
            var counts = new double[random.Next(2, 9)];
            state.CountOwnEventsByWeek(today, counts);
            for (var w = 0; w < counts.Length; w++)
            {
                var last = today - ((counts.Length - 1 - w) * 7);
                Assert.Equal(state.days.Where(d => d.Key > last - 7 && d.Key <= last).Sum(d => d.Value), counts[w]);
                Assert.Equal(counts[w], state.OwnEventsBetween(last - 6, last));
            }
        }
    }
}
